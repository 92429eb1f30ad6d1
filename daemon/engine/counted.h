#pragma once

#include <cstddef>

#include "base/check.h"

namespace redlockd::engine {

// One of those that `count` counts, for as long as it lives.
class Counted {
 public:
  explicit Counted(std::size_t& count) : count_(count) { ++count_; }
  ~Counted() {
    CHECK(count_ > 0);
    --count_;
  }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::size_t& count_;
};

}  // namespace redlockd::engine
