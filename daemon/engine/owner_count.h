#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "daemon/engine/effects.h"

namespace redlockd::engine {

// What the nodes say of who has a lock, counted.
class OwnerCount {
 public:
  using Votes = std::pair<const std::string, std::size_t>;

  explicit OwnerCount(const std::vector<NodeWord>& words);

  std::size_t answered() const { return answered_; }
  std::size_t free() const { return free_; }
  // The owner value that a majority of the nodes names, and how many do; null if there is none.
  const Votes* Majority() const;

  // The owner value that the node names, empty if the lock is free there; null if it did not say.
  static const std::string* Of(const NodeWord& word);

 private:
  const std::size_t nodes_;
  std::size_t answered_ = 0;
  std::size_t free_ = 0;
  std::map<std::string, std::size_t> owners_;
};

}  // namespace redlockd::engine
