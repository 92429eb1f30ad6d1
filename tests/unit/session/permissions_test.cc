#include "daemon/session/permissions.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/acting_as.h"
#include "tests/unit/session/session_fixture.h"

namespace redlockd::session {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

// --- the table -----------------------------------------------------------------------------------

class PermissionsTest : public testing::Test {
 protected:
  bool May(Right right, const char* name, uid_t uid, std::vector<gid_t> groups = {}) const {
    Peer peer;
    peer.uid = uid;
    peer.groups = std::move(groups);
    return permissions_.May(right, name, peer);
  }

  Permissions permissions_;
};

TEST_F(PermissionsTest, WithoutARuleAllMayLockAndSeeAndNobodyMayBreak) {
  EXPECT_TRUE(May(Right::kLock, "a", 7));
  EXPECT_TRUE(May(Right::kSee, "a", 7));
  EXPECT_FALSE(May(Right::kBreak, "a", 7));
}

TEST_F(PermissionsTest, UsersAndGroups) {
  permissions_.Set(Right::kLock, "a/", {.users = {7, 8}, .groups = {70, 80}});
  EXPECT_TRUE(May(Right::kLock, "a/x", 7));
  EXPECT_TRUE(May(Right::kLock, "a/", 8));
  EXPECT_TRUE(May(Right::kLock, "a/x", 9, {90, 80}));
  EXPECT_FALSE(May(Right::kLock, "a/x", 9, {90, 7}));
  EXPECT_FALSE(May(Right::kLock, "a/x", 70));
  EXPECT_TRUE(May(Right::kLock, "a", 9)) << "no name that begins so";
  EXPECT_TRUE(May(Right::kSee, "a/x", 9)) << "another right";
}

TEST_F(PermissionsTest, EverybodyIsMoreThanAnyUser) {
  permissions_.Set(Right::kSee, "a/", {.users = {7}});
  permissions_.Set(Right::kSee, "a/b/", {.everybody = true});
  permissions_.Set(Right::kSee, "a/c/", {});
  EXPECT_FALSE(permissions_.MayEverybody(Right::kSee, "a/x"));
  EXPECT_TRUE(permissions_.MayEverybody(Right::kSee, "a/b/x"));
  EXPECT_FALSE(permissions_.MayEverybody(Right::kSee, "a/c/x"));
  EXPECT_TRUE(permissions_.MayEverybody(Right::kSee, "x")) << "without a rule";
  EXPECT_FALSE(permissions_.MayEverybody(Right::kBreak, "x"));
}

TEST_F(PermissionsTest, OfEachRightTheLongestPrefixCounts) {
  permissions_.Set(Right::kLock, "a/", {});
  permissions_.Set(Right::kLock, "a/b/", {.everybody = true});
  permissions_.Set(Right::kLock, "a/b/c/", {.users = {7}});
  permissions_.Set(Right::kSee, "a/b/c/d", {});
  permissions_.Set(Right::kBreak, "", {.users = {7}});
  EXPECT_FALSE(May(Right::kLock, "a/x", 7));
  EXPECT_TRUE(May(Right::kLock, "a/b/x", 9));
  EXPECT_TRUE(May(Right::kLock, "a/b/c/d", 7));
  EXPECT_FALSE(May(Right::kLock, "a/b/c/d", 9));
  EXPECT_FALSE(May(Right::kSee, "a/b/c/d", 7));
  EXPECT_TRUE(May(Right::kBreak, "a/b/c/d", 7));
}

TEST_F(PermissionsTest, AdministratorsMayAll) {
  Peer peer;
  peer.uid = 7;
  peer.admin = true;
  for (const Right right : {Right::kLock, Right::kSee, Right::kBreak}) {
    permissions_.Set(right, "a", {});
    EXPECT_TRUE(permissions_.May(right, "a", peer));
    EXPECT_FALSE(May(right, "a", 7));
  }
}

// --- in a session --------------------------------------------------------------------------------

constexpr uid_t kStranger = 65534;

class PermissionsOfASessionTest : public SessionTest {
 protected:
  void SetUp() override {
    if (getuid() != 0) GTEST_SKIP() << "needs to become another user";
    options.permissions.Set(Right::kLock, "ours/", {});
    options.permissions.Set(Right::kSee, "hidden/", {});
    options.permissions.Set(Right::kBreak, "theirs/", {.users = {kStranger}});
    Start();
    ASSERT_EQ(chmod(directory.path().c_str(), 0755), 0);
    ASSERT_EQ(chmod((directory / "s").c_str(), 0666), 0);
  }

  // A client of a user who is no administrator.
  std::unique_ptr<Client> ConnectStranger() {
    std::unique_ptr<Client> client;
    {
      const test::ActingAs stranger(kStranger);
      client = ConnectRaw();
    }
    EXPECT_THAT(client->Line(), StartsWith("* HELLO "));
    return client;
  }

