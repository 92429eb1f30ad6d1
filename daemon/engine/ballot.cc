#include "daemon/engine/ballot.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "daemon/engine/quorum.h"

namespace redlockd::engine {

Ballot::Ballot(std::size_t nodes, NodeSet asked) : nodes_(nodes), asked_(asked), open_(asked) {}

void Ballot::Settle(NodeIndex node) {
  open_.reset(node);
  refused_.reset(node);
  not_turn_.reset(node);
  votes_.erase(node);
  owners_.erase(node);
}

void Ballot::Vote(NodeIndex node, Fence fence) {
  Settle(node);
  votes_[node] = fence;
}

void Ballot::Busy(NodeIndex node, std::string owner, Duration left) {
  Refuse(node);
  owners_[node] = std::move(owner);
  if (!shortest_left_ || left < *shortest_left_) shortest_left_ = left;
}

void Ballot::NotTurn(NodeIndex node) {
  Refuse(node);
  not_turn_.set(node);
}

void Ballot::Refuse(NodeIndex node) {
  Settle(node);
  refused_.set(node);
}

void Ballot::Miss(NodeIndex node) {
  // A node that has voted and then falls silent has still voted.
  if (open_.test(node)) Settle(node);
}

Ballot::Result Ballot::Judge() const {
  const std::size_t m = Majority(nodes_);
  if (MajorityFence()) return Result::kAgreed;
  if (votes_.size() >= m) return Result::kDisagreed;
  if (votes_.size() + open_.count() >= m) return Result::kOpen;
  const std::size_t answered = votes_.size() + refused_.count();
  if (answered >= m) return Result::kRefused;
  return answered + open_.count() >= m ? Result::kOpen : Result::kNoQuorum;
}

std::optional<Fence> Ballot::MajorityFence() const {
  std::map<Fence, std::size_t> count;
  for (const auto& [node, fence] : votes_) {
    if (++count[fence] >= Majority(nodes_)) return fence;
  }
  return std::nullopt;
}

Fence Ballot::Agreed() const {
  const auto fence = MajorityFence();
  assert(fence);
  return *fence;
}

Fence Ballot::ToConfirm() const {
  const std::size_t m = Majority(nodes_);
  assert(votes_.size() >= m);
  std::vector<Fence> fences;
  for (const auto& [node, fence] : votes_) fences.push_back(fence);
  std::nth_element(fences.begin(), fences.begin() + static_cast<std::ptrdiff_t>(m - 1),
                   fences.end());
  return fences[m - 1];
}

NodeSet Ballot::Silent() const {
  NodeSet silent = asked_ & ~refused_;
  for (const auto& [node, fence] : votes_) silent.reset(node);
  return silent;
}

std::string Ballot::Holder() const {
  std::map<std::string, std::size_t> count;
  for (const auto& [node, owner] : owners_) {
    if (++count[owner] >= Majority(nodes_)) return owner;
  }
  return {};
}

bool Ballot::OnlyQueue() const {
  return not_turn_.any() && votes_.size() + not_turn_.count() >= Majority(nodes_);
}

}  // namespace redlockd::engine
