// Several names in one request (rule G1): how it is read, and how it is answered.
#include <gmock/gmock.h>

#include "tests/unit/session/session_fixture.h"

namespace redlockd::session {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

class SetsTest : public SessionTest {
 protected:
  // Of a, b and c, with their fences and deadlines.
  engine::Granted GrantOfThree() const {
    engine::Granted granted{"a", 7, engine.now + 10s, 10s, 3, 3};
    granted.also = {{.name = "b", .fence = 9, .deadline = engine.now + 8s, .ttl = 9s, .votes = 2},
                    {.name = "c", .fence = 2, .deadline = engine.now + 9s, .ttl = 10s, .votes = 3}};
    return granted;
  }
};

TEST_F(SetsTest, AllNamesAreOneRequestInTheOrderAsked) {
  const auto client = Connect();
  client->Send("lock c a b wait=2s ttl=5s note=x\n");
  const auto lock = Nth<engine::LockRequested>(0);
  EXPECT_EQ(lock.name, "c");
  EXPECT_THAT(lock.also, ElementsAre("a", "b"));
  EXPECT_EQ(lock.wait, 2s);
  EXPECT_EQ(lock.ttl, 5s);
  EXPECT_EQ(lock.note, "x");
  client->Send("#t trylock a b\n");
  const auto attempt = Nth<engine::LockRequested>(1);
  EXPECT_THAT(attempt.also, ElementsAre("b"));
  EXPECT_EQ(attempt.wait, 0s);
}

TEST_F(SetsTest, AGrantHasARowForEachNameAndTheEarliestDeadline) {
  const auto client = Connect();
  client->Send("#t lock a b c\n");
  const auto lock = Nth<engine::LockRequested>(0);
  Answer(lock.session, lock.request, GrantOfThree());
  EXPECT_EQ(client->Line(),
            "#t - lock=a fence=7 deadline=1010000000000 left=10s ttl=10s votes=3/3");
  EXPECT_EQ(client->Line(), "#t - lock=b fence=9 deadline=1008000000000 left=8s ttl=9s votes=2/3");
  EXPECT_EQ(client->Line(), "#t - lock=c fence=2 deadline=1009000000000 left=9s ttl=10s votes=3/3");
  EXPECT_EQ(client->Line(), "#t OK names=3 deadline=1008000000000 left=8s");
}

TEST_F(SetsTest, OneNameIsAnsweredAsEver) {
  const auto client = Connect();
  client->Send("lock a\n");
  Grant(Nth<engine::LockRequested>(0));
  EXPECT_THAT(client->Line(), StartsWith("OK lock=a fence=7 deadline="));
}

TEST_F(SetsTest, AFailureNamesOneOfThem) {
  const auto client = Connect();
  client->Send("trylock a b\n");
  const auto lock = Nth<engine::LockRequested>(0);
  Answer(lock.session, lock.request,
         engine::Failed{.failure = engine::Failure::kBusy, .name = "b"});
  EXPECT_THAT(client->Line(), StartsWith("ERR busy lock=b"));
}

TEST_F(SetsTest, UnlockIsOfAllAndItsWordComesLast) {
  const auto client = Connect();
  client->Send("unlock b a sync\n");
  const auto unlock = Nth<engine::UnlockRequested>(0);
  EXPECT_EQ(unlock.name, "b");
  EXPECT_THAT(unlock.also, ElementsAre("a"));
  EXPECT_TRUE(unlock.sync);
  engine::Released released{.name = "b", .fence = 7};
  released.also = {{.name = "a", .fence = 9, .kept = 1500ms}};
  Answer(unlock.session, unlock.request, released);
  EXPECT_EQ(client->Line(), "- lock=b fence=7");
  EXPECT_EQ(client->Line(), "- lock=a fence=9 kept=1500ms");
  EXPECT_EQ(client->Line(), "OK names=2");
}

TEST_F(SetsTest, ALockMayHaveTheNameOfTheWord) {
  const auto client = Connect();
  client->Send("#1 unlock sync\n#2 unlock sync a\n#3 unlock sync a sync\n");
  EXPECT_EQ(Nth<engine::UnlockRequested>(0).name, "sync");
  EXPECT_FALSE(Nth<engine::UnlockRequested>(0).sync);
  EXPECT_THAT(Nth<engine::UnlockRequested>(1).also, ElementsAre("a"));
  EXPECT_FALSE(Nth<engine::UnlockRequested>(1).sync);
  EXPECT_TRUE(Nth<engine::UnlockRequested>(2).sync);
}

TEST_F(SetsTest, ACancelNamesTheFirst) {
  const auto client = Connect();
  client->Send("#w lock a b\n");
  const auto lock = Nth<engine::LockRequested>(0);
  client->Send("#c cancel w\n");
  const auto cancel = Nth<engine::CancelRequested>(0);
  EXPECT_EQ(cancel.target, lock.request);
  EXPECT_EQ(cancel.name, "a");
}

// What is known of a hold is said before it is let go, as with one name.
TEST_F(SetsTest, NewsOfEachNameComeBeforeTheAnswer) {
  const auto client = Connect();
  client->Send("lock a b\n");
  const auto lock = Nth<engine::LockRequested>(0);
  engine::Granted granted{"a", 7, engine.now + 10s, 10s, 3, 3};
  granted.also = {{.name = "b", .fence = 9, .deadline = engine.now + 8s, .ttl = 9s, .votes = 2}};
  Answer(lock.session, lock.request, granted);
  for (int line = 0; line < 3; ++line) client->Line();
  client->Send("unlock a b\n");
  const auto unlock = Nth<engine::UnlockRequested>(0);
  Notify(lock.session, engine::Notice::Kind::kWanted, "b", 9);
  engine::Released released{.name = "a", .fence = 7};
  released.also = {{.name = "b", .fence = 9}};
  Answer(unlock.session, unlock.request, released);
  EXPECT_THAT(client->Line(), StartsWith("* WANTED lock=b fence=9"));
  EXPECT_EQ(client->Line(), "- lock=a fence=7");
}

}  // namespace
}  // namespace redlockd::session
