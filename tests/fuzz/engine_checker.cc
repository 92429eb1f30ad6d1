#include "tests/fuzz/engine_checker.h"

#include <algorithm>
#include <variant>

#include "tests/fuzz/check.h"
#include "tests/support/engine_rows.h"

namespace redlockd::fuzz {

using namespace engine;

// --- events -------------------------------------------------------------------------------------

void Checker::Before(Time now, const Event& event) {
  now_ = now;
  std::erase_if(kept_, [now](const auto& entry) {
    return entry.second.until <= now && entry.second.min_hold <= now;
  });
  std::visit([this](const auto& e) { On(e); }, event);
}

template <class Request>
Checker::Open& Checker::OpenCall(const Request& e) {
  const auto [open, is_new] = open_.emplace(Call(e.session, e.request), Open{e, now_});
  FUZZ_CHECK(is_new, "the world's fault: a request id twice");
  return open->second;
}

void Checker::On(const SessionOpened& e) { sessions_[e.session] = e.uid; }

void Checker::On(const WatchRequested& e) {
  OpenCall(e);
  watches_[e.session].insert(e.name);
}

void Checker::On(const UnwatchRequested& e) {
  OpenCall(e);
  watches_[e.session].erase(e.name);
  if (e.name.empty()) watches_.erase(e.session);
}

void Checker::On(const SessionInputEnded& e) { ended_.insert(e.session); }

void Checker::On(const SessionClosed& e) {
  std::erase_if(open_, [&](const auto& entry) { return entry.first.first == e.session; });
  std::erase_if(line_, [&](const Call& call) { return call.first == e.session; });
  for (auto at = holds_.begin(); at != holds_.end();) {
    const auto& [name, hold] = *at++;
    if (hold.session == e.session) Keep(name, Time());
  }
  sessions_.erase(e.session);
  watches_.erase(e.session);
}

void Checker::On(const SessionDropped& e) {
  for (auto at = holds_.begin(); at != holds_.end();) {
    const auto& [name, hold] = *at++;
    if (hold.session == e.session) Keep(name, hold.announced);
  }
  On(SessionClosed{e.session});
}

void Checker::On(const LockRequested& e) {
  OpenCall(e).failure = WhyNot(e);
  line_.emplace_back(e.session, e.request);
}

std::optional<Failure> Checker::WhyNot(const LockRequested& e) const {
  const Timing& timing = options_.timing;
  const Duration ttl = e.ttl.value_or(timing.ttl);
  if (ttl < timing.MinTtl() || ttl > timing.max_ttl) return Failure::kBadTtl;
  if (draining_) return Failure::kDraining;
  const bool waits = std::any_of(line_.begin(), line_.end(), [&](const Call& call) {
    return call.first == e.session &&
           std::get<LockRequested>(open_.at(call).request).name == e.name;
  });
  if (waits || HoldOf(e.session, e.name)) return Failure::kDeadlock;
  std::size_t of_uid = 0;
  for (const auto& [session, uid] : sessions_) {
    if (uid == sessions_.at(e.session)) of_uid += LocksOf(session);
  }
  for (const auto& [name, kept] : kept_) of_uid += kept.uid == sessions_.at(e.session);
  const bool at_limit = LocksOf(e.session) >= options_.limits.locks_per_session ||
                        of_uid >= options_.limits.locks_per_uid || QuotaIsMet(e.name);
  return at_limit ? std::optional(Failure::kLimit) : std::nullopt;
}

// Rule C19. Each rule of the worlds is of one name.
bool Checker::QuotaIsMet(const std::string& name) const {
  const auto rule = options_.limits.quotas.locks.find(name);
  if (rule == options_.limits.quotas.locks.end()) return false;
  const auto waits = std::count_if(line_.begin(), line_.end(), [&](const Call& call) {
    return std::get<LockRequested>(open_.at(call).request).name == name;
  });
  return static_cast<std::size_t>(waits) + holds_.count(name) + kept_.count(name) >= rule->second;
}

// The hold is over; what is left of it is not another's before `until`, nor before its min-hold is over.
void Checker::Keep(std::string name, Time until) {
  const Hold hold = holds_.at(name);
  holds_.erase(name);
  if (now_ >= until && now_ >= hold.min_hold) return;
  kept_[name] = {hold.owner, until, hold.min_hold, sessions_.at(hold.session)};
}

std::size_t Checker::LocksOf(SessionId session) const {
  const auto holds = std::count_if(holds_.begin(), holds_.end(), [&](const auto& entry) {
    return entry.second.session == session;
  });
  const auto waits = std::count_if(line_.begin(), line_.end(),
                                   [&](const Call& call) { return call.first == session; });
  return static_cast<std::size_t>(holds + waits);
}

const Checker::Hold* Checker::HoldOf(SessionId session, const std::string& name) const {
  const auto hold = holds_.find(name);
  return hold != holds_.end() && hold->second.session == session ? &hold->second : nullptr;
}

void Checker::On(const UnlockRequested& e) {
  Open& open = OpenCall(e);
  const Hold* hold = HoldOf(e.session, e.name);
  if (!hold || (e.fence && *e.fence != hold->fence)) {
    open.failure = Failure::kNotHeld;  // or kLost
  } else {
    open.fence = hold->fence;
    Keep(e.name, Time());
  }
}

void Checker::On(const BreakRequested& e) {
  Open& open = OpenCall(e);
  const auto hold = holds_.find(e.name);
  const bool held = hold != holds_.end() && hold->second.fence == e.fence;
  if (e.fence && !held) open.failure = Failure::kNotHeld;
}

void Checker::On(const CheckRequested& e) {
  Open& open = OpenCall(e);
  const auto hold = holds_.find(e.name);
  const bool held = e.fence ? hold != holds_.end() && hold->second.fence == *e.fence
                            : HoldOf(e.session, e.name) != nullptr;
  if (!held) open.failure = Failure::kNotHeld;  // or kLost
}

std::string Checker::LockOf(SessionId session, RequestId request) const {
  const auto open = open_.find({session, request});
  const auto* lock =
      open == open_.end() ? nullptr : std::get_if<LockRequested>(&open->second.request);
  return lock ? lock->name : "";
}

void Checker::On(const CancelRequested& e) {
  Open& open = OpenCall(e);
  const auto target = open_.find({e.session, e.target});
  if (target != open_.end() && std::holds_alternative<LockRequested>(target->second.request)) {
    target->second.cancelled = true;
  } else {
    open.failure = Failure::kNoSuchWait;
  }
}

void Checker::On(const NodeAnswer& e) {
  asked_.erase({e.node, e.ticket.kind, e.ticket.subject, e.ticket.round});
  const bool refused = e.verdict == Verdict::kBusy || e.verdict == Verdict::kNotTurn;
  const bool acquires = e.ticket.kind == Ticket::Kind::kAttempt ||
                        e.ticket.kind == Ticket::Kind::kHeal ||
                        e.ticket.kind == Ticket::Kind::kBlock;
  if (acquires && refused) ledger_.HeardRefusal(e);
  const auto round = if_refused_.find({e.ticket.subject, e.ticket.round});
  const bool acquired = acquires && e.verdict == Verdict::kOk;
  if (acquired && round != if_refused_.end()) entries_[round->second].reset(e.node);
  answer_ = e;
}

void Checker::On(const NodeSilence& e) {
  if (e.gone) asked_.erase({e.node, e.ticket.kind, e.ticket.subject, e.ticket.round});
}

// --- effects -------------------------------------------------------------------------------------

void Checker::After(Time now, const Engine& engine, const Effects& effects) {
  now_ = now;
  for (auto& [name, hold] : holds_) hold.moved_back = false;
  for (const Effect& effect : effects) {
    if (!std::holds_alternative<NodeChanged>(effect) && !std::holds_alternative<Warned>(effect)) {
      TakeAnswer(engine);
    }
    std::visit([this](const auto& e) { On(e); }, effect);
  }
  TakeAnswer(engine);
  CompareHolds(engine);
  CompareKept(engine);
  CompareWaits(engine);
  CheckEntries();
  CheckCycles();
  FUZZ_CHECK(engine.counters().grants == grants_, "a grant that was not told");
  FUZZ_CHECK(engine.Nodes(now).size() == options_.nodes, "another number of nodes");
  FUZZ_CHECK(!engine.Drained() || (draining_ && holds_.empty()), "drained too early");
  const auto next = engine.NextDeadline();
  FUZZ_CHECK(!next || *next > now, "a deadline that is over already: the daemon spins");
}

// An answer may change whether its node votes; that is said first. A node whose probe fails, or
// that is full, has no vote and yet keeps the leases that it has (rule C5).
void Checker::TakeAnswer(const Engine& engine) {
  if (!answer_) return;
  const NodeState state = engine.Nodes(now_)[answer_->node].state;
  const bool keeps = answer_->ticket.kind == Ticket::Kind::kRenew &&
                     (state == NodeState::kProbing || state == NodeState::kFull ||
                      state == NodeState::kError || state == NodeState::kDown);
  if (votes_.test(answer_->node) || keeps) ledger_.Heard(*answer_);
  answer_.reset();
}

void Checker::On(const NotifyClient& tell) {
  const Notice& notice = tell.notice;
  FUZZ_CHECK(sessions_.contains(tell.session), "tells one that is gone");
  if (notice.kind == Notice::Kind::kDraining) {
    const bool holds = std::any_of(holds_.begin(), holds_.end(), [&](const auto& entry) {
      return entry.second.session == tell.session;
    });
    FUZZ_CHECK(holds && draining_, "tells one that holds nothing");
    return;
  }
  const auto found = holds_.find(notice.name);
  FUZZ_CHECK(found != holds_.end() && found->second.session == tell.session, "not the holder");
  Hold& hold = found->second;
  FUZZ_CHECK(notice.fence == hold.fence, "another fence");
  switch (notice.kind) {
    case Notice::Kind::kRenewed:
      FUZZ_CHECK(hold.renewed_events && notice.deadline > hold.deadline, "not renewed");
      return;
    case Notice::Kind::kJeopardy:
      hold.jeopardy = hold.moved_back = true;
      hold.deadline = std::min(hold.deadline, notice.deadline);
      return;
    case Notice::Kind::kWanted:
      FUZZ_CHECK(hold.wanted_events && !hold.wanted, "advised unasked, or twice");
      hold.wanted = true;
      return;
    case Notice::Kind::kSafe:
      FUZZ_CHECK(hold.jeopardy, "was safe already");
      hold.jeopardy = false;
      return;
    default:
      FUZZ_CHECK(notice.reason != LossReason::kNone, "lost for no reason");
      Keep(notice.name, hold.announced);
  }
}

void Checker::On(const NotifyWatchers& tell) {
  const WatchNotice& notice = tell.notice;
  std::vector<SessionId> watchers;
  for (const auto& [session, names] : watches_) {
    if (names.contains("") || names.contains(notice.name)) watchers.push_back(session);
  }
  FUZZ_CHECK(!watchers.empty() && tell.sessions == watchers, "tells others than who watch");
  if (notice.what != WatchNotice::What::kGranted) return;
  const auto hold = holds_.find(notice.name);
  FUZZ_CHECK(hold != holds_.end() && hold->second.fence == notice.fence, "tells of no hold");
  FUZZ_CHECK(sessions_.at(hold->second.session) == notice.uid, "another holder");
}

// Each hold has a beginning and an end.
void Checker::On(const Audited& audited) {
  const WatchNotice& notice = audited.notice;
  if (notice.what == WatchNotice::What::kGranted) {
    const bool is_new = audited_.emplace(notice.name, notice.fence).second;
    FUZZ_CHECK(is_new, "audits a grant within a hold");
  } else {
    const auto found = audited_.find(notice.name);
    FUZZ_CHECK(found != audited_.end() && found->second == notice.fence,
               "audits an end of no hold");
    audited_.erase(found);
  }
}

void Checker::On(const NodeChanged& change) {
  FUZZ_CHECK(change.node < options_.nodes && !change.text.empty(), "what has changed?");
  votes_.set(change.node, change.votes);
}

// --- what there is ------------------------------------------------------------------------------

void Checker::CompareHolds(const Engine& engine) {
  const auto views = test::RowsOf<HoldView>(engine, now_);
  FUZZ_CHECK(views.size() == holds_.size(), "holds come or go untold");
  FUZZ_CHECK(engine.HoldCount() == views.size(), "miscounts the holds");
  FUZZ_CHECK(audited_.size() == views.size(), "holds come or go without an audit");
  auto expected = holds_.begin();
  for (const HoldView& view : views) {
    auto& [name, hold] = *expected++;
    FUZZ_CHECK(view.name == name && view.session == hold.session && view.fence == hold.fence &&
                   view.ttl == hold.ttl,
               "another hold");
    FUZZ_CHECK(view.jeopardy == hold.jeopardy, "in jeopardy untold");
    FUZZ_CHECK(view.deadline > now_, "held beyond its deadline");
    FUZZ_CHECK(view.deadline <= ledger_.Deadline(hold.owner), "more than is promised (rule C2)");
    FUZZ_CHECK(view.deadline >= hold.deadline || hold.moved_back, "a deadline moved back untold");
    hold.deadline = view.deadline;
    hold.announced = std::max(hold.announced, view.deadline);
  }
}

// A lease that no majority promises for as long as min-hold ends before that.
void Checker::CompareKept(const Engine& engine) {
  std::set<std::string> names;
  for (const KeptView& view : test::RowsOf<KeptView>(engine, now_)) names.insert(view.name);
  for (const std::string& name : names) FUZZ_CHECK(kept_.contains(name), "keeps what is over");
  std::erase_if(kept_, [&](const auto& entry) {
    return entry.second.until <= now_ && !names.contains(entry.first);
  });
  FUZZ_CHECK(kept_.size() == names.size(), "does not keep what was announced (rule C9)");
}

void Checker::CompareWaits(const Engine& engine) const {
  const auto views = test::RowsOf<WaitView>(engine, now_);
  FUZZ_CHECK(views.size() == line_.size(), "waits come or go untold");
  FUZZ_CHECK(engine.WaitCount() == views.size(), "miscounts the waits");
  std::map<std::string, std::size_t> place;
  std::map<std::pair<std::string, std::size_t>, SessionId> expected;
  for (const Call& call : line_) {
    const std::string& name = std::get<LockRequested>(open_.at(call).request).name;
    expected[{name, ++place[name]}] = call.first;
  }
  for (const WaitView& view : views) {
    const auto found = expected.find({view.name, view.place});
    FUZZ_CHECK(found != expected.end() && found->second == view.session, "out of turn");
    FUZZ_CHECK(!view.until || *view.until > now_, "waits beyond its time");
  }
}

// The lock's latest owner value may still have its key somewhere, and has not been let go.
bool Checker::HasLease(const std::string& lock) const {
  const auto owner = attempts_.find(lock);
  return owner != attempts_.end() && !released_.contains(owner->second) &&
         ledger_.MayHave(owner->second).any();
}

// Who does not wait any more, and has nothing to let go of, has left the queue (rule E6.3). What is
// held or kept is let go of when it ends, even if all nodes have denied meanwhile to have its key.
void Checker::CheckEntries() const {
  for (const auto& [lock, nodes] : entries_) {
    const bool is_to_end = holds_.contains(lock) || kept_.contains(lock) || HasLease(lock);
    FUZZ_CHECK(nodes.none() || FirstInLine(lock) || is_to_end, "an entry stays behind");
  }
}

// The locks that the task waits for, whoever has them.
std::set<std::string> Checker::WaitsOf(const TaskId& task) const {
  std::set<std::string> names;
  for (const Call& call : line_) {
    const auto& request = std::get<LockRequested>(open_.at(call).request);
    if (request.task == task && request.wait != Duration(0)) names.insert(request.name);
  }
  return names;
}

// No task waits for itself, by way of whomever (rule W1).
void Checker::CheckCycles() const {
  for (const auto& [held, hold] : holds_) {
    if (hold.task == TaskId()) continue;
    std::set<std::string> reached = WaitsOf(hold.task);
    std::vector<std::string> names(reached.begin(), reached.end());
    while (!names.empty()) {
      const auto next = holds_.find(names.back());
      names.pop_back();
      if (next == holds_.end() || next->second.task == TaskId()) continue;
      FUZZ_CHECK(next->second.task != hold.task, "tasks that wait for each other");
      for (const std::string& name : WaitsOf(next->second.task)) {
        if (reached.insert(name).second) names.push_back(name);
      }
    }
  }
}

std::string Checker::Unanswered() const {
  std::string text;
  for (const auto& [call, open] : open_) {
    text += " session " + std::to_string(call.first) + " request " + std::to_string(call.second) +
            " (event " + std::to_string(open.request.index()) + ")";
  }
  return text;
}

}  // namespace redlockd::fuzz