  engine::HoldView Hold(const std::string& name) {
    return {.name = name,
            .session = 1,
            .fence = 7,
            .granted = engine.now,
            .deadline = engine.now + 7s,
            .ttl = 10s,
            .votes = 3,
            .jeopardy = false,
            .note = ""};
  }
};

TEST_F(PermissionsOfASessionTest, ARequestThatIsNotAllowedIsDeniedAndReported) {
  const auto client = ConnectStranger();
  for (const auto& [line, answer] : std::vector<std::pair<std::string, std::string>>{
           {"#1 lock ours/a", "#1 ERR denied lock=ours/a reason=rule :uid 65534 is not among"},
           {"trylock ours/a", "ERR denied lock=ours/a reason=rule :"},
           {"lock b ours/a c", "ERR denied lock=ours/a reason=rule :"},
           {"show hidden/a", "ERR denied lock=hidden/a reason=rule :"},
           {"watch hidden/a", "ERR denied lock=hidden/a reason=rule :"},
           {"break ours/a fence=7", "ERR denied lock=ours/a reason=not-admin :"},
           {"lock ours/a ttl=x", "ERR bad-request :ttl: "}}) {
    client->Send(line + "\n");
    EXPECT_THAT(client->Line(), StartsWith(answer)) << line;
  }
  EXPECT_THAT(engine.denied, ElementsAre("lock ours/a", "trylock ours/a", "lock ours/a",
                                         "show hidden/a", "watch hidden/a", "break ours/a"));
  EXPECT_THAT(engine.All<engine::LockRequested>(), IsEmpty());
}

TEST_F(PermissionsOfASessionTest, WhatIsAllowedGoesToTheEngine) {
  const auto client = ConnectStranger();
  client->Send("#1 lock hidden/a\n#2 lock theirs/a\n#3 break theirs/a fence=7\n#4 show ours/a\n");
  EXPECT_EQ(Nth<engine::LockRequested>(0).name, "hidden/a");
  EXPECT_EQ(Nth<engine::LockRequested>(1).name, "theirs/a");
  EXPECT_EQ(Nth<engine::BreakRequested>(0).name, "theirs/a");
  EXPECT_EQ(Nth<engine::ShowRequested>(0).name, "ours/a");
  EXPECT_THAT(engine.denied, IsEmpty());
}

TEST_F(PermissionsOfASessionTest, ADeadlockNamesNobodyWhoIsHidden) {
  const auto administrator = Connect();
  const auto client = ConnectStranger();
  const engine::TaskId other{Nth<engine::SessionOpened>(0).session, 0};
  const engine::TaskId own{Nth<engine::SessionOpened>(1).session, 0};
  std::size_t asked = 0;
  for (const auto& [name, who] : std::vector<std::pair<std::string, std::string>>{
           {"hidden/a", "another session"}, {"a", "pid " + std::to_string(getpid())}}) {
    client->Send("lock " + name + "\n");
    const auto lock = Nth<engine::LockRequested>(asked++);
    Answer(lock.session, lock.request,
           engine::Failed{.failure = engine::Failure::kDeadlock,
                          .name = name,
                          .cycle = {{name, other}, {"b", own}}});
    EXPECT_EQ(client->Line(), "ERR deadlock lock=" + name + " :" + who +
                                  " holds it, and waits for 'b', which this session holds");
  }
}

// What it got before is its own.
TEST_F(PermissionsOfASessionTest, ARuleThatComesLaterKeepsNobodyFromLettingGo) {
  const auto client = ConnectStranger();
  client->Send("lock a\n");
  Grant(Nth<engine::LockRequested>(0));
  EXPECT_THAT(client->Line(), StartsWith("OK lock=a "));
  options.permissions.Set(Right::kLock, "a", {});
  options.permissions.Set(Right::kSee, "a", {});
  sessions->Change(options);
  client->Send("#t trylock a\n#c check a\n#u unlock a\n");
  EXPECT_THAT(client->Line(), StartsWith("#t ERR denied lock=a reason=rule :"));
  Nth<engine::CheckRequested>(0);
  Nth<engine::UnlockRequested>(0);
}

TEST_F(PermissionsOfASessionTest, AListHasWhatItsReaderMaySee) {
  const auto administrator = Connect();
  const auto client = ConnectStranger();
  engine.holds = {Hold("a"), Hold("hidden/1"), Hold("ours/1")};
  // More of them than are looked at together.
  for (int i = 1000; i < 2000; ++i) engine.holds.push_back(Hold("hidden/n" + std::to_string(i)));
  client->Send("list\n");
  EXPECT_THAT(client->Line(), StartsWith("- lock=a "));
  EXPECT_THAT(client->Line(), StartsWith("- lock=ours/1 "));
  EXPECT_EQ(client->Line(), "OK holds=2 waits=0");
  administrator->Send("list\n");
  for (int row = 0; row < 1003; ++row) ASSERT_THAT(administrator->Line(), StartsWith("- lock="));
  EXPECT_EQ(administrator->Line(), "OK holds=1003 waits=0");
}

TEST_F(PermissionsOfASessionTest, AWatcherHearsOfWhatItMaySee) {
  const auto client = ConnectStranger();
  client->Send("watch\n");
  const auto watch = Nth<engine::WatchRequested>(0);
  Answer(watch.session, watch.request, engine::Done{});
  EXPECT_EQ(client->Line(), "OK");
  for (const char* name : {"hidden/a", "b"}) {
    sessions->Notify(engine::NotifyWatchers{
        {watch.session}, {.what = engine::WatchNotice::What::kWanted, .name = name, .fence = 7}});
  }
  EXPECT_THAT(client->Rest(), AllOf(StartsWith("* WATCH lock=b "), Not(HasSubstr("hidden"))));
}

}  // namespace
}  // namespace redlockd::session
