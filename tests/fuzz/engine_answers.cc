#include <algorithm>
#include <variant>

#include "daemon/engine/node_set.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/engine_checker.h"

// What the checker says of answers.
namespace redlockd::fuzz {

using namespace engine;

std::optional<Checker::Call> Checker::FirstInLine(const std::string& name) const {
  const auto first = std::find_if(line_.begin(), line_.end(), [&](const Call& call) {
    return std::get<LockRequested>(open_.at(call).request).name == name;
  });
  return first == line_.end() ? std::nullopt : std::optional(*first);
}

void Checker::On(const AnswerClient& answer) {
  const Call call(answer.session, answer.request);
  const auto found = open_.find(call);
  FUZZ_CHECK(found != open_.end(), "an answer to what is not asked, or answered already");
  if (const auto* granted = std::get_if<Granted>(&answer.answer)) {
    FUZZ_CHECK(FirstInLine(granted->name) == call, "not whose turn it was");
  }
  const Open open = std::move(found->second);
  open_.erase(found);
  std::erase(line_, call);
  std::visit([&](const auto& a) { OnAnswer(open, a); }, answer.answer);
}

void Checker::OnAnswer(const Open& open, const Granted& granted) {
  const auto* request = std::get_if<LockRequested>(&open.request);
  FUZZ_CHECK(request && request->name == granted.name, "grants what was not asked for");
  FUZZ_CHECK(!open.failure && !draining_, "grants what must be refused");
  FUZZ_CHECK(!holds_.contains(granted.name), "two holds");
  FUZZ_CHECK(!kept_.contains(granted.name), "grants what is kept (rule C9)");
  const Duration ttl = request->ttl.value_or(options_.timing.ttl);
  FUZZ_CHECK(granted.ttl == ttl, "another ttl");
  const Duration left = granted.deadline - now_;
  FUZZ_CHECK(left > Duration(0) || request->max_hold, "a deadline that is over");
  std::string& leased = leased_[granted.name];
  const bool handed_on = leased == attempts_[granted.name];
  leased = attempts_[granted.name];
  FUZZ_CHECK(left < ttl || handed_on, "longer than its ttl");
  FUZZ_CHECK(left >= ttl / (handed_on ? 2 : 4) || (request->max_hold && left == *request->max_hold),
             "too little is left (rules C3, C10)");
  FUZZ_CHECK(granted.nodes == options_.nodes && granted.votes <= granted.nodes, "too many votes");
  FUZZ_CHECK(granted.votes >= Majority(options_.nodes), "too few votes");
  FUZZ_CHECK(ledger_.Agreed(attempts_[granted.name], granted.fence), "not agreed (rules A3, A4)");
  Fence& last = last_fence_[granted.name];
  FUZZ_CHECK(granted.fence > 0 || nodes_lie_, "no fence");
  FUZZ_CHECK(granted.fence > last || nodes_lie_, "a fence that does not grow");
  last = std::max(last, granted.fence);
  ++grants_;
  holds_[granted.name] = {.session = request->session,
                          .fence = granted.fence,
                          .owner = attempts_[granted.name],
                          .ttl = ttl,
                          .renewed_events = request->renewed_events,
                          .wanted_events = request->wanted_events,
                          .deadline = granted.deadline,
                          .announced = granted.deadline,
                          .min_hold = now_ + request->min_hold,
                          .task = request->task};
}

void Checker::OnAnswer(const Open& open, const Released& released) {
  const auto* request = std::get_if<UnlockRequested>(&open.request);
  FUZZ_CHECK(request && request->name == released.name && !open.failure, "released by itself");
  FUZZ_CHECK(released.fence == open.fence, "another hold's fence");
}

void Checker::OnAnswer(const Open& open, const Checked& checked) {
  const auto* request = std::get_if<CheckRequested>(&open.request);
  FUZZ_CHECK(request && request->name == checked.name && !open.failure, "not what was checked");
  const Hold& hold = holds_.at(checked.name);
  FUZZ_CHECK(checked.fence == hold.fence && checked.deadline == hold.deadline, "another hold");
}

void Checker::OnAnswer(const Open& open, const Done&) {
  FUZZ_CHECK(std::holds_alternative<WatchRequested>(open.request) ||
                 std::holds_alternative<UnwatchRequested>(open.request),
             "nobody asked");
}

void Checker::OnAnswer(const Open& open, const WaitCancelled&) {
  const auto* request = std::get_if<CancelRequested>(&open.request);
  FUZZ_CHECK(request && !open.failure, "cancelled by itself");
  FUZZ_CHECK(!open_.contains({request->session, request->target}), "it still waits");
}

void Checker::OnAnswer(const Open& open, const Broken& broken) {
  const auto* request = std::get_if<BreakRequested>(&open.request);
  FUZZ_CHECK(request && request->name == broken.name && !open.failure, "broken by itself");
  FUZZ_CHECK(!request->fence || !holds_.contains(broken.name), "it is still held");
}

void Checker::OnAnswer(const Open& open, const Shown& shown) {
  const auto* request = std::get_if<ShowRequested>(&open.request);
  FUZZ_CHECK(request && request->name == shown.name, "shows what was not asked for");
  FUZZ_CHECK(shown.nodes.size() == options_.nodes, "a node is missing");
  for (const NodeWord& word : shown.nodes) {
    FUZZ_CHECK(!word.named || word.named->node == word.node, "the word of another node");
  }
}

void Checker::OnAnswer(const Open& open, const NodesSet& set) {
  FUZZ_CHECK(std::holds_alternative<TrustEmptyRequested>(open.request) ||
                 std::holds_alternative<AdoptRequested>(open.request),
             "nobody asked");
  FUZZ_CHECK(set.nodes.size() == options_.nodes, "a node is missing");
}

void Checker::OnAnswer(const Open& open, const Failed& failed) {
  FUZZ_CHECK(!failed.text.empty(), "fails without a word");
  if (const auto* lock = std::get_if<LockRequested>(&open.request)) {
    FUZZ_CHECK(failed.name == lock->name, "another lock's failure");
    if (!failed.cycle.empty()) {
      FUZZ_CHECK(failed.failure == Failure::kDeadlock && !open.failure, "another failure");
      return OnDeadlock(*lock, failed.cycle);
    }
    return OnLockFailed(open, *lock, failed.failure);
  }
  if (const auto* unlock = std::get_if<UnlockRequested>(&open.request)) {
    const bool sync = unlock->sync && failed.failure == Failure::kNoQuorum && !open.failure;
    FUZZ_CHECK(sync || open.failure, "what is held is not released");
    FUZZ_CHECK(!sync || failed.fence == open.fence, "another hold's fence");
    if (sync) return;
  }
  if (const auto* broken = std::get_if<BreakRequested>(&open.request); broken && !broken->fence) {
    FUZZ_CHECK(failed.failure == Failure::kNotHeld || failed.failure == Failure::kNoQuorum,
               "not a failure of a break");
    return;
  }
  const bool is_adopt = std::holds_alternative<AdoptRequested>(open.request);
  if (failed.failure == Failure::kRefused || failed.failure == Failure::kNoQuorum) {
    FUZZ_CHECK(is_adopt || std::holds_alternative<TrustEmptyRequested>(open.request),
               "nobody asked");
    return;
  }
  if (failed.failure == Failure::kNothingDiffers) {
    FUZZ_CHECK(is_adopt, "nobody asked");
    return;
  }
  const bool lost = open.failure == Failure::kNotHeld && failed.failure == Failure::kLost;
  FUZZ_CHECK(lost || failed.failure == open.failure, "another failure than expected");
  FUZZ_CHECK(lost == (failed.reason != LossReason::kNone), "a reason too many or too few");
}

// Rule W1. The request itself does not wait any more.
void Checker::OnDeadlock(const LockRequested& e, const std::vector<InCycle>& cycle) const {
  FUZZ_CHECK(e.wait != Duration(0), "a try that waits in a cycle");
  FUZZ_CHECK(cycle.front().lock == e.name && cycle.back().holder == e.task, "another's cycle");
  const TaskId* holder = nullptr;  // of the lock before
  for (const InCycle& wait : cycle) {
    const auto hold = holds_.find(wait.lock);
    FUZZ_CHECK(hold != holds_.end() && hold->second.task == wait.holder, "not the holder");
    FUZZ_CHECK(holder == nullptr || WaitsOf(*holder).contains(wait.lock), "it does not wait");
    holder = &wait.holder;
  }
}

void Checker::OnLockFailed(const Open& open, const LockRequested& e, Failure failure) {
  if (open.failure) {
    FUZZ_CHECK(failure == *open.failure, "another failure than expected");
    return;
  }
  const bool is_try = e.wait == Duration(0);
  switch (failure) {
    case Failure::kBusy:
      FUZZ_CHECK(is_try, "busy, but it waits");
      return;
    case Failure::kTimeout:
      FUZZ_CHECK(!is_try && e.wait && now_ >= Later(open.since, *e.wait), "too early");
      return;
    case Failure::kNoTurn:
      FUZZ_CHECK(is_try || (e.wait && now_ >= Later(open.since, *e.wait)), "too early");
      return;
    case Failure::kCancelled:
      FUZZ_CHECK(open.cancelled || ended_.contains(e.session), "cancelled by itself");
      return;
    case Failure::kDraining:
      FUZZ_CHECK(draining_, "not draining");
      return;
    case Failure::kNoQuorum:
      return;
    default:
      FUZZ_CHECK(false, "not a failure of a lock");
  }
}

}  // namespace redlockd::fuzz
