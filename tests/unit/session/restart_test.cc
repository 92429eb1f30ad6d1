#include "protocol/limits.h"
#include "tests/unit/session/session_fixture.h"

namespace redlockd::session {
namespace {

// Another room goes on where the first one was (rules H); the sockets are the same.
using RoomRestartTest = SessionTest;

TEST_F(RoomRestartTest, TheClientNoticesNothing) {
  Start();
  const auto client = Connect();
  Restart();
  Turn();
  EXPECT_EQ(client->Rest(), "");
  client->Send("ping\n");
  EXPECT_EQ(client->Line(), kPong);
  EXPECT_EQ(engine.All<engine::SessionOpened>().size(), 1u);
  EXPECT_TRUE(engine.All<engine::SessionClosed>().empty());
}

TEST_F(RoomRestartTest, ARequestIsAnsweredByItsTag) {
  Start();
  const auto client = Connect();
  client->Send("#t lock a\n");
  const auto lock = Nth<engine::LockRequested>(0);
  Restart();
  Grant(lock);
  EXPECT_TRUE(client->Line().starts_with("#t OK lock=a"));
  client->Send("#t ping\n");  // it is free again
  EXPECT_EQ(client->Line(), std::string("#t ") + kPong);
}

TEST_F(RoomRestartTest, LinesAfterOneThatWaitsRunInTheirOrder) {
  Start();
  const auto client = Connect();
  client->Send("lock a\nping\nfrob\nlock b note=%20\n");
  const auto lock = Nth<engine::LockRequested>(0);
  Turn();
  Restart();
  Turn();
  EXPECT_EQ(client->Rest(), "");
  Grant(lock);
  EXPECT_TRUE(client->Line().starts_with("OK lock=a"));
  EXPECT_EQ(client->Line(), kPong);
  EXPECT_TRUE(client->Line().starts_with("ERR unknown-verb"));
  EXPECT_EQ(Nth<engine::LockRequested>(1).note, " ");
}

TEST_F(RoomRestartTest, HalfALineIsKept) {
  Start();
  const auto client = Connect();
  client->Send("pi");
  Turn();
  Restart();
  client->Send("ng\n");
  EXPECT_EQ(client->Line(), kPong);
}

TEST_F(RoomRestartTest, TheRestOfALongLineIsStillDropped) {
  Start();
  const auto client = Connect();
  client->Send(std::string(redlock::protocol::kLineBytes + 1, 'x'));
  EXPECT_TRUE(client->Line().starts_with("ERR line-too-long"));
  Restart();
  client->Send("ping\nping\n");  // the first ends the long line
  EXPECT_EQ(client->Line(), kPong);
  EXPECT_EQ(client->Rest(), "");
}

TEST_F(RoomRestartTest, AnOwnerStaysOne) {
  Start();
  const auto client = Connect();
  client->Send("#t lock a as=o\n");
  const auto lock = Nth<engine::LockRequested>(0);
  Restart();
  engine.uses[lock.session] = {.locks = true, .losses = false};
  Grant(lock);
  EXPECT_TRUE(client->Line().starts_with("#t OK lock=a"));
  client->Send("unlock a as=o\n");
  EXPECT_EQ(Nth<engine::UnlockRequested>(0).session, lock.session);
  EXPECT_EQ(engine.All<engine::SessionOpened>().size(), 2u);
}

TEST_F(RoomRestartTest, ARequestForSeveralIsAnsweredInTheOrderAsked) {
  Start();
  const auto client = Connect();
  client->Send("lock b a\n");
  const auto lock = Nth<engine::LockRequested>(0);
  Restart();
  Answer(lock.session, lock.request,
         engine::Failed{.failure = engine::Failure::kTimeout, .name = "a", .text = "why"});
  EXPECT_TRUE(client->Line().starts_with("ERR timeout lock=a"));
}

TEST_F(RoomRestartTest, NewIdsGoOn) {
  Start();
  const auto client = Connect();
  Restart();
  const auto other = Connect();
  EXPECT_GT(Nth<engine::SessionOpened>(1).session, Nth<engine::SessionOpened>(0).session);
}

TEST_F(RoomRestartTest, WhoHasGoneMeanwhileIsClosed) {
  Start();
  const auto client = Connect();
  const auto id = Nth<engine::SessionOpened>(0).session;
  client->Close();
  Restart();
  EXPECT_EQ(Nth<engine::SessionClosed>(0).session, id);
}

TEST_F(RoomRestartTest, WhoseSocketIsMissingIsClosed) {
  Start();
  const auto client = Connect();
  const auto lost = Nth<engine::SessionOpened>(0).session;
  Restart(lost);
  EXPECT_EQ(Nth<engine::SessionClosed>(0).session, lost);
  EXPECT_EQ(sessions->count(), 0u);
}

TEST_F(RoomRestartTest, AHalfClosedSessionIsServedToItsEnd) {
  Start();
  const auto client = Connect();
  client->Send("lock a\n");
  const auto lock = Nth<engine::LockRequested>(0);
  client->HalfClose();
  Nth<engine::SessionInputEnded>(0);
  Restart();
  Turn();
  EXPECT_EQ(engine.All<engine::SessionInputEnded>().size(), 1u);
  Grant(lock);
  EXPECT_TRUE(client->Line().starts_with("OK lock=a"));
  EXPECT_EQ(client->Line(), "(closed)");
}

TEST_F(RoomRestartTest, AStateThatCannotBeIsNotUsed) {
  State state{.last_id = 2, .clients = {{.id = 1}, {.id = 1}}};
  EXPECT_EQ(WhyUnusable(state), "a session is there twice");
  state.clients = {{.id = 3}};
  EXPECT_EQ(WhyUnusable(state), "a session is there twice");
  state.clients = {{.id = 1, .requests = {{.id = 1, .asker = 1}}}};
  EXPECT_EQ(WhyUnusable(state), "a request is impossible");
  state.clients = {{.id = 1, .listings = {{.request = 1}}}};
  EXPECT_EQ(WhyUnusable(state), "a listing is of no request");
  state.clients = {{.id = 1, .output = "OK", .page = record::Page{}}};
  EXPECT_EQ(WhyUnusable(state), "");
  record::Page& page = *state.clients.front().page;
  page.sent_with = 2;
  EXPECT_EQ(WhyUnusable(state), "a page is impossible");
  page = {.holds = {{1, "a", 7, 252, false}}, .last_use = 1, .sent_with = {}};
  EXPECT_EQ(WhyUnusable(state), "a page is impossible");
  page.holds = {{2, "a", 7, 0, false}};
  EXPECT_EQ(WhyUnusable(state), "a page is impossible");
  page.holds = {{1, "a", 7, 0, false}, {1, "b", 7, 0, false}};
  EXPECT_EQ(WhyUnusable(state), "a page is impossible");
}

}  // namespace
}  // namespace redlockd::session
