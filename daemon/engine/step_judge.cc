#include "daemon/engine/step_judge.h"

#include "base/check.h"
#include "daemon/engine/node_set.h"

namespace redlockd::engine {

void StepJudge::Expire(Time now) {
  if (Open() && now - since_ > kTogether) Close();
}

void StepJudge::Stepped(NodeIndex node, Time heard) {
  Expire(heard);
  if (!Open()) since_ = heard;
  stepped_.set(node);
  moved_.set(node);
  still_.reset(node);
}

void StepJudge::Read(NodeIndex node, Time asked, bool moved) {
  if (!Needs(node)) return;
  if (moved) {
    moved_.set(node);
  } else if (asked >= since_) {
    still_.set(node);
  }
}

void StepJudge::Forget(NodeIndex node) {
  stepped_.reset(node);
  moved_.reset(node);
  still_.reset(node);
  if (!Open()) Close();
}

StepJudge::Verdict StepJudge::Judge() const {
  CHECK((stepped_ & ~moved_).none() && (moved_ & still_).none());
  const std::size_t m = Majority(nodes_);
  if (!Open()) return Verdict::kOpen;
  if (moved_.count() >= m) return Verdict::kHost;
  return nodes_ - still_.count() < m ? Verdict::kNode : Verdict::kOpen;
}

NodeSet StepJudge::Close() {
  const NodeSet stepped = stepped_;
  stepped_ = moved_ = still_ = NodeSet();
  return stepped;
}

}  // namespace redlockd::engine
