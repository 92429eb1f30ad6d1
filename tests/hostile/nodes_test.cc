// Floods while nodes hang: nothing may pile up for them.
#include <deque>

#include "tests/hostile/hostile_test.h"

namespace redlockd::test {
namespace {

class HostileWhileNodesHang : public HostileTest {
 protected:
  // Many sessions take and let go lock after lock, each once, until no more than `voting` nodes
  // vote, and for some time after that.
  void FloodUntil(std::size_t voting) {
    std::deque<HostileClient> clients;
    for (std::size_t i = 0; i < 20; ++i) clients.emplace_back(world_.daemon);
    EXPECT_TRUE(Eventually([&] {
      Flood(clients);
      return GetNumber(observer_.Ask("nodes"), "up") == voting;
    }));
    for (std::size_t round = 0; round < Scaled(2); ++round) Flood(clients);
  }

 private:
  void Flood(std::deque<HostileClient>& clients) {
    for (HostileClient& client : clients) {
      std::string lines;
      for (int n = 0; n < 20; ++n) {
        const std::string name = "hostile-" + std::to_string(last_++);
        lines.append("trylock ").append(name).append("\nunlock ").append(name).append("\n");
      }
      client.Say(lines);
    }
    for (HostileClient& client : clients) client.Hear(40);
    NotePeak();
  }

  std::size_t last_ = 0;
};

TEST_F(HostileWhileNodesHang, AMinority) {
  Withstand([&] {
    world_.nodes[2].Freeze();
    FloodUntil(2);
    world_.nodes[2].Thaw();
  });
}

TEST_F(HostileWhileNodesHang, AMajority) {
  Withstand([&] {
    world_.nodes[1].Freeze();
    world_.nodes[2].Freeze();
    FloodUntil(1);
    world_.nodes[1].Thaw();
    world_.nodes[2].Thaw();
  });
}

}  // namespace
}  // namespace redlockd::test
