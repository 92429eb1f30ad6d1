#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "daemon/engine/types.h"

namespace redlockd::engine {

// A number of things a second, on average: what was not taken within the last minute may be taken at
// once. Keeps one time, whatever the number, which may change from call to call; it is never 0.
class Allowance {
 public:
  static constexpr Duration kSaved = std::chrono::minutes(1);

  bool HasRoom(Time now, std::size_t a_second) const {
    return AfterOneMore(now, a_second) <= now + kSaved;
  }
  void Take(Time now, std::size_t a_second) { full_at_ = AfterOneMore(now, a_second); }
  // All that can be saved up is there.
  bool IsFull(Time now) const { return full_at_ <= now; }
  Time full_at() const { return full_at_; }
  void Restore(Time full_at) { full_at_ = full_at; }

 private:
  Time AfterOneMore(Time now, std::size_t a_second) const {
    return std::max(full_at_, now) + Duration(std::chrono::seconds(1)) / a_second;
  }

  Time full_at_;  // when it will have saved up all that it can
};

}  // namespace redlockd::engine
