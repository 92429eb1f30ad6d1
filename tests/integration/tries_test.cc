// Daemons that are asked for one free lock at about the same time, none of them to wait: one gets
// it.
//
// REDLOCKD_TRIES=n makes n rounds of it with each number of daemons.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <deque>
#include <iostream>
#include <random>
#include <string>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

using namespace std::chrono_literals;

int Rounds() {
  const char* text = std::getenv("REDLOCKD_TRIES");
  return text == nullptr ? 100 : std::atoi(text);
}

class TriesTest : public testing::TestWithParam<std::size_t> {
 protected:
  TriesTest() {
    for (std::size_t d = 1; d < GetParam(); ++d) more_.emplace_back(world_.nodes.Addresses());
    clients_.push_back(world_.Connect());
    for (Daemon& daemon : more_) {
      daemon.WaitForNodes(kNodes);
      clients_.push_back(daemon.Connect());
    }
  }

  // How many got it. What a machine that stood still did to the nodes is not the daemons' fault.
  std::size_t Try(const std::string& name, std::chrono::microseconds spread) {
    for (LineClient& client : clients_) {
      if (spread > 0us) usleep(static_cast<useconds_t>(random_() % spread.count()));
      client.Send("trylock " + name);
    }
    std::deque<LineClient*> holders;
    for (LineClient& client : clients_) {
      const std::string brief = Brief(client.Answer());
      if (brief == "OK") {
        holders.push_back(&client);
      } else if (brief != "ERR busy") {
        disturbed_ = true;
        EXPECT_EQ(brief, "ERR no-quorum");
      }
    }
    for (LineClient* holder : holders) EXPECT_EQ(holder->Brief("unlock " + name), "OK");
    return holders.size();
  }

  std::uint64_t Splits() const {
    std::uint64_t splits = world_.daemon.Stat("split-votes");
    for (const Daemon& daemon : more_) splits += daemon.Stat("split-votes");
    return splits;
  }

  static constexpr std::size_t kNodes = 5;
  World world_{kNodes};
  std::deque<Daemon> more_;
  std::deque<LineClient> clients_;
  std::mt19937 random_{1};
  bool disturbed_ = false;  // a node answered too late
};

TEST_P(TriesTest, OneOfThemGetsAFreeLock) {
  const int rounds = Rounds();
  int without = 0, disturbed = 0;
  for (int round = 0; round < rounds; ++round) {
    // A new name, or one that was let go a moment ago; at once, or within some milliseconds.
    const std::string name = round % 3 == 0 ? "same" : "fresh-" + std::to_string(round);
    disturbed_ = false;
    const std::size_t holders = Try(name, round % 4 == 3 ? 1000us : 0us);
    EXPECT_LE(holders, 1u) << name;
    if (disturbed_) ++disturbed;
    if (holders == 0 && !disturbed_) {
      ++without;
      ADD_FAILURE() << "nobody got " << name << " in round " << round;
    }
  }
  EXPECT_LE(disturbed, rounds / 10) << "nodes were late so often";
  std::cout << GetParam() << " daemons: " << rounds << " rounds, " << without
            << " without a winner, " << disturbed << " in which nodes were late, " << Splits()
            << " split votes" << std::endl;
}

INSTANTIATE_TEST_SUITE_P(Daemons, TriesTest, testing::Values(2, 3, 5, 8));

}  // namespace
}  // namespace redlockd::test
