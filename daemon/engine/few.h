#pragma once

#include <array>
#include <cstddef>

#include "base/check.h"
#include "daemon/engine/node_set.h"

namespace redlockd::engine {

// One value of each of some nodes, in order, the smallest first. For so few it is faster to put each
// in its place than to sort them.
template <class T>
class Few {
 public:
  void Add(T value) {
    CHECK(size_ < values_.size());
    std::size_t place = size_++;
    for (; place > 0 && value < values_[place - 1]; --place) values_[place] = values_[place - 1];
    values_[place] = value;
  }
  std::size_t size() const { return size_; }
  const T& operator[](std::size_t place) const { return values_[place]; }

 private:
  std::array<T, kMaxNodes> values_;
  std::size_t size_ = 0;
};

}  // namespace redlockd::engine
