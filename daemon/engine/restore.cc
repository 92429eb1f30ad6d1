// What each part of an engine takes over from the engine of the former process (rules H). The state has
// been looked at before (WhyUnusable).

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "daemon/engine/acquisition.h"
#include "daemon/engine/claim.h"
#include "daemon/engine/clock_offset.h"
#include "daemon/engine/contention.h"
#include "daemon/engine/fence_block.h"
#include "daemon/engine/hold.h"
#include "daemon/engine/lease.h"
#include "daemon/engine/lock.h"
#include "daemon/engine/lock_kept.h"
#include "daemon/engine/node_table.h"
#include "daemon/engine/query_table.h"
#include "daemon/engine/rule_quotas.h"
#include "daemon/engine/session_table.h"
#include "daemon/engine/set_table.h"
#include "daemon/engine/tenure.h"
#include "daemon/engine/validity.h"
#include "daemon/engine/want.h"

namespace redlockd::engine {

// --- nodes --------------------------------------------------------------------------------------

void ClockOffset::Restore(const record::Clock& clock) {
  known_ = Interval{clock.low, clock.high, clock.at};
}

// What other daemons have against it is to be heard again (rule D10), as with a node that is new to
// this one.
void NodeTable::Restore(NodeIndex index, const record::Node& former) {
  NodeRecord& node = records_[index];
  node.facts.run_id = former.run_id;
  node.facts.maxmemory_policy = former.policy;
  node.facts.evicted_keys = former.evicted_keys;
  node.facts.node_id = former.id;
  node.facts.set = former.set;
  node.facts.count = former.count;
  node.counted = former.counted;
  node.suspected = static_cast<NodeRecord::Suspicion>(former.suspected);
  node.doubted_until = former.doubted_until;
  if (former.clock) clocks_.Restore(index, *former.clock);
  sightings_.Met(index);
  if (!former.id.empty()) membership_.Learn(index, former.id, former.set);
}

// --- the parts of a lock ------------------------------------------------------------------------

void Validity::Restore(std::vector<Time> until) {
  CHECK(until.size() == until_.size());
  until_ = std::move(until);
  deadline_ = NthPromise();
}

Lease::Lease(const record::Lease& former)
    : Lease(former.promises.size(), former.attempt, former.ttl) {
  longest_ttl_ = former.longest_ttl;
  may_have_ = former.may_have;
  broken_ = former.broken;
  validity_.Restore(former.promises);
}

void FenceBlock::Restore(const record::Lock& lock) {
  known_ = lock.known_fence;
  if (!lock.lease) return;
  next_ = lock.lease->next;
  last_ = lock.lease->last;
}

void Tenure::Restore(Time now, const record::Lease& lease) {
  is_granted_ = true;
  owes_cooldown_ = lease.owes_cooldown;
  since_ = lease.since.value_or(kNever);
  if (lease.wanted) OnWanted(now, lease.queued_for);
}

// Renewed as if nothing had happened: at once if that was due meanwhile.
void Claim::Restore(Time now, const record::Lock& lock) {
  CHECK(!life_);
  fences_.Restore(lock);
  if (!lock.lease) return;
  life_.reset(new Life{.lease = Lease(*lock.lease), .schedule = {shared_.agenda, observer_}});
  mode_ = lock.lease->shared ? Mode::kShared : Mode::kExclusive;
  tenure_ = Tenure(mode_);
  tenure_.Restore(now, *lock.lease);
  life_->owed = lock.lease->owed;
  schedule().SetAnnounced(lock.lease->announced);
  if (lock.kept) {
    phase_ = Phase::kKept;
    tenure_.Stop();
    schedule().Keep(std::max(lock.kept->until, schedule().announced()));
    if (!lock.kept->secured) schedule().RenewAt(now);
    PlanEnd(now);
  } else {
    phase_ = Phase::kGranted;
    // Nodes that are not connected yet are waited for: that says nothing of the lease.
    const bool may_ask = shared_.nodes.Linked().count() >= shared_.majority();
    const Time first = may_ask ? now : now + shared_.options.timing.retry_interval;
    schedule().RenewAt(std::max(first, lease()->NextRenewal(now, shared_.options.timing)));
  }
}

void Want::Restore(const record::Want& former) {
  stamp_ = former.stamp;
  greatest_ = former.greatest;
  entries_ = former.entries;
}

void Contention::Restore(const record::Lock& lock) {
  want_.Restore(lock.want);
  if (lock.cooldown) CoolDown(*lock.cooldown);
}

void Acquisition::Restore(const record::Lock& lock) {
  owes_cooldown_ = lock.owes_cooldown;
  if (lock.want != record::Want() || lock.cooldown) {
    Contend().Restore(lock);
  }
}

Hold::Hold(const record::Hold& former, Shared& shared, Claim& claim, Time now)
    : shared_(shared),
      claim_(claim),
      counted_(shared.counters.holds),
      granted_(former.granted),
      deadline_(former.deadline),
      session_(former.session),
      task_{former.task_session, former.task_number},
      fence_(former.fence),
      ends_at_(former.ends_at),
      kept_until_(former.kept_until),
      note_(former.note),
      renewed_events_(former.renewed_events),
      wanted_events_(former.wanted_events),
      audited_(former.audited),
      is_in_jeopardy_(former.jeopardy),
      has_moved_back_(former.moved_back) {
  MoveDeadline(now);
}

void Waiter::Restore(const record::Wait& former, bool has_input_ended) {
  asked = former.asked;
  out_of_time = former.out_of_time;
  input_ended = has_input_ended;
  if (former.until) wait_alarm.Set(*former.until);
}

namespace {

// As its session asked for it, but for the end of its wait.
LockRequested RequestOf(const record::Wait& wait, const std::vector<std::string>& names) {
  return {.session = wait.session,
          .request = wait.request,
          .name = names.front(),
          .wait = wait.is_try ? std::optional(Duration(0)) : std::nullopt,
          .ttl = wait.ttl,
          .max_hold = wait.max_hold,
          .min_hold = wait.min_hold,
          .note = wait.note,
          .renewed_events = wait.renewed_events,
          .wanted_events = wait.wanted_events,
          .task = {wait.task_session, wait.task_number},
          .mode = wait.shared ? Mode::kShared : Mode::kExclusive,
          .also = {names.begin() + 1, names.end()}};
}

}  // namespace

// It is settled at the end of the event: then a line asks the nodes, and what was due meanwhile
// happens.
void Lock::Restore(Time now, const record::Lock& former, FormerAskers& askers) {
  CHECK(state_ == State::kIdle && line_.head() == Head::kNobody);
  was_wanted_ = former.was_wanted;
  claim_.Restore(now, former);
  acquisition_.Restore(former);
  if (claim_.lease()) registry_.AttemptBegan(claim_.lease()->attempt(), *this);
  if (former.hold) {
    state_ = State::kHeld;
    const auto restore = [&](const record::Hold& hold) {
      shared_.sessions.Add(hold.session, name());
      shared_.sessions.Granted(hold.session, name());
      holds_.Add(std::make_unique<Hold>(hold, shared_, claim_, now));
    };
    restore(*former.hold);
    for (const record::Hold& hold : former.others) restore(hold);
    if (!former.others.empty()) holds_.Plan(now);
  } else if (former.kept) {
    state_ = State::kLockDelay;
    kept_ = std::make_unique<Kept>(shared_, name(), former.kept->uid, former.kept->fence,
                                   askers.Restore(former.kept->asker));
    if (former.kept->secured) kept_->unsecured.reset();
  }
  line_.Restore(former.waits);
  if (state_ == State::kIdle && line_.head() != Head::kNobody) state_ = State::kWaiting;
  Touch();
}

void Line::Restore(const std::vector<record::Wait>& waits) {
  for (const record::Wait& wait : waits) {
    Waiter& waiter = queue_.Add(std::make_unique<Waiter>(
        shared().counters.waits, shared().agenda, RequestOf(wait, {lock_.name()}),
        shared().sessions.UidOf(wait.session), wait.ttl, wait.since,
        [this, session = wait.session](Time at) { OnWaitOver(at, session); }));
    waiter.Restore(wait, shared().sessions.InputEnded(wait.session));
    shared().sessions.Add(wait.session, lock_.name());
  }
}

// --- sets ---------------------------------------------------------------------------------------

// It has entered all lines, each where its arrival gives it its place.
void LockSet::Restore(const record::Set& former) {
  self_.First().Restore(former.wait, shared_.sessions.InputEnded(session_));
  acquisition_.contention().want().Restore(former.want);
}

void SetTable::Restore(const record::Set& former) {
  std::vector<Lock*> locks;
  for (const std::string& name : former.names) locks.push_back(&locks_.FindOrMake(name));
  LockSet::Registry& registry = *this;
  auto& set = sets_[{former.wait.session, former.wait.request}];
  CHECK(!set);
  set = std::make_unique<LockSet>(shared_, registry, RequestOf(former.wait, former.names),
                                  former.number, locks, former.wait.since);
  set->Restore(former);
}

// --- the tables ---------------------------------------------------------------------------------

void SessionTable::Restore(const record::Session& former) {
  Open(former.id, former.uid, former.pid, former.within);
  if (former.input_ended) EndInput(former.id);
  for (const record::Loss& loss : former.losses) {
    sessions_.at(former.id).losses.Add(loss.holder, loss.lock, {loss.fence, loss.reason},
                                       limits_.locks_per_session);
  }
}

// Those of rules that there are no more are forgotten.
void RuleQuotas::Restore(const std::vector<record::Allowed>& former) {
  auto& rules = by_prefix_[static_cast<std::size_t>(QuotaKind::kNewNames)];
  for (const record::Allowed& of_rule : former) {
    const auto rule = rules.find(of_rule.prefix);
    if (rule != rules.end()) rule->second.new_names.Restore(of_rule.full_at);
  }
}

// Nobody knows which nodes the former process has changed.
void QueryTable::Restore(const record::Query& former) {
  switch (former.kind) {
    case record::Query::Kind::kShow:
      return Show({former.session, former.request, former.name});
    case record::Query::Kind::kBreak:
      return Break({.session = former.session,
                    .request = former.request,
                    .name = former.name,
                    .owner = former.owner,
                    .at_once = former.at_once});
    case record::Query::Kind::kAct:
      return outbox_.Reply(
          former.session, former.request,
          Failed{.failure = Failure::kNoQuorum,
                 .text = "the daemon was restarted before all nodes had answered: what they did is "
                         "not known; ask again"});
  }
}

}  // namespace redlockd::engine
