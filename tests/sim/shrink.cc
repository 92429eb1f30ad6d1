#include "tests/sim/shrink.h"

#include <utility>

namespace redlockd::sim {
namespace {

using namespace std::chrono_literals;

class Shrinker {
 public:
  Shrinker(Scenario scenario, const std::function<bool(const Scenario&)>& fails, std::size_t most)
      : best_(std::move(scenario)), fails_(fails), left_(most) {}

  Scenario Run() {
    bool smaller = true;
    while (smaller && left_ > 0) {
      smaller = Fewer(&Scenario::faults);
      smaller = Fewer(&Scenario::clients) || smaller;
      smaller = FewerSets() || smaller;
      smaller = Sooner() || smaller;
      smaller = Milder() || smaller;
    }
    return best_;
  }

 private:
  bool Take(Scenario smaller) {
    if (smaller == best_ || left_ == 0) return false;
    --left_;
    if (!fails_(smaller)) return false;
    best_ = std::move(smaller);
    return true;
  }

  // Without each entry of a list, from the last to the first.
  template <class List>
  bool Fewer(List Scenario::*list) {
    bool taken = false;
    for (std::size_t i = (best_.*list).size(); i-- > 0;) {
      Scenario smaller = best_;
      auto& entries = smaller.*list;
      entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(i));
      taken = Take(std::move(smaller)) || taken;
    }
    return taken;
  }

  bool FewerSets() {
    Scenario smaller = best_;
    if (smaller.sets > 0)
      --smaller.sets;
    else if (smaller.sharers > 0)
      --smaller.sharers;
    return Take(std::move(smaller));
  }

  // The trouble ends earlier; what would have begun later does not.
  bool Sooner() {
    Scenario smaller = best_;
    smaller.trouble = best_.trouble * 3 / 4;
    smaller.trouble -= smaller.trouble % 1us;
    std::erase_if(smaller.faults, [&](const Fault& f) { return f.at > smaller.trouble; });
    return smaller.trouble > 50ms && Take(std::move(smaller));
  }

  bool Milder() {
    bool taken = false;
    for (std::size_t i = 0; i < best_.faults.size(); ++i) {
      Scenario smaller = best_;
      Duration& lasts = smaller.faults[i].lasts;
      lasts = lasts / 2 - lasts / 2 % 1us;
      taken = Take(std::move(smaller)) || taken;
    }
    return taken;
  }

  Scenario best_;
  const std::function<bool(const Scenario&)>& fails_;
  std::size_t left_;
};

}  // namespace

Scenario Shrink(Scenario scenario, const std::function<bool(const Scenario&)>& fails,
                std::size_t most) {
  return Shrinker(std::move(scenario), fails, most).Run();
}

}  // namespace redlockd::sim
