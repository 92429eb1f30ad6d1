#include "daemon/engine/owner_count.h"

#include <algorithm>

#include "daemon/engine/node_set.h"

namespace redlockd::engine {

OwnerCount::OwnerCount(const std::vector<NodeWord>& words) : nodes_(words.size()) {
  for (const NodeWord& word : words) {
    const std::string* owner = Of(word);
    if (!owner) continue;
    ++answered_;
    owner->empty() ? ++free_ : ++owners_[*owner];
  }
}

const OwnerCount::Votes* OwnerCount::Majority() const {
  const auto found = std::find_if(owners_.begin(), owners_.end(), [this](const Votes& votes) {
    return votes.second >= engine::Majority(nodes_);
  });
  return found == owners_.end() ? nullptr : &*found;
}

const std::string* OwnerCount::Of(const NodeWord& word) {
  const bool has_answer = word.answer && word.answer->verdict == Verdict::kOk;
  return has_answer ? &word.answer->text : nullptr;
}

}  // namespace redlockd::engine
