// Who holds a lock, seen from another host: three daemons, as of three hosts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class ShowTest : public testing::Test {
 protected:
  ShowTest() {
    b_.WaitForNodes(5);
    c_.WaitForNodes(5);
    holder_.Ask("lock a note=of%20a%0Aman");
    EXPECT_TRUE(Eventually([&] { return Holder(b_) && Holder(c_); }));
  }
  // The row of the holder on another host; none if it is not named.
  static std::optional<Reply> Holder(const Daemon& daemon, const std::string& lock = "a") {
    LineClient client = daemon.Connect();
    EXPECT_EQ(client.Brief("show " + lock), "OK");
    for (const Reply& row : client.rows()) {
      if (Get(row, "place") == "other") return row;
    }
    return std::nullopt;
  }
  static std::string InstanceOf(const Daemon& daemon) {
    return Get(daemon.Connect().hello(), "boot");
  }
  static Ran Redlock(const Daemon& daemon, const std::vector<std::string>& args) {
    std::vector<std::string> argv = {REDLOCKD_TEST_REDLOCK, "--socket", daemon.socket()};
    argv.insert(argv.end(), args.begin(), args.end());
    return RunProgram(argv);
  }
  void Publish(std::size_t node, const Daemon& to, const std::string& text) {
    world_.nodes[node].Command({"PUBLISH", "redlockd:to:" + InstanceOf(to), text});
  }

  World world_{5};
  Daemon b_{world_.nodes.Addresses()}, c_{world_.nodes.Addresses()};
  LineClient holder_ = world_.Connect();
};

TEST_F(ShowTest, AHolderElsewhereIsNamed) {
  const Reply row = *Holder(b_);
  EXPECT_EQ(Get(row, "state"), "held");
  EXPECT_EQ(Get(row, "pid"), std::to_string(getpid()));
  EXPECT_EQ(Get(row, "uid"), std::to_string(getuid()));
  EXPECT_EQ(Get(row, "note"), "of a\nman");
  EXPECT_EQ(Get(row, "fence"), Get(holder_.Ask("check a"), "fence"));
  EXPECT_TRUE(Eventually([&] { return Get(*Holder(c_), "held") != Get(row, "held"); }));
  EXPECT_THAT(Redlock(b_, {"show", "a"}).output,
              HasSubstr(": pid " + std::to_string(getpid()) + ", uid "));
  EXPECT_THAT(Redlock(b_, {"show", "--json", "a"}).output, HasSubstr("\"place\": \"other\""));
  // The next one on its host has the same lease.
  LineClient next = world_.Connect();
  next.Send("lock a");
  holder_.Ask("unlock a");
  const std::string fence = Get(next.Answer(), "fence");
  EXPECT_TRUE(Eventually([&] { return Get(*Holder(b_), "fence") == fence; }));
  EXPECT_EQ(next.Brief("unlock a sync"), "OK");
  EXPECT_FALSE(Holder(b_));
}

// The nodes say who has it as before, and in time.
TEST_F(ShowTest, ADaemonThatHangsOrIsDeadIsNotNamed) {
  world_.daemon.process().Freeze();
  LineClient client = b_.Connect();
  const Duration asked = BootTime();
  EXPECT_EQ(Get(client.Ask("show a"), "by"), "other");
  EXPECT_GE(BootTime() - asked, std::chrono::milliseconds(200)) << "it might have answered";
  EXPECT_LT(BootTime() - asked, std::chrono::seconds(2));
  EXPECT_FALSE(Holder(b_));
  world_.daemon.process().Resume();
  EXPECT_TRUE(Eventually([&] { return Holder(b_).has_value(); }));
  world_.daemon.Kill();
  EXPECT_FALSE(Holder(b_));
}

TEST_F(ShowTest, ANodeThatHangsIsNotInTheWay) {
  world_.nodes[0].Freeze();
  EXPECT_TRUE(Holder(b_));
  world_.nodes[1].Freeze();
  EXPECT_TRUE(Holder(b_));
  world_.nodes[0].Thaw();
  world_.nodes[1].Thaw();
}

TEST_F(ShowTest, WhatIsPublishedByAnybodyHarmsNothing) {
  const std::string fence = Get(holder_.Ask("check a"), "fence");
  const std::string attempt = "1", big(3000, 'x');
  for (const Daemon* to : {&world_.daemon, &b_}) {
    for (std::size_t node = 0; node < 5; ++node) {
      for (const std::string& text :
           {"who 1 " + attempt + " nobody a", "who 1 " + attempt + " " + InstanceOf(b_) + " a",
            std::string("who"), "who 1 1 " + big + " a",
            std::string("who 1 99999999999999999999 b a"),
            std::string("holder 1 7 1500 12 1000 note"),
            std::string("holder 1 7 1500 12 1000 \0", 25), "holder 1 7 1500 12 1000 " + big,
            std::string("nobody 1"), std::string("nobody"), std::string("\xff\0\n", 3)}) {
        Publish(node, *to, text);
      }
      for (int i = 0; i < 100; ++i) Publish(node, *to, "who 1 " + attempt + " nobody a");
    }
  }
  EXPECT_EQ(Get(holder_.Ask("check a"), "fence"), fence);
  EXPECT_EQ(b_.Connect().Brief("trylock a"), "ERR busy");
  EXPECT_EQ(b_.Connect().Brief("trylock other"), "OK");
  // A second later it is answered again, over connections that were made anew where they had to be.
  EXPECT_TRUE(Eventually([&] { return Holder(b_).has_value(); }));
  EXPECT_EQ(Get(*Holder(b_), "fence"), fence);
  EXPECT_TRUE(Eventually([&] { return Holder(c_).has_value(); }));
}

TEST_F(ShowTest, WhoWaitsReadsWhoHoldsIt) {
  Process waiter(
      {REDLOCKD_TEST_REDLOCK, "--socket", b_.socket(), "run", "-v", "-w", "1s", "a", "--", "true"});
  EXPECT_THAT(waiter.ReadToEnd(), HasSubstr(" by pid " + std::to_string(getpid())));
  EXPECT_NE(waiter.Wait(), ExitCode(0));
}

}  // namespace
}  // namespace redlockd::test
