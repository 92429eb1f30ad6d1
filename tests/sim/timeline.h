#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "daemon/engine/types.h"

namespace redlockd::sim {

using engine::Duration;

// The world's true time: how long after its beginning. No clock in the world shows it.
using Moment = engine::Duration;

// What is going to happen, in order of true time; of two things at one moment the one that was
// planned first.
class Timeline {
 public:
  Moment now() const { return now_; }
  std::uint64_t happened() const { return happened_; }

  void At(Moment at, std::function<void()> act) {
    later_.push({std::max(at, now_), ++order_, std::move(act)});
  }
  void After(Duration delay, std::function<void()> act) { At(now_ + delay, std::move(act)); }

  void RunUntil(Moment end) {
    while (!later_.empty() && later_.top().at <= end) {
      // The queue gives no way to move out of it; the entry is gone before anybody can look.
      Later next = std::move(const_cast<Later&>(later_.top()));
      later_.pop();
      now_ = next.at;
      ++happened_;
      next.act();
    }
    now_ = end;
  }

 private:
  struct Later {
    Moment at;
    std::uint64_t order;
    std::function<void()> act;
    bool operator<(const Later& other) const {
      return std::pair(other.at, other.order) < std::pair(at, order);
    }
  };

  Moment now_{0};
  std::uint64_t order_ = 0;
  std::uint64_t happened_ = 0;
  std::priority_queue<Later> later_;
};

}  // namespace redlockd::sim
