#include "daemon/session/owners.h"

#include <gmock/gmock.h>

#include <map>
#include <vector>

#include "tests/unit/session/session_fixture.h"

namespace redlockd::session {
namespace {

using engine::LockRequested;
using engine::SessionClosed;
using engine::SessionId;
using engine::SessionOpened;
using engine::SessionUse;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;
using testing::UnorderedElementsAre;

// --- which owners there are ----------------------------------------------------------------------

constexpr SessionUse kNothing{};
constexpr SessionUse kLocks{.locks = true};
constexpr SessionUse kLosses{.losses = true};

class OwnersTest : public testing::Test, private Owners::Port {
 protected:
  SessionId OpenOwner() override { return ++last_; }
  void CloseOwner(SessionId owner) override { closed_.push_back(owner); }
  SessionUse UseOf(SessionId owner) const override { return uses_.at(owner); }
  std::size_t MostIdle() const override { return most_idle_; }

  // One request, after which the owner has this.
  SessionId Ask(const std::string& name, SessionUse use) {
    const SessionId owner = owners_.Begin(name);
    uses_[owner] = use;
    owners_.End(owner);
    return owner;
  }
  void Lose(SessionId owner) {
    uses_[owner] = kLosses;
    owners_.OnLoss(owner);
  }

  SessionId last_ = 100;
  std::size_t most_idle_ = 2;
  std::map<SessionId, SessionUse> uses_;
  std::vector<SessionId> closed_;
  Owners owners_{*this, 1};
};

TEST_F(OwnersTest, AnOwnerIsThereAsLongAsItHasAnything) {
  const SessionId one = Ask("one", kLocks);
  EXPECT_EQ(owners_.NameOf(one), "one");
  EXPECT_EQ(Ask("one", kLosses), one);
  EXPECT_EQ(Ask("one", kLocks), one);
  EXPECT_THAT(closed_, IsEmpty());
  EXPECT_EQ(Ask("one", kNothing), one);
  EXPECT_THAT(closed_, ElementsAre(one));
  EXPECT_EQ(owners_.NameOf(one), "");
  EXPECT_THAT(owners_.All(), IsEmpty());
  EXPECT_NE(Ask("one", kLocks), one);
}

TEST_F(OwnersTest, AnOwnerStaysWhileOneOfItsRequestsIsUnderWay) {
  const SessionId one = owners_.Begin("one");
  EXPECT_EQ(Ask("one", kNothing), one);
  EXPECT_THAT(closed_, IsEmpty());
  owners_.End(one);
  EXPECT_THAT(closed_, ElementsAre(one));
}

TEST_F(OwnersTest, EachNameIsAnOwnerOfItsOwn) {
  const SessionId one = Ask("one", kLocks);
  const SessionId two = Ask("two", kLocks);
  EXPECT_NE(one, two);
  EXPECT_THAT(owners_.All(), UnorderedElementsAre(one, two));
  owners_.Clear();
  EXPECT_THAT(owners_.All(), IsEmpty());
  EXPECT_THAT(closed_, IsEmpty());
}

TEST_F(OwnersTest, OfThoseWithNothingButLossesTheOldestAreForgotten) {
  std::vector<SessionId> ids;
  for (const char* name : {"a", "b", "c", "d"}) ids.push_back(Ask(name, kLocks));
  Lose(ids[1]);
  Lose(ids[0]);
  Ask("b", kLosses);  // asks, has lost another, and is the newest of the two now
  EXPECT_THAT(closed_, IsEmpty());
  Lose(ids[2]);
  EXPECT_THAT(closed_, ElementsAre(ids[0]));
  Ask("b", kLocks);  // is in use again, and is none of them
  Lose(ids[3]);
  EXPECT_THAT(closed_, SizeIs(1));
  EXPECT_THAT(owners_.All(), UnorderedElementsAre(ids[1], ids[2], ids[3]));
}

TEST_F(OwnersTest, ALossWhileARequestIsUnderWayForgetsNobody) {
  most_idle_ = 0;
  const SessionId one = owners_.Begin("one");
  Lose(one);
  EXPECT_THAT(closed_, IsEmpty());
  owners_.OnLoss(one + 1);  // of an owner that is forgotten
  EXPECT_THAT(closed_, IsEmpty());
  owners_.End(one);
  EXPECT_THAT(closed_, ElementsAre(one));
}

// --- in a session --------------------------------------------------------------------------------

class OwnersOfASessionTest : public SessionTest {
 protected:
  // A lock that the owner has been granted.
  LockRequested Take(Client& client, const std::string& name, const std::string& owner) {
    const std::size_t before = engine.All<LockRequested>().size();
    client.Send("lock " + name + " as=" + owner + " events=renew\n");
    const auto lock = Nth<LockRequested>(before);
    engine.uses[lock.session].locks = true;
    Grant(lock);
    EXPECT_THAT(client.Line(), StartsWith("OK lock=" + name + " fence=7 "));
    return lock;
  }
};

TEST_F(OwnersOfASessionTest, ToTheEngineEachIsASessionWithinTheOther) {
  const auto client = Connect();
  const auto session = Nth<SessionOpened>(0);
  const auto one = Take(*client, "a", "one");
  const auto opened = Nth<SessionOpened>(1);
  EXPECT_EQ(one.session, opened.session);
  EXPECT_EQ(opened.within, session.session);
  EXPECT_EQ(opened.uid, session.uid);
  EXPECT_EQ(opened.pid, session.pid);
  EXPECT_EQ(Take(*client, "b", "one").session, one.session);
  EXPECT_NE(Take(*client, "c", "two").session, one.session);
  client->Send("#c check a as=one\n#u unlock a as=one\n#p check a\n");
  EXPECT_EQ(Nth<engine::CheckRequested>(0).session, one.session);
  EXPECT_EQ(Nth<engine::CheckRequested>(1).session, session.session);
  EXPECT_EQ(Nth<engine::UnlockRequested>(0).session, one.session);
}

TEST_F(OwnersOfASessionTest, IsClosedAfterItsLastAnswer) {
  const auto client = Connect();
  const auto lock = Take(*client, "a", "one");
  client->Send("unlock a as=one\n");
  const auto unlock = Nth<engine::UnlockRequested>(0);
  EXPECT_THAT(engine.All<SessionClosed>(), IsEmpty());
  engine.uses.clear();
  Answer(unlock.session, unlock.request, engine::Released{"a", 7});
  EXPECT_EQ(client->Line(), "OK lock=a fence=7");
  EXPECT_EQ(Nth<SessionClosed>(0).session, lock.session);
  EXPECT_EQ(sessions->Find(lock.session), nullptr);
}

// It is answered without the engine.
TEST_F(OwnersOfASessionTest, IsClosedAfterARequestThatIsRefused) {
  const auto client = Connect();
  client->Send("lock a as=one min-hold=2s max-hold=1s\n");
  EXPECT_THAT(client->Line(), StartsWith("ERR bad-request :min-hold"));
  EXPECT_EQ(Nth<SessionClosed>(0).session, Nth<SessionOpened>(1).session);
}

TEST_F(OwnersOfASessionTest, EventsNameTheOwner) {
  using Kind = engine::Notice::Kind;
  const auto client = Connect();
  const auto one = Take(*client, "a", "one").session;
  const auto two = Take(*client, "b", "owner%20two").session;
  // Together in one turn: two holds of one name would have news of their own.
  Notify(one, Kind::kRenewed, "x");
  Notify(two, Kind::kRenewed, "x", 8);
  EXPECT_EQ(client->Line(), "* RENEWED lock=x as=one fence=7 deadline=1010000000000 left=10s");
  EXPECT_EQ(client->Line(),
            "* RENEWED lock=x as=owner%20two fence=8 deadline=1010000000000 left=10s");
  Notify(one, Kind::kLost, "a");
  EXPECT_EQ(client->Line(), "* LOST lock=a as=one fence=7 reason=expired");
  for (const SessionId owner : {one, two, Nth<SessionOpened>(0).session}) {
    Notify(owner, Kind::kDraining, "", 0, engine.now + 1s);
  }
  EXPECT_EQ(client->Line(), "* DRAINING within=1s");
  EXPECT_EQ(client->Rest(), "");
}

TEST_F(OwnersOfASessionTest, CancelReachesTheWaitOfAnOwner) {
  const auto client = Connect();
  client->Send("#w lock a as=one\n#c cancel w\n");
  const auto wait = Nth<LockRequested>(0);
  const auto cancel = Nth<engine::CancelRequested>(0);
  EXPECT_EQ(cancel.session, wait.session);
  EXPECT_EQ(cancel.target, wait.request);
  Fail(wait, engine::Failure::kCancelled);
  Answer(cancel.session, cancel.request, engine::WaitCancelled{});
  EXPECT_THAT(client->Line(), StartsWith("#w ERR cancelled lock=a"));
  EXPECT_EQ(client->Line(), "#c OK tag=w");
}

TEST_F(OwnersOfASessionTest, AllEndWithTheSessionAndBeforeIt) {
  auto client = Connect();
  const auto one = Take(*client, "a", "one").session;
  const auto two = Take(*client, "b", "two").session;
  client.reset();
  Until([this] { return engine.All<SessionClosed>().size() == 3; });
  const auto closed = engine.All<SessionClosed>();
  EXPECT_EQ(closed[2].session, Nth<SessionOpened>(0).session);
  EXPECT_EQ(closed[0].session + closed[1].session, one + two);
  EXPECT_EQ(sessions->Find(one), nullptr);
}

// Those too that come with lines which were sent before.
TEST_F(OwnersOfASessionTest, TheEndOfInputIsThatOfAllOwners) {
  const auto client = Connect();
  const auto one = Take(*client, "a", "one").session;
  client->Send("lock b\nlock c as=two\n");
  const auto first = Nth<LockRequested>(1);
  client->HalfClose();
  Until([this] { return engine.All<engine::SessionInputEnded>().size() == 2; });
  Grant(first);
  const auto two = Nth<LockRequested>(2).session;
  const auto ended = engine.All<engine::SessionInputEnded>();
  ASSERT_THAT(ended, SizeIs(3));
  EXPECT_EQ(ended[0].session, one);
  EXPECT_EQ(ended[1].session, Nth<SessionOpened>(0).session);
  EXPECT_EQ(ended[2].session, two);
}

TEST_F(OwnersOfASessionTest, RowsNameTheOwner) {
  const auto client = Connect();
  const auto one = Take(*client, "a", "one").session;
  engine.waits = {
      {.name = "a", .session = one, .since = engine.now, .until = {}, .place = 1, .note = "why"}};
  client->Send("list\n");
  EXPECT_THAT(client->Line(), testing::AllOf(StartsWith("- lock=a state=waiting place=1 "),
                                             testing::EndsWith(" as=one note=why")));
}

}  // namespace
}  // namespace redlockd::session
