// Watchers that do not read while locks come and go.
#include <deque>

#include "daemon/session/bounds.h"
#include "tests/hostile/hostile_test.h"

namespace redlockd::test {
namespace {

using session::kUnreadWatches;

class HostileWatch : public HostileTest {
 protected:
  // Takes a lock and lets it go again.
  void Churn(std::size_t times) {
    const std::string name = "hostile-" + std::string(200, 'n');
    for (std::size_t i = 0; i < times; ++i) {
      ASSERT_EQ(observer_.Brief("lock " + name), "OK");
      ASSERT_EQ(observer_.Brief("unlock " + name), "OK");
    }
  }
};

// None of them is dropped; what the daemon keeps for them is bounded; each event that they do not get
// is counted, and afterwards they hear what happens then.
TEST_F(HostileWatch, NeverRead) {
  const std::size_t count = Scaled(4);
  Withstand([&] {
    std::deque<LineClient> watchers;
    for (std::size_t i = 0; i < count; ++i) {
      watchers.emplace_back(world_.Connect());
      ASSERT_EQ(watchers.back().Brief("watch"), "OK");
    }
    // More than a socket and the daemon keep: two events each time, of some 250 bytes.
    Churn(2000);
    NotePeak();
    EXPECT_GE(Stat("sessions"), count);
    for (LineClient& watcher : watchers) {
      std::uint64_t missed = 0;
      while (missed == 0) {
        const Reply event = watcher.Event("WATCH");
        if (event.Find("missed") != nullptr) missed = GetNumber(event, "missed");
      }
      // From then on it hears what happens: the steady client goes on.
      EXPECT_EQ(watcher.Event("WATCH").Find("missed"), nullptr);
    }
  });
  EXPECT_LE(PeakGrowth(), (count + 1) * 2 * kUnreadWatches);
}

}  // namespace
}  // namespace redlockd::test
