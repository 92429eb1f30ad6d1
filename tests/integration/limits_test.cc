// Bounds on everything that a client can make the daemon hold.
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <deque>
#include <optional>

#include "tests/support/acting_as.h"
#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

// One more session than there may be is told so and closed.
void ExpectFull(const Daemon& daemon) {
  LineClient more = LineClient::WithoutHello(daemon.socket());
  const Reply answer = more.Answer();
  EXPECT_EQ(Brief(answer), "ERR limit");
  EXPECT_FALSE(answer.text.empty());
  EXPECT_TRUE(more.Closed());
}

// Not refused once the daemon has seen that others have closed.
LineClient ConnectWhenThereIsRoom(const Daemon& daemon) {
  std::optional<LineClient> client;
  Eventually([&] {
    client.emplace(LineClient::WithoutHello(daemon.socket()));
    try {
      return client->Brief("ping") == "OK";
    } catch (const std::runtime_error&) {
      return false;  // closed before it was asked
    }
  });
  return std::move(*client);
}

TEST(Limits, Sessions) {
  World world(1, {.more = "limits: {sessions: 3}\n"});
  LineClient one = ConnectWhenThereIsRoom(world.daemon);
  LineClient two = ConnectWhenThereIsRoom(world.daemon);
  LineClient three = ConnectWhenThereIsRoom(world.daemon);
  ExpectFull(world.daemon);
  EXPECT_EQ(one.Brief("ping"), "OK");
  two.Close();
  EXPECT_EQ(ConnectWhenThereIsRoom(world.daemon).Brief("ping"), "OK");
}

TEST(Limits, SessionsOfOneUser) {
  // None is kept for administrators, of whom the test is one.
  World world(1, {.more = "limits: {sessions: 4, sessions_per_uid: 3}\n"});
  LineClient one = ConnectWhenThereIsRoom(world.daemon);
  LineClient two = ConnectWhenThereIsRoom(world.daemon);
  LineClient three = ConnectWhenThereIsRoom(world.daemon);
  ExpectFull(world.daemon);
  EXPECT_EQ(one.Brief("ping"), "OK");
}

// Two of eight sessions are kept for them, and one of these for each.
void ExpectASessionForAdministrators(const DaemonOptions& options) {
  World world(1, options);
  chmod(world.daemon.dir().path().c_str(), 0711);
  std::deque<LineClient> crowd;
  {
    const ActingAs user(65533);
    for (int i = 0; i < 6; ++i) crowd.push_back(ConnectWhenThereIsRoom(world.daemon));
    ExpectFull(world.daemon);
  }
  LineClient one = ConnectWhenThereIsRoom(world.daemon);
  EXPECT_EQ(one.Brief("nodes"), "OK");
  EXPECT_EQ(ConnectWhenThereIsRoom(world.daemon).Brief("nodes"), "OK");
}

TEST(Limits, AdministratorsGetASessionWhateverTheOthersDo) {
  if (!ActingAs::Possible()) GTEST_SKIP() << "needs root: clients of several users";
  ExpectASessionForAdministrators(
      {.more = "socket_mode: 0666\nlimits: {sessions: 8, sessions_per_uid: 8}\n"});
}

// There are no more than eight for want of descriptors.
TEST(Limits, AdministratorsGetASessionWhereDescriptorsAreFew) {
  if (!ActingAs::Possible()) GTEST_SKIP() << "needs root: clients of several users";
  ExpectASessionForAdministrators(
      {.more = "socket_mode: 0666\nlimits: {sessions: 100, sessions_per_uid: 100}\n",
       .within = {"sh", "-c", "ulimit -n 86; exec \"$@\"", "sh"}});
}

TEST(Limits, NewNamesOfOneUser) {
  World world(1, {.more = "limits: {new_names_per_uid: 1}\n"});
  LineClient client = world.Connect();
  std::string refused;
  for (int i = 0; i < 70 && refused.empty(); ++i) {
    const Reply answer = client.Ask("trylock n" + std::to_string(i));
    if (Brief(answer) != "OK") refused = Line(answer);
  }
  EXPECT_THAT(refused, testing::StartsWith("ERR limit lock=n6"));
  EXPECT_THAT(refused, testing::HasSubstr("expected at most 1 per second"));
  EXPECT_EQ(client.Brief("unlock n0"), "OK");
  EXPECT_EQ(client.Brief("lock n0"), "OK") << "it is not new any more";
  EXPECT_GE(world.daemon.Stat("new-names"), 60u);
}

// It is kept until its deadline, and until then counts for its user.
TEST(Limits, LocksOfDroppedSessions) {
  World world(1, {.more = "limits: {locks_per_uid: 1, unread_output: 16384}\n"});
  LineClient deaf = world.Connect(), other = world.Connect();
  const Duration deadline(GetNumber(deaf.Ask("lock a ttl=2s"), "deadline"));
  EXPECT_THROW(for (;;) deaf.SendBytes("#h help\n"), std::runtime_error);
  EXPECT_TRUE(Eventually([&] { return world.daemon.Stat("kept") == 1; }));
  EXPECT_EQ(other.Brief("lock b"), "ERR limit");
  EXPECT_TRUE(Eventually([&] { return other.Brief("lock b") == "OK"; }));
  EXPECT_GE(BootTime(), deadline);
  EXPECT_EQ(world.daemon.Stat("kept"), 0u);
}

