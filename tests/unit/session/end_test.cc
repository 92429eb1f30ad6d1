#include <gmock/gmock.h>
#include <sys/socket.h>

#include "tests/unit/session/session_fixture.h"

// How a session ends: half-close, close and quit, in each phase of a request.
namespace redlockd::session {
namespace {

using engine::Failure;
using engine::LockRequested;
using engine::SessionClosed;
using engine::SessionDropped;
using engine::SessionInputEnded;
using ::testing::_;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;
using ::testing::VariantWith;

class EndTest : public SessionTest {
 protected:
  // The greeting is unread: the kernel tells a reset, in one event with the bytes before it.
  void ExpectTheEndBehind(const std::string& bytes) {
    const auto client = ConnectRaw();
    Until([this] { return sessions->count() == 1; });
    Turn();
    client->Send(bytes);
    client->Close();
    Until([this] { return sessions->count() == 0; });
    EXPECT_THAT(engine.All<SessionClosed>(), SizeIs(1));
  }
  // Until the socket is full; what is unsent stays far below the bound.
  void FillWithAnswers(Client& client) {
    std::string lines;
    for (int i = 0; i < 20; ++i) lines += "help\n";
    while (sessions->AllSent()) {
      client.Send(lines);
      Turn(2);
    }
  }
};

TEST_F(EndTest, HalfCloseOfAnIdleSessionEndsIt) {
  const auto client = Connect();
  client->HalfClose();
  EXPECT_EQ(client->Line(), "(closed)");
  EXPECT_THAT(engine.All<SessionInputEnded>(), SizeIs(1));
  EXPECT_THAT(engine.All<SessionClosed>(), SizeIs(1));
  EXPECT_EQ(sessions->count(), 0u);
}

// Otherwise somebody who has seen the one could still be shown the locks of the other.
TEST_F(EndTest, TheEngineHasTakenTheEndBeforeTheClientSeesIt) {
  for (const char* line : {"", "quit\n"}) {
    const auto client = Connect();
    client->Send(line);
    client->HalfClose();
    while (client->Line() != "(closed)") continue;
    EXPECT_THAT(engine.events.back(), VariantWith<SessionClosed>(_));
    EXPECT_EQ(engine.settled, engine.events.size());
  }
}

TEST_F(EndTest, LinesBeforeAHalfCloseRunInOrder) {
  const auto client = Connect();
  client->Send("lock a\nping\nunlock a\n");
  client->HalfClose();
  Grant(Nth<LockRequested>(0));
  EXPECT_THAT(client->Line(), StartsWith("OK lock=a "));
  EXPECT_EQ(client->Line(), kPong);
  const auto unlock = Nth<engine::UnlockRequested>(0);
  EXPECT_THAT(engine.All<SessionClosed>(), IsEmpty());
  Answer(unlock.session, unlock.request, engine::Released{"a", 7});
  EXPECT_EQ(client->Line(), "OK lock=a fence=7");
  EXPECT_EQ(client->Line(), "(closed)");
  EXPECT_THAT(engine.All<SessionClosed>(), SizeIs(1));
}

TEST_F(EndTest, TheEngineHearsOfAHalfCloseWhileARequestWaits) {
  const auto client = Connect();
  client->Send("lock a\nping\n");
  const auto lock = Nth<LockRequested>(0);
  EXPECT_THAT(engine.All<SessionInputEnded>(), IsEmpty());
  client->HalfClose();
  Nth<SessionInputEnded>(0);
  EXPECT_THAT(engine.All<SessionClosed>(), IsEmpty());
  Fail(lock, Failure::kCancelled);
  EXPECT_THAT(client->Line(), StartsWith("ERR cancelled lock=a :"));
  EXPECT_EQ(client->Line(), kPong);
  EXPECT_EQ(client->Line(), "(closed)");
}

TEST_F(EndTest, AHalfCloseReleasesThoughTheAnswersAreNotRead) {
  const auto client = Connect();
  client->Send("lock a\n");
  Grant(Nth<LockRequested>(0));
  Until([this] { return sessions->AllSent(); });
  FillWithAnswers(*client);
  client->HalfClose();
  Nth<SessionClosed>(0);
  EXPECT_THAT(engine.All<SessionDropped>(), IsEmpty());
  EXPECT_EQ(sessions->count(), 1u) << "it may still read";
  EXPECT_THAT(client->Line(), StartsWith("OK lock=a "));
  std::string last, line;
  while ((line = client->Line()).starts_with("- ") || line.starts_with("OK")) last = line;
  EXPECT_EQ(line, "(closed)");
  EXPECT_THAT(last, StartsWith("OK")) << "the last answer is whole";
  EXPECT_THAT(engine.All<SessionClosed>(), SizeIs(1));
}

TEST_F(EndTest, CloseWithoutReadingBehindAHalfClose) {
  const auto client = Connect();
  FillWithAnswers(*client);
  client->HalfClose();
  Nth<SessionClosed>(0);
  client->Close();
  Until([this] { return sessions->count() == 0; });
  EXPECT_THAT(engine.All<SessionClosed>(), SizeIs(1));
}

TEST_F(EndTest, AHalfCloseIsKnownThoughLinesAreLeftUnread) {
  const auto client = Connect();
  std::string lines = "lock a\n";
  for (int i = 0; i < 500; ++i) lines += "ping\n";  // more than may wait behind the lock
  client->Send(lines);
  client->HalfClose();
  Nth<SessionInputEnded>(0);
  Fail(Nth<LockRequested>(0), Failure::kCancelled);
  EXPECT_THAT(client->Line(), StartsWith("ERR cancelled "));
  for (int i = 0; i < 500; ++i) ASSERT_EQ(client->Line(), kPong);
  EXPECT_EQ(client->Line(), "(closed)");
  EXPECT_THAT(engine.All<SessionInputEnded>(), SizeIs(1));
}

TEST_F(EndTest, BytesBehindTheLastLineAreNoLine) {
  const auto client = Connect();
  client->Send("ping\nunlock a");
  client->HalfClose();
  EXPECT_EQ(client->Line(), kPong);
  EXPECT_THAT(client->Line(), StartsWith("ERR bad-request :"));
  EXPECT_EQ(client->Line(), "(closed)");
  EXPECT_THAT(engine.All<engine::UnlockRequested>(), IsEmpty());
}

TEST_F(EndTest, CloseWhileWaitingReleasesAtOnce) {
  const auto client = Connect();
  client->Send("lock a\nlock b\n#t lock c\n");
  const auto lock = Nth<LockRequested>(0);
  Nth<LockRequested>(1);
  client->Close();
  Nth<SessionClosed>(0);
  Until([this] { return sessions->count() == 0; });
  EXPECT_THAT(engine.All<SessionInputEnded>(), IsEmpty());
  EXPECT_THAT(engine.All<LockRequested>(), SizeIs(2));
  Grant(lock);  // too late, and nobody's
  Turn();
  EXPECT_THAT(engine.All<SessionClosed>(), SizeIs(1));
}

TEST_F(EndTest, AResetBehindHalfALine) { ExpectTheEndBehind("lock a"); }

TEST_F(EndTest, AResetBehindARequestThatWaits) { ExpectTheEndBehind("lock a\n"); }

TEST_F(EndTest, CloseBehindAHalfClose) {
  const auto client = Connect();
  client->Send("lock a\n");
  client->HalfClose();
  Nth<SessionInputEnded>(0);
  client->Close();
  Nth<SessionClosed>(0);
  Until([this] { return sessions->count() == 0; });
}

// The kernel tells this as an error, not as a hang-up.
TEST_F(EndTest, CloseWithAnswersUnread) {
  const auto client = Connect();
  client->Send("ping\nlock a\n");
  Nth<LockRequested>(0);
  Turn();
  client->Close();
  Nth<SessionClosed>(0);
  Until([this] { return sessions->count() == 0; });
}

TEST_F(EndTest, CloseWithAnswersUnreadBehindAHalfClose) {
  const auto client = Connect();
  client->Send("ping\nlock a\n");
  client->HalfClose();
  Nth<SessionInputEnded>(0);
  Turn();
  client->Close();
  Nth<SessionClosed>(0);
  Until([this] { return sessions->count() == 0; });
}

TEST_F(EndTest, CloseWhileTheDaemonTakesNoMoreLines) {
  const auto client = Connect();
  std::string lines = "#p ping\nlock a\n";
  for (int i = 0; i < 500; ++i) lines += "ping\n";
  client->Send(lines);
  Nth<LockRequested>(0);
  Turn();
  client->Close();
  Nth<SessionClosed>(0);
  Until([this] { return sessions->count() == 0; });
}

TEST_F(EndTest, ShutdownOfBothSidesIsAClose) {
  const auto client = Connect();
  client->Send("lock a\n");
  Nth<LockRequested>(0);
  shutdown(client->fd(), SHUT_RDWR);
  Nth<SessionClosed>(0);
}

TEST_F(EndTest, AClientThatStopsReadingForEverIsGone) {
  const auto client = Connect();
  client->Send("lock a\n");
  const auto lock = Nth<LockRequested>(0);
  shutdown(client->fd(), SHUT_RD);
  Grant(lock);
  Nth<SessionClosed>(0);
}

TEST_F(EndTest, QuitCancelsWhatWaitsAndCloses) {
  const auto client = Connect();
  client->Send("lock a\nlock b\n#x lock c\n#q quit\n#y ping\n");
  Nth<SessionClosed>(0);
  EXPECT_THAT(client->Line(), StartsWith("ERR cancelled lock=a :"));
  EXPECT_THAT(client->Line(), StartsWith("#x ERR cancelled lock=c :"));
  EXPECT_THAT(client->Line(), StartsWith("ERR cancelled :"));
  EXPECT_EQ(client->Line(), "#q OK");
  EXPECT_EQ(client->Line(), "(closed)");
  EXPECT_THAT(engine.All<SessionClosed>(), SizeIs(1));
}

TEST_F(EndTest, UntaggedQuitWaitsForItsTurn) {
  const auto client = Connect();
  client->Send("lock a\nquit\nlock b\n");
  const auto lock = Nth<LockRequested>(0);
  Turn();
  EXPECT_THAT(engine.All<SessionClosed>(), IsEmpty());
  Grant(lock);
  EXPECT_THAT(client->Line(), StartsWith("OK lock=a "));
  EXPECT_EQ(client->Line(), "OK");
  EXPECT_EQ(client->Line(), "(closed)");
}

TEST_F(EndTest, OutputThatNobodyReadsIsBounded) {
  const auto client = Connect();
  const auto id = Nth<engine::SessionOpened>(0).session;
  const std::string name(200, 'n');
  const auto dropped = [this] { return !engine.All<SessionDropped>().empty(); };
  for (int i = 0; i < 10000 && !dropped(); ++i) {
    Notify(id, engine::Notice::Kind::kLost, name);
    if (i % 100 == 0) Turn(2);
  }
  Until(dropped);
  Until([this] { return sessions->count() == 0; });
  EXPECT_THAT(engine.All<SessionClosed>(), IsEmpty());
  std::string line;
  while ((line = client->Line()) != "(closed)") ASSERT_NE(line, "(nothing)");
}

TEST_F(EndTest, WhatBecomesOfAHoldNeverDropsASession) {
  const auto client = Connect();
  const auto id = Nth<engine::SessionOpened>(0).session;
  // Fill the socket, but not the bound.
  const std::string name(200, 'n');
  for (int i = 0; i < 1500; ++i) Notify(id, engine::Notice::Kind::kJeopardy, name);
  Turn(3);
  for (int i = 0; i < 20000; ++i) {
    Notify(id, engine::Notice::Kind::kJeopardy, name, 7, engine::Time(1009s + 1s * i));
    Notify(id, engine::Notice::Kind::kSafe, name, 7, engine::Time(1009s + 1s * i));
    Notify(id, engine::Notice::Kind::kRenewed, name, 7, engine::Time(1010s + 1s * i));
    Notify(id, engine::Notice::Kind::kWanted, name);
    if (i % 1000 == 0) Turn(2);
  }
  EXPECT_FALSE(sessions->AllSent());
  EXPECT_THAT(engine.All<SessionDropped>(), IsEmpty());
  for (int i = 0; i < 1500; ++i) ASSERT_THAT(client->Line(), StartsWith("* JEOPARDY "));
  EXPECT_EQ(client->Line(), "* SAFE lock=" + name + " fence=7 deadline=21008000000000 left=20008s");
  EXPECT_EQ(client->Line(),
            "* RENEWED lock=" + name + " fence=7 deadline=21009000000000 left=20009s");
  EXPECT_EQ(client->Line(), "* WANTED lock=" + name + " fence=7 by=here");
  EXPECT_EQ(client->Rest(), "");
  EXPECT_TRUE(sessions->AllSent());
}

TEST_F(EndTest, WhatWasKeptBackOfAHoldComesBeforeTheAnswerAboutIt) {
  const auto client = Connect();
  const auto id = Nth<engine::SessionOpened>(0).session;
  const std::string fill(200, 'n');
  client->Send("unlock a\n");
  Until([this] { return !engine.All<engine::UnlockRequested>().empty(); });
  for (int i = 0; i < 1500; ++i) Notify(id, engine::Notice::Kind::kJeopardy, fill);
  Turn(3);
  Notify(id, engine::Notice::Kind::kJeopardy, "a");
  Notify(id, engine::Notice::Kind::kRenewed, "a");
  Notify(id, engine::Notice::Kind::kWanted, "a");
  Answer(id, Nth<engine::UnlockRequested>(0).request, engine::Released{"a", 7});
  for (int i = 0; i < 1500; ++i) ASSERT_THAT(client->Line(), StartsWith("* JEOPARDY "));
  EXPECT_THAT(client->Line(), StartsWith("* JEOPARDY lock=a "));
  EXPECT_THAT(client->Line(), StartsWith("* WANTED lock=a "));
  EXPECT_THAT(client->Line(), StartsWith("OK lock=a fence=7"));
  EXPECT_EQ(client->Rest(), "");
}

}  // namespace
}  // namespace redlockd::session
