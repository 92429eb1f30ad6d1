#include <gmock/gmock.h>
#include <sys/socket.h>

#include <cstring>

#include "tests/unit/session/session_fixture.h"

// The order of requests and their answers.
namespace redlockd::session {
namespace {

using engine::CancelRequested;
using engine::Failure;
using engine::LockRequested;
using engine::Notice;
using engine::UnlockRequested;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

using FlowTest = SessionTest;

TEST_F(FlowTest, LockIsAskedWithItsOptionsAndAnswered) {
  const auto client = Connect();
  client->Send(
      "lock a%20b wait=2s ttl=8s max-hold=1h min-hold=5m note=x%3Dy events=renew,wanted\r\n");
  const auto lock = Nth<LockRequested>(0);
  EXPECT_EQ(lock.session, Nth<engine::SessionOpened>(0).session);
  EXPECT_EQ(lock.name, "a b");
  EXPECT_EQ(lock.wait, engine::Duration(2s));
  EXPECT_EQ(lock.ttl, engine::Duration(8s));
  EXPECT_EQ(lock.max_hold, engine::Duration(1h));
  EXPECT_EQ(lock.min_hold, engine::Duration(5min));
  EXPECT_EQ(lock.note, "x=y");
  EXPECT_TRUE(lock.renewed_events);
  EXPECT_TRUE(lock.wanted_events);
  Grant(lock);
  EXPECT_EQ(client->Line(),
            "OK lock=a%20b fence=7 deadline=1010000000000 left=10s ttl=10s votes=2/3");
}

TEST_F(FlowTest, AGrantOfWhatIsSharedSaysSo) {
  const auto client = Connect();
  client->Send("lock a mode=shared\n");
  EXPECT_EQ(Nth<LockRequested>(0).mode, engine::Mode::kShared);
  Grant(Nth<LockRequested>(0));
  EXPECT_EQ(client->Line(),
            "OK lock=a mode=shared fence=7 deadline=1010000000000 left=10s ttl=10s votes=2/3");
  client->Send("lock b mode=exclusive\n");
  EXPECT_EQ(Nth<LockRequested>(1).mode, engine::Mode::kExclusive);
}

TEST_F(FlowTest, UnlockSaysForHowLongTheLockIsKept) {
  const auto client = Connect();
  client->Send("lock a min-hold=1m\n");
  Grant(Nth<LockRequested>(0));
  client->Line();
  client->Send("unlock a\n");
  const auto unlock = Nth<UnlockRequested>(0);
  Answer(unlock.session, unlock.request, engine::Released{"a", 7, 59s + 999us});
  EXPECT_EQ(client->Line(), "OK lock=a fence=7 kept=59s");
}

TEST_F(FlowTest, WaitIsForEverUnlessSaidAndTrylockDoesNot) {
  const auto client = Connect();
  client->Send("#a lock a\n#b lock b wait=forever\n#c lock c wait=0\n#d TryLock d\n");
  EXPECT_EQ(Nth<LockRequested>(0).wait, std::nullopt);
  EXPECT_EQ(Nth<LockRequested>(1).wait, std::nullopt);
  EXPECT_EQ(Nth<LockRequested>(2).wait, engine::Duration(0));
  EXPECT_EQ(Nth<LockRequested>(3).wait, engine::Duration(0));
}

TEST_F(FlowTest, UntaggedRequestsRunOneAfterTheOther) {
  const auto client = Connect();
  client->Send("lock a\nping\nlock b\nhold it\nping\n");
  const auto a = Nth<LockRequested>(0);
  Turn();
  EXPECT_EQ(client->Rest(), "");
  EXPECT_THAT(engine.All<LockRequested>(), SizeIs(1));
  Grant(a);
  EXPECT_THAT(client->Line(), StartsWith("OK lock=a "));
  EXPECT_EQ(client->Line(), kPong);
  const auto b = Nth<LockRequested>(1);
  EXPECT_EQ(b.name, "b");
  Turn();
  EXPECT_EQ(client->Rest(), "");
  Fail(b, Failure::kTimeout);
  EXPECT_THAT(client->Line(), StartsWith("ERR timeout lock=b :"));
  EXPECT_THAT(client->Line(), StartsWith("ERR unknown-verb :"));
  EXPECT_EQ(client->Line(), kPong);
}

TEST_F(FlowTest, TaggedRequestsAreAnsweredAsTheyFinish) {
  const auto client = Connect();
  client->Send("lock a\n#x lock b\n#y lock c\n#z ping\n");
  EXPECT_EQ(client->Line(), std::string("#z ") + kPong);
  Grant(Nth<LockRequested>(2));
  EXPECT_THAT(client->Line(), StartsWith("#y OK lock=c "));
  Grant(Nth<LockRequested>(1));
  EXPECT_THAT(client->Line(), StartsWith("#x OK lock=b "));
  Grant(Nth<LockRequested>(0));
  EXPECT_THAT(client->Line(), StartsWith("OK lock=a "));
}

TEST_F(FlowTest, ATagIsFreeAgainOnceAnswered) {
  const auto client = Connect();
  client->Send("#x lock a\n#x ping\n");
  EXPECT_THAT(client->Line(), StartsWith("#x ERR bad-request :"));
  Fail(Nth<LockRequested>(0), Failure::kBusy);
  EXPECT_THAT(client->Line(), StartsWith("#x ERR busy lock=a :"));
  client->Send("#x ping\n");
  EXPECT_EQ(client->Line(), std::string("#x ") + kPong);
}

TEST_F(FlowTest, CancelEndsATaggedWait) {
  const auto client = Connect();
  client->Send("#x lock a\n#y show b\ncancel x\n");
  const auto cancel = Nth<CancelRequested>(0);
  const auto lock = Nth<LockRequested>(0);
  EXPECT_EQ(cancel.target, lock.request);
  EXPECT_EQ(cancel.name, "a");
  Fail(lock, Failure::kCancelled);
  Answer(cancel.session, cancel.request, engine::WaitCancelled{});
  EXPECT_THAT(client->Line(), StartsWith("#x ERR cancelled lock=a :"));
  EXPECT_EQ(client->Line(), "OK tag=x");
  client->Send("cancel x\ncancel y\ncancel b,d\n");
  EXPECT_THAT(client->Line(), StartsWith("ERR no-such-tag tag=x :"));
  EXPECT_THAT(client->Line(), StartsWith("ERR no-such-tag tag=y :"));  // no wait
  EXPECT_THAT(client->Line(), StartsWith("ERR bad-request :"));
}

TEST_F(FlowTest, CancelThatComesTooLate) {
  const auto client = Connect();
  client->Send("#x lock a\n#c cancel x\n");
  const auto cancel = Nth<CancelRequested>(0);
  Grant(Nth<LockRequested>(0));
  Answer(cancel.session, cancel.request, engine::Failed{.failure = Failure::kNoSuchWait});
  EXPECT_THAT(client->Line(), StartsWith("#x OK lock=a "));
  EXPECT_THAT(client->Line(), StartsWith("#c ERR no-such-tag tag=x :"));
}

TEST_F(FlowTest, UnlockAndCheck) {
  const auto client = Connect();
  client->Send("#u unlock a sync fence=7\n#v unlock sync\n#c check a fence=7\n#d check a\n");
  const auto unlock = Nth<UnlockRequested>(0);
  EXPECT_TRUE(unlock.sync);
  EXPECT_EQ(unlock.fence, 7);
  EXPECT_EQ(Nth<UnlockRequested>(1).name, "sync");
  EXPECT_FALSE(Nth<UnlockRequested>(1).sync);
  const auto check = Nth<engine::CheckRequested>(0);
  EXPECT_EQ(check.fence, 7);
  Answer(unlock.session, unlock.request, engine::Released{"a", 7});
  EXPECT_EQ(client->Line(), "#u OK lock=a fence=7");
  Answer(check.session, check.request, engine::Checked{"a", 7, engine.now + 1234567890ns});
  EXPECT_EQ(client->Line(), "#c OK lock=a fence=7 deadline=1001234567890 left=1234ms");
  const auto other = Nth<engine::CheckRequested>(1);
  Answer(other.session, other.request,
         engine::Failed{.failure = Failure::kLost,
                        .name = "a",
                        .fence = 7,
                        .reason = engine::LossReason::kMaxHold});
  EXPECT_THAT(client->Line(), StartsWith("#d ERR lost lock=a fence=7 reason=max-hold :"));
}

TEST_F(FlowTest, EventsGoToTheSessionTheyConcern) {
  const auto one = Connect();
  const auto two = Connect();
  const auto id = Nth<engine::SessionOpened>(0).session;
  Notify(id, Notice::Kind::kJeopardy, "a");
  EXPECT_EQ(one->Line(), "* JEOPARDY lock=a fence=7 deadline=1010000000000 left=10s");
  Notify(id, Notice::Kind::kSafe, "a");
  EXPECT_EQ(one->Line(), "* SAFE lock=a fence=7 deadline=1010000000000 left=10s");
  Notify(id, Notice::Kind::kRenewed, "a");
  EXPECT_EQ(one->Line(), "* RENEWED lock=a fence=7 deadline=1010000000000 left=10s");
  Notify(id, Notice::Kind::kWanted, "a");
  EXPECT_EQ(one->Line(), "* WANTED lock=a fence=7 by=here");
  Notify(id, Notice::Kind::kLost, "a");
  EXPECT_EQ(one->Line(), "* LOST lock=a fence=7 reason=expired");
  Notify(id, Notice::Kind::kBroken, "a");
  EXPECT_EQ(one->Line(), "* BROKEN lock=a fence=7 deadline=1010000000000 left=10s");
  Notify(id, Notice::Kind::kDraining, "", 0, engine.now + 1500ms);
  EXPECT_EQ(one->Line(), "* DRAINING within=1500ms");
  EXPECT_EQ(two->Rest(), "");
}

TEST_F(FlowTest, WhatIsLeftIsRoundedDownAndCountsFromWhenTheLineIsMade) {
  const auto client = Connect();
  const auto id = Nth<engine::SessionOpened>(0).session;
  for (const auto& [left, text] : {std::pair<engine::Duration, std::string>{1999999ns, "1ms"},
                                   {999999ns, "0s"},
                                   {-1s, "0s"}}) {
    Notify(id, Notice::Kind::kBroken, "a", 7, engine.now + left);
    EXPECT_THAT(client->Line(), EndsWith(" left=" + text));
  }
  // It is kept until the end of the turn, and counts from then.
  Notify(id, Notice::Kind::kRenewed, "a", 7, engine.now + 9s);
  engine.now += 2s;
  EXPECT_EQ(client->Line(), "* RENEWED lock=a fence=7 deadline=1009000000000 left=7s");
}

// Whatever comes together in one turn.
TEST_F(FlowTest, TheEventsOfAHoldComeBetweenItsGrantAndItsEnd) {
  const auto client = Connect();
  client->Send("lock a events=renew,wanted\n");
  const auto lock = Nth<LockRequested>(0);
  const auto id = lock.session;
  Grant(lock);
  Notify(id, Notice::Kind::kWanted, "a");
  Notify(id, Notice::Kind::kJeopardy, "a");
  client->Send("unlock a\n");
  const auto unlock = Nth<UnlockRequested>(0);
  Notify(id, Notice::Kind::kSafe, "a");
  Notify(id, Notice::Kind::kRenewed, "a");
  Answer(id, unlock.request, engine::Released{"a", 7});
  EXPECT_THAT(client->Line(), StartsWith("OK lock=a fence=7 deadline="));
  for (const char* event : {"JEOPARDY", "WANTED", "SAFE"}) {
    EXPECT_THAT(client->Line(), StartsWith(std::string("* ") + event + " lock=a fence=7"));
  }
  EXPECT_EQ(client->Line(), "OK lock=a fence=7");
  EXPECT_EQ(client->Rest(), "");
}

TEST_F(FlowTest, NothingIsSaidOfAHoldAfterItsLoss) {
  const auto client = Connect();
  client->Send("lock a events=renew,wanted\n");
  const auto lock = Nth<LockRequested>(0);
  Grant(lock);
  Notify(lock.session, Notice::Kind::kWanted, "a");
  Notify(lock.session, Notice::Kind::kRenewed, "a");
  Notify(lock.session, Notice::Kind::kLost, "a");
  EXPECT_THAT(client->Line(), StartsWith("OK lock=a "));
  EXPECT_THAT(client->Line(), StartsWith("* LOST lock=a "));
  EXPECT_EQ(client->Rest(), "");
}

TEST_F(FlowTest, OnlyTheNewestRenewalIsKept) {
  const auto client = Connect();
  const auto id = Nth<engine::SessionOpened>(0).session;
  for (int i = 1; i <= 3; ++i) {
    Notify(id, Notice::Kind::kRenewed, "a", 7, engine::Time(1000s + 1s * i));
    Notify(id, Notice::Kind::kRenewed, "b", 8, engine::Time(1000s + 1s * i));
  }
  Notify(id, Notice::Kind::kLost, "b", 8);
  EXPECT_EQ(client->Line(), "* LOST lock=b fence=8 reason=expired");
  EXPECT_EQ(client->Line(), "* RENEWED lock=a fence=7 deadline=1003000000000 left=3s");
  EXPECT_EQ(client->Rest(), "");
}

TEST_F(FlowTest, ManyPipelinedLinesAreAllAnsweredAndHoldNobodyUp) {
  const auto flood = Connect();
  const auto other = Connect();
  std::string pings;
  for (int i = 0; i < 1000; ++i) pings += "ping\n";
  flood->Send(pings);
  other->Send("lock a\n");
  // The flood is not through when the other's first line is.
  Until([this] { return !engine.All<LockRequested>().empty(); });
  const auto answered_by_then = flood->Rest();
  for (std::size_t n = answered_by_then.size() / (std::strlen(kPong) + 1); n < 1000; ++n)
    ASSERT_EQ(flood->Line(), kPong);
  EXPECT_EQ(flood->Rest(), "");
}

// The kernel ends a read after the bytes that came with a descriptor.
TEST_F(FlowTest, LinesBehindADescriptorThatNobodyAskedFor) {
  const auto client = Connect();
  std::string line = "ping\n";
  iovec bytes{line.data(), line.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int descriptor = client->fd();
  std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  ASSERT_EQ(sendmsg(client->fd(), &message, 0), 5);
  client->Send("lock a\n");
  EXPECT_EQ(client->Line(), kPong);
  EXPECT_EQ(Nth<LockRequested>(0).name, "a");
}

TEST_F(FlowTest, LinesInPiecesAndEmptyOnes) {
  const auto client = Connect();
  client->Send("pi");
  Turn();
  client->Send("ng\n\n   \n");
  EXPECT_EQ(client->Line(), kPong);
  EXPECT_THAT(client->Line(), StartsWith("ERR bad-request :"));
  EXPECT_THAT(client->Line(), StartsWith("ERR bad-request :"));
}

TEST_F(FlowTest, GarbageIsAnsweredAndTheSessionLivesOn) {
  const auto client = Connect();
  client->Send(std::string_view("ping \0 x\n", 9));
  EXPECT_THAT(client->Line(), StartsWith("ERR bad-request :"));
  client->Send("\xff\xfe\x01\x02 #\n#t1 lock a%zz\n#not/a/tag ping\n");
  EXPECT_THAT(client->Line(), StartsWith("ERR bad-request :"));
  EXPECT_THAT(client->Line(), StartsWith("#t1 ERR bad-request :"));
  EXPECT_THAT(client->Line(), StartsWith("ERR bad-request :"));
  client->Send(std::string(100000, 'x') + "\nping\n" + std::string(4096, 'y') + "\nping\n");
  EXPECT_THAT(client->Line(), StartsWith("ERR line-too-long :"));
  EXPECT_EQ(client->Line(), kPong);
  EXPECT_THAT(client->Line(), StartsWith("ERR line-too-long :"));
  EXPECT_EQ(client->Line(), kPong);
  client->Send("ping" + std::string(4091, ' ') + "\n");
  EXPECT_EQ(client->Line(), kPong);
}

TEST_F(FlowTest, AnotherProtocolIsSentAway) {
  const auto client = Connect();
  client->Send("GET /locks HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(client->Line(), HasSubstr("found HTTP"));
  EXPECT_EQ(client->Line(), "(closed)");
  EXPECT_THAT(engine.All<engine::SessionClosed>(), SizeIs(1));
}

}  // namespace
}  // namespace redlockd::session