TEST(Limits, LocksOfOneSession) {
  World world(1, {.more = "limits: {locks_per_session: 3}\n"});
  LineClient holder = world.Connect(), client = world.Connect();
  holder.Ask("lock held");
  EXPECT_EQ(client.Brief("lock a"), "OK");
  EXPECT_EQ(client.Brief("lock b"), "OK");
  client.Send("#w lock held");
  const Reply refused = client.Ask("lock c");
  EXPECT_EQ(Brief(refused), "ERR limit") << Line(refused);
  EXPECT_FALSE(refused.text.empty());
  EXPECT_EQ(client.Brief("unlock a"), "OK");
  EXPECT_EQ(client.Brief("lock c"), "OK");
  EXPECT_EQ(holder.Brief("lock d"), "OK") << "others have a count of their own";
}

TEST(Limits, LocksOfOneUser) {
  World world(1, {.more = "limits: {locks_per_uid: 3}\n"});
  LineClient one = world.Connect();
  std::optional<LineClient> two(world.Connect());
  one.Ask("lock a");
  two->Ask("lock b");
  two->Ask("lock c");
  EXPECT_EQ(one.Brief("lock d"), "ERR limit");
  two.reset();
  EXPECT_TRUE(Eventually([&] { return one.Brief("lock d") == "OK"; }));
}

TEST(Limits, QuotasOfARule) {
  World world(3, {.more = "rules:\n  - {prefix: q/, quota: {locks: 3, waits: 1}}\n"
                          "  - {prefix: n/, quota: {new_names: 1}}\n"});
  LineClient one = world.Connect(), two = world.Connect();
  EXPECT_EQ(one.Brief("lock q/a"), "OK");
  two.Send("#w lock q/a");
  EXPECT_TRUE(Eventually([&] { return world.daemon.Stat("waits") == 1; }));
  EXPECT_EQ(Line(one.Ask("lock q/b")).substr(0, 2), "OK")
      << "it is free, whoever waits for another";
  LineClient three = world.Connect();
  EXPECT_EQ(
      Line(three.Ask("lock q/b")),
      "ERR limit lock=q/b :quota of locks whose names begin with q/: 3 are held or waited for, "
      "expected at most 3");
  EXPECT_EQ(one.Brief("unlock q/b"), "OK");
  EXPECT_EQ(Line(three.Ask("lock q/a")),
            "ERR limit lock=q/a :quota of waits for locks whose names begin with q/: found 1, "
            "expected at most 1");
  EXPECT_EQ(three.Brief("lock p"), "OK");
  std::string refused;
  for (int i = 0; i < 70 && refused.empty(); ++i) {
    const Reply answer = three.Ask("trylock n/" + std::to_string(i));
    if (Brief(answer) != "OK") refused = Line(answer);
  }
  EXPECT_THAT(refused, testing::HasSubstr(
                           ":quota of new names for locks whose names begin with n/: too many "));
}

// As it is when a team has taken too much already.
TEST(Limits, QuotasCountWhatWasHeldBeforeAReload) {
  World world(3);
  LineClient client = world.Connect();
  for (const char* name : {"q/a", "q/b"}) {
    ASSERT_EQ(client.Brief("lock " + std::string(name)), "OK");
  }
  const std::string file = world.daemon.dir() / "redlockd.yaml";
  const std::string before = ReadFile(file);
  WriteFile(file, before + "rules: [{prefix: q/, quota: {locks: 2}}]\n");
  ASSERT_EQ(client.Brief("reload"), "OK");
  EXPECT_EQ(client.Brief("lock q/c"), "ERR limit");
  EXPECT_EQ(client.Brief("unlock q/a"), "OK");
  EXPECT_EQ(client.Brief("lock q/c"), "OK");
  EXPECT_EQ(client.Brief("lock q/a"), "ERR limit");
  WriteFile(file, before);
  ASSERT_EQ(client.Brief("reload"), "OK");
  EXPECT_EQ(client.Brief("lock q/a"), "OK");
}

// Output that nobody reads ends the session, but what it was told holds until then (rule C9).
TEST(Limits, UnreadOutput) {
  World world(3, {.more = "limits: {unread_output: 16384}\n"});
  LineClient deaf = world.Connect(), waiter = world.Connect();
  const Duration deadline(GetNumber(deaf.Ask("lock a ttl=1s"), "deadline"));
  waiter.Send("lock a");
  const int small = 4096;
  setsockopt(deaf.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  try {
    for (;;) deaf.SendBytes("#h help\n");
  } catch (const std::runtime_error&) {
    // The daemon has closed.
  }
  EXPECT_EQ(Brief(waiter.Answer()), "OK");
  EXPECT_GE(BootTime(), deadline);
}

TEST(Limits, ADaemonWithoutRoomForMoreDescriptorsGoesOn) {
  World world(1);
  rlimit few{.rlim_cur = 64, .rlim_max = 64};
  ASSERT_EQ(prlimit(world.daemon.process().pid(), RLIMIT_NOFILE, &few, nullptr), 0);
  LineClient first = world.Connect();
  first.Ask("lock a");
  // More than can be: those past the limit wait in the backlog, or are closed.
  std::deque<Fd> crowd;
  for (int i = 0; i < 100; ++i) crowd.push_back(ConnectTo(world.daemon.socket()));
  EXPECT_EQ(first.Brief("check a"), "OK");
  crowd.clear();
  EXPECT_EQ(ConnectWhenThereIsRoom(world.daemon).Brief("ping"), "OK");
  EXPECT_EQ(first.Brief("check a"), "OK");
}

}  // namespace
}  // namespace redlockd::test
