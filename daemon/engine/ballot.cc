#include "daemon/engine/ballot.h"

#include <utility>

#include "base/check.h"
#include "daemon/engine/few.h"
#include "daemon/engine/node_set.h"
#include "daemon/engine/reasons.h"

namespace redlockd::engine {

Ballot::Ballot(std::size_t nodes, NodeSet asked) : nodes_(nodes), asked_(asked), open_(asked) {
  CHECK(nodes_ >= 1 && nodes_ <= kMaxNodes && (asked_ >> nodes_).none());
}

void Ballot::Clear(NodeIndex node) {
  CHECK(asked_.test(node));
  for (NodeSet* set : {&open_, &missed_, &failed_, &refused_, &not_turn_, &turn_, &voted_}) {
    set->reset(node);
  }
  owners_.erase(node);
  rests_.erase(node);
  reasons_.erase(node);
}

void Ballot::Take(const NodeAnswer& answer, bool votes) {
  if (answer.verdict == Verdict::kOk && votes) {
    Vote(answer.node, answer.fence);
  } else if (answer.verdict == Verdict::kBusy) {
    Busy(answer.node, answer.text, answer.left);
  } else if (answer.verdict == Verdict::kNotTurn) {
    NotTurn(answer.node, answer.left);
  } else {
    Fail(answer.node, ReasonOf(answer));
  }
}

void Ballot::Vote(NodeIndex node, Fence fence) {
  Clear(node);
  voted_.set(node);
  votes_[node] = fence;
}

void Ballot::Busy(NodeIndex node, std::string owner, Duration left) {
  Refuse(node);
  owners_[node] = std::move(owner);
  if (!shortest_left_ || left < *shortest_left_) shortest_left_ = left;
}

void Ballot::NotTurn(NodeIndex node, Duration rest) {
  Refuse(node);
  not_turn_.set(node);
  if (rest > Duration(0)) rests_[node] = rest;
}

void Ballot::Turn(NodeIndex node) {
  Clear(node);
  turn_.set(node);
}

void Ballot::Refuse(NodeIndex node) {
  Clear(node);
  refused_.set(node);
}

// A node that has answered and then falls silent has still answered.
void Ballot::Miss(NodeIndex node, std::string why) {
  if (open_.test(node) || missed_.test(node)) Except(node, missed_, std::move(why));
}

void Ballot::Fail(NodeIndex node, std::string why) {
  if (!(voted_ | turn_ | refused_).test(node)) Except(node, failed_, std::move(why));
}

void Ballot::FailVotes(const std::string& why) {
  for (NodeIndex i = 0; i < nodes_; ++i) {
    if (voted_.test(i)) Except(i, failed_, why);
  }
}

void Ballot::Except(NodeIndex node, NodeSet& set, std::string why) {
  Clear(node);
  set.set(node);
  reasons_[node] = std::move(why);
}

Ballot::Result Ballot::Judge() const {
  const std::size_t m = Majority(nodes_);
  if (MajorityFence()) return Result::kAgreed;
  if (Votes() >= m) return Result::kDisagreed;
  if (turn_.count() >= m) return Result::kTurn;
  if (Votes() + turn_.count() + open_.count() >= m) return Result::kOpen;
  const std::size_t answered = Votes() + turn_.count() + refused_.count();
  if (answered >= m) return Result::kRefused;
  return answered + open_.count() >= m ? Result::kOpen : Result::kNoQuorum;
}

std::optional<Fence> Ballot::MajorityFence() const {
  const std::size_t m = Majority(nodes_);
  if (Votes() < m) return std::nullopt;
  for (NodeIndex i = 0; i < nodes_; ++i) {
    if (!voted_.test(i)) continue;
    std::size_t same = 0;
    for (NodeIndex j = i; j < nodes_; ++j) same += voted_.test(j) && votes_[j] == votes_[i];
    if (same >= m) return votes_[i];
  }
  return std::nullopt;
}

Fence Ballot::Agreed() const {
  const auto fence = MajorityFence();
  CHECK(fence);
  return *fence;
}

Fence Ballot::ToConfirm() const {
  const std::size_t m = Majority(nodes_);
  CHECK(Votes() >= m);
  Few<Fence> fences;
  for (NodeIndex i = 0; i < nodes_; ++i) {
    if (voted_.test(i)) fences.Add(votes_[i]);
  }
  return fences[m - 1];
}

bool Ballot::IsReached(Fence fence) const {
  std::size_t reached = 0;
  for (NodeIndex i = 0; i < nodes_; ++i) reached += voted_.test(i) && votes_[i] >= fence;
  return reached >= Majority(nodes_);
}

NodeFailures Ballot::Failures() const {
  NodeFailures failures = reasons_;
  for (NodeIndex i = 0; i < nodes_; ++i) {
    if (open_.test(i)) failures.emplace(i, "has not answered yet");
  }
  return failures;
}

std::string Ballot::Holder() const {
  std::map<std::string, std::size_t> count;
  for (const auto& [node, owner] : owners_) {
    if (++count[owner] >= Majority(nodes_)) return owner;
  }
  return {};
}

std::optional<Duration> Ballot::UntilTurn() const {
  Few<Duration> rests;
  for (std::size_t i = 0; i < (voted_ | turn_).count(); ++i) rests.Add(Duration(0));
  for (const auto& [node, rest] : rests_) rests.Add(rest);
  const std::size_t m = Majority(nodes_);
  return rests.size() >= m ? std::optional(rests[m - 1]) : std::nullopt;
}

bool Ballot::OnlyQueue() const {
  return not_turn_.any() && voted_.count() + not_turn_.count() >= Majority(nodes_);
}

}  // namespace redlockd::engine
