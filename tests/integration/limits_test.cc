// Bounds on everything that a client can make the daemon hold.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <deque>
#include <optional>

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
  World world(1, {.more = "limits: {sessions_per_uid: 3}\n"});
  LineClient one = ConnectWhenThereIsRoom(world.daemon);
  LineClient two = ConnectWhenThereIsRoom(world.daemon);
  LineClient three = ConnectWhenThereIsRoom(world.daemon);
  ExpectFull(world.daemon);
  EXPECT_EQ(one.Brief("ping"), "OK");
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
