#include "daemon/engine/engine.h"

#include <functional>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "daemon/engine/admission.h"
#include "daemon/engine/inquiries.h"
#include "daemon/engine/lock_table.h"
#include "daemon/engine/query_table.h"
#include "daemon/engine/set_table.h"

namespace redlockd::engine {
namespace {

bool IsHeldBy(const Lock& lock, SessionId session, std::optional<Fence> fence = std::nullopt) {
  const Hold* hold = lock.holds().Find(session);
  return hold && (!fence || *fence == hold->fence());
}

}  // namespace

struct Engine::Impl : NodeTable::Observer, ReleaseTable::Observer {
  Impl(EngineOptions options, Random& random, std::unique_ptr<State> former_state)
      : shared(std::move(options), random, *this, *this),
        former(std::move(former_state)),
        queries(shared, [this](Time now, const std::string& name) { return HoldOf(now, name); }) {
    if (former) TakeNodes();
  }

  // From sessions.
  void On(Time now, const SessionOpened& e);
  void On(Time now, const SessionInputEnded& e);
  void On(Time now, const SessionClosed& e);
  void On(Time now, const SessionDropped& e);
  void On(Time now, const LockRequested& e);
  void On(Time now, const UnlockRequested& e);
  void On(Time now, const BreakRequested& e);
  void On(Time now, const CheckRequested& e);
  void On(Time, const CancelRequested& e);
  void On(Time, const ShowRequested& e) { queries.Show(e); }
  void On(Time, const WatchRequested& e);
  void On(Time, const UnwatchRequested& e);
  void On(Time, const TrustEmptyRequested& e);
  void On(Time, const AdoptRequested& e);
  // From nodes.
  void On(Time now, const NodeLinkUp& e);
  void On(Time now, const NodeDown& e) { shared.nodes.OnDown(now, e.node, e.reason); }
  void On(Time now, const NodeAnswer& e);
  void On(Time now, const NodeAnswers& e);
  void On(Time now, const NodeSilence& e);
  void On(Time now, const NodeHint& e);
  void On(Time now, const HolderAsked& e);
  void On(Time now, const HolderNamed& e) { queries.OnNamed(now, e); }
  void On(Time now, const NodeSubscribed& e);
  // From the host.
  void On(Time, const TimePassed&) {}
  void On(Time now, const Resumed&);
  void On(Time, const DrainRequested& e);
  void DrainOver(Time now);

  void UnlockAll(Time now, const UnlockRequested& e);
  void OnVotersChanged(Time now, bool gained) override;
  void OnPromisesVoid(Time now, NodeIndex node) override;
  void OnReleased(const std::string& lock) override;
  // A release said who else wants the lock.
  void ReleaseSaw(Time now, const NodeAnswer& e);

  std::optional<HoldView> HoldOf(Time now, const std::string& name);
  void SettleTouched(Time now);
  void RunAlarms(Time now);

  void TakeNodes();
  void TakeWaits();
  State StillFormer() const;

  Shared shared;
  std::unique_ptr<State> former;  // until Resumed
  NodeSet voided;                 // nodes whose promises do not count any more, until Resumed
  QueryTable queries;
  Inquiries inquiries{shared.options.nodes, shared.sessions, shared.outbox};
  Admission admission{shared};
  LockTable locks{shared};
  SetTable sets{shared, locks};
  Time last_step = Time::min();
  Time drain_until;
  bool drain_over = false;
  Alarm drain_alarm{shared.agenda, [this](Time now) { DrainOver(now); }};
};

// --- sessions -----------------------------------------------------------------------------------

void Engine::Impl::On(Time, const SessionOpened& e) {
  shared.sessions.Open(e.session, e.uid, e.pid, e.within);
}

void Engine::Impl::On(Time now, const SessionInputEnded& e) {
  shared.sessions.EndInput(e.session);
  sets.OnInputEnded(now, e.session);
  for (const auto& name : shared.sessions.Locks(e.session)) {
    locks.Find(name)->line().OnInputEnded(now, e.session);
  }
}

void Engine::Impl::On(Time now, const SessionClosed& e) {
  shared.watches.Remove(e.session, "");
  sets.OnSessionClosed(e.session);
  for (const auto& name : shared.sessions.Locks(e.session)) {
    locks.Find(name)->OnSessionClosed(now, e.session);
  }
  shared.sessions.Close(e.session);
}

void Engine::Impl::On(Time now, const SessionDropped& e) {
  shared.watches.Remove(e.session, "");  // before its holds end
  for (const auto& name : shared.sessions.Locks(e.session)) {
    Lock& lock = *locks.Find(name);
    if (Hold* hold = lock.holds().Find(e.session)) lock.Lose(now, *hold, LossReason::kNone);
  }
  On(now, SessionClosed{e.session});
}

void Engine::Impl::On(Time now, const LockRequested& e) {
  if (auto failed = admission.WhyNot(now, e)) {
    return shared.requests.Refuse(e.session, e.request, std::move(*failed));
  }
  if (!e.also.empty()) return sets.Request(now, e);
  if (locks.FindOrMake(e.name).line().Enter(now, e)) locks.TaskHasMore(e.task);
}

void Engine::Impl::On(Time now, const UnlockRequested& e) {
  if (!e.also.empty()) return UnlockAll(now, e);
  Lock* lock = locks.Find(e.name);
  if (!lock || !IsHeldBy(*lock, e.session, e.fence)) {
    return shared.outbox.Reply(e.session, e.request, admission.NotHeld(e.session, e.name, e.fence));
  }
  lock->Unlock(now, e);
}

// Rule G3: none unless all are held.
void Engine::Impl::UnlockAll(Time now, const UnlockRequested& e) {
  CHECK(!e.fence);
  std::vector<std::string> names{e.name};
  names.insert(names.end(), e.also.begin(), e.also.end());
  for (const std::string& name : names) {
    const Lock* lock = locks.Find(name);
    if (lock && IsHeldBy(*lock, e.session)) continue;
    return shared.outbox.Reply(e.session, e.request,
                               admission.NotHeld(e.session, name, std::nullopt));
  }
  const auto joint = std::make_shared<JointAnswer>(names);
  for (const std::string& name : names) locks.Find(name)->Unlock(now, e, joint);
}

void Engine::Impl::On(Time now, const BreakRequested& e) {
  if (!e.fence) return queries.Break(e);
  Lock* lock = locks.Find(e.name);
  const bool is_held = lock && !lock->holds().empty();
  if (!is_held || !lock->holds().WithFence(*e.fence)) {
    return shared.outbox.Reply(
        e.session, e.request,
        Failed{.failure = Failure::kNotHeld,
               .name = e.name,
               .text = is_held ? "held on this host with fence " +
                                     std::to_string(lock->holds().First().fence())
                               : "no session of this host holds it"});
  }
  const Duration left = lock->Keep(now, LossReason::kBroken) - now;
  shared.outbox.Reply(e.session, e.request, Broken{e.name, left});
}

void Engine::Impl::On(Time, const CheckRequested& e) {
  Lock* lock = locks.Find(e.name);
  // With a fence, it may be any session's hold.
  const Hold* hold = !lock     ? nullptr
                     : e.fence ? lock->holds().WithFence(*e.fence)
                               : lock->holds().Find(e.session);
  if (hold) {
    return shared.outbox.Reply(e.session, e.request,
                               Checked{e.name, hold->fence(), hold->deadline()});
  }
  shared.outbox.Reply(e.session, e.request, admission.NotHeld(e.session, e.name, e.fence));
}

void Engine::Impl::On(Time, const CancelRequested& e) {
  Lock* lock = locks.Find(e.name);
  if (sets.Cancel(e.session, e.target) ||
      (lock &&
       lock->line().Cancel(e.session, e.target,
                           {.failure = Failure::kCancelled, .text = "cancelled by the client"}))) {
    return shared.outbox.Reply(e.session, e.request, WaitCancelled{});
  }
  shared.outbox.Reply(
      e.session, e.request,
      Failed{.failure = Failure::kNoSuchWait, .text = "no waiting request has this tag"});
}

void Engine::Impl::On(Time, const WatchRequested& e) {
  if (auto limit = shared.watches.Add(e.session, e.name)) {
    return shared.outbox.Reply(e.session, e.request,
                               Failed{.failure = Failure::kLimit, .text = std::move(*limit)});
  }
  shared.outbox.Reply(e.session, e.request, Done{});
}

void Engine::Impl::On(Time, const UnwatchRequested& e) {
  shared.watches.Remove(e.session, e.name);
  shared.outbox.Reply(e.session, e.request, Done{});
}

// --- nodes --------------------------------------------------------------------------------------

// Rule D7: this daemon knows better about a set that it has used.
void Engine::Impl::On(Time, const TrustEmptyRequested& e) {
  const auto refuse = [&](std::string text) {
    shared.outbox.Reply(e.session, e.request,
                        Failed{.failure = Failure::kRefused, .text = std::move(text)});
  };
  if (const Lock* lock = locks.AnyLeased()) {
    return refuse("this daemon has a lease on these nodes: " + lock->name());
  }
  if (shared.releases.size() > 0) return refuse("this daemon has leases to release on these nodes");
  const std::string used = shared.nodes.report().WhyUsedHere();
  if (!used.empty()) return refuse(used + ": its locks may still be held");
  queries.TrustEmpty(e);
}

// Rule D3: an adoption ends every lock of every host.
void Engine::Impl::On(Time, const AdoptRequested& e) {
  if (shared.nodes.records().NothingToAdopt()) {
    return shared.outbox.Reply(
        e.session, e.request,
        Failed{.failure = Failure::kNothingDiffers,
               .text = "no node is known to differ from this daemon: there is nothing to adopt"});
  }
  if (shared.counters.holds > 0) {
    return shared.outbox.Reply(
        e.session, e.request,
        Failed{.failure = Failure::kRefused,
               .text = "this daemon holds " + std::to_string(shared.counters.holds) +
                       " locks, which an adoption would end; release them first"});
  }
  queries.Adopt(e);
}

void Engine::Impl::On(Time now, const NodeLinkUp& e) {
  shared.releases.OnLinkUp(now, e.node);  // before anything else (rule C7)
  shared.nodes.OnLinkUp(now, e.node, e.facts);
}

void Engine::Impl::On(Time now, const NodeAnswer& e) {
  shared.nodes.OnHeard(now, e);
  switch (e.ticket.kind) {
    case Ticket::Kind::kAttempt:
    case Ticket::Kind::kStand:
    case Ticket::Kind::kConfirm:
    case Ticket::Kind::kHeal:
    case Ticket::Kind::kBlock:
    case Ticket::Kind::kRenew:
      if (Lock* lock = locks.OfAttempt(e.ticket.subject)) lock->OnAnswer(now, e);
      return;
    case Ticket::Kind::kClaim:
      return sets.OnAnswer(now, e);
    case Ticket::Kind::kRelease:
      if (e.greatest > 0) ReleaseSaw(now, e);
      return shared.releases.OnAnswered(now, e);
    case Ticket::Kind::kQuery:
      return queries.OnAnswered(now, e);
    case Ticket::Kind::kHolder:
      return;
    case Ticket::Kind::kProbe:
      return shared.nodes.OnProbed(now, e);
    case Ticket::Kind::kSuspect:
      return shared.nodes.OnSuspected(now, e);
    case Ticket::Kind::kTrust:
      return shared.nodes.OnTrusted(now, e);
  }
}

void Engine::Impl::On(Time now, const NodeAnswers& e) {
  for (const NodeAnswer& answer : e.answers) On(now, answer);
}

void Engine::Impl::On(Time now, const NodeSilence& e) {
  switch (e.ticket.kind) {
    case Ticket::Kind::kAttempt:
    case Ticket::Kind::kStand:
    case Ticket::Kind::kConfirm:
    case Ticket::Kind::kHeal:
    case Ticket::Kind::kBlock:
    case Ticket::Kind::kRenew:
      if (Lock* lock = locks.OfAttempt(e.ticket.subject)) lock->OnSilence(now, e);
      return;
    case Ticket::Kind::kClaim:
      return sets.OnSilence(now, e);
    case Ticket::Kind::kRelease:
      return shared.releases.OnMissed(now, e);
    case Ticket::Kind::kQuery:
      return queries.OnMissed(now, e);
    case Ticket::Kind::kHolder:
      return;
    case Ticket::Kind::kProbe:
    case Ticket::Kind::kSuspect:
    case Ticket::Kind::kTrust:
      if (e.gone) shared.nodes.OnGone(e);
      return;
  }
}

void Engine::Impl::ReleaseSaw(Time now, const NodeAnswer& e) {
  const std::string* name = shared.releases.LockOf(e.ticket.subject);
  if (Lock* lock = name ? locks.Find(*name) : nullptr)
    lock->acquisition().OnQueueSeen(now, e.greatest);
}

void Engine::Impl::On(Time now, const NodeHint& e) {
  if (Lock* lock = locks.Find(e.lock)) lock->OnHint(now, e);
}

// Rule E11. Who asks has read the owner value on a node.
void Engine::Impl::On(Time now, const HolderAsked& e) {
  const Lock* lock = locks.OfAttempt(e.attempt);
  if (!lock || lock->name() != e.lock) return;
  inquiries.Answer(now, e, lock->holds().empty() ? nullptr : &lock->holds().First());
}

void Engine::Impl::On(Time now, const NodeSubscribed& e) {
  shared.nodes.OnSubscribed(e.node, e.subscribed);
  for (const auto& [name, lock] : locks)
    lock->acquisition().OnSubscribed(now, e.node, e.subscribed);
  sets.OnSubscribed(now, e.node, e.subscribed);
}

void Engine::Impl::OnReleased(const std::string& name) {
  if (Lock* lock = locks.Find(name)) lock->acquisition().OnReleased();
}

void Engine::Impl::OnVotersChanged(Time now, bool gained) {
  for (const auto& [name, lock] : locks) lock->acquisition().OnVotersChanged(now, gained);
  sets.OnVotersChanged(now, gained);
}

void Engine::Impl::OnPromisesVoid(Time now, NodeIndex node) {
  voided.set(node, former != nullptr);
  for (const auto& [name, lock] : locks) lock->OnPromisesVoid(now, node);
}

// --- from process to process (rules H) ----------------------------------------------------------

void Engine::Impl::TakeNodes() {
  CHECK(former->nodes.size() == shared.options.nodes);
  CHECK(former->instance == shared.options.instance);
  shared.last_attempt = former->last_attempt;
  for (NodeIndex i = 0; i < former->nodes.size(); ++i) shared.nodes.Restore(i, former->nodes[i]);
}

// Nothing was done with it yet, but that promises may have become void (rule D6).
State Engine::Impl::StillFormer() const {
  State state = *former;
  for (NodeIndex i = 0; i < state.nodes.size(); ++i) {
    state.nodes[i] = shared.nodes.Save(i);
    if (!voided.test(i)) continue;
    for (record::Lock& lock : state.locks) {
      if (lock.lease) lock.lease->promises[i] = Time::min();
    }
  }
  return state;
}

// Sessions first: all else is theirs. What is to be released goes out before what is asked for.
void Engine::Impl::On(Time now, const Resumed&) {
  if (!former) return;
  for (const record::Session& session : former->sessions) {
    shared.sessions.Restore(session);
    for (const std::string& lock : session.watches) shared.watches.Add(session.id, lock);
  }
  FormerAskers askers;
  for (const record::Release& release : former->releases) {
    shared.releases.Add(now, {.attempt = release.attempt,
                              .op = {.lock = release.lock,
                                     .owner = shared.OwnerOf(release.attempt),
                                     .leave = release.leave},
                              .nodes = release.nodes,
                              .gone_by = release.gone_by,
                              .asker = askers.Restore(release.asker)});
    if (release.is_news) {
      shared.watches.Report(release.lock, {.what = WatchNotice::What::kReleased});
    }
  }
  for (const record::Lock& lock : former->locks) {
    locks.FindOrMake(lock.name).Restore(now, lock, askers);
  }
  TakeWaits();
  shared.new_names.Restore(former->names);
  shared.quotas.Restore(former->quotas);
  for (const record::Query& query : former->queries) queries.Restore(query);
  former.reset();
  for (NodeIndex i = 0; i < shared.options.nodes; ++i) {
    if (voided.test(i)) OnPromisesVoid(now, i);
  }
}

// In the order in which they began: the youngest of a cycle is the one that did last (rule W1).
void Engine::Impl::TakeWaits() {
  std::multimap<Time, std::function<void()>> waits;
  for (const record::Lock& lock : former->locks) {
    for (const record::Wait& wait : lock.waits) {
      if (!wait.for_holder) continue;
      waits.emplace(wait.since, [this, &lock, session = wait.session] {
        locks.Find(lock.name)->line().WaitsForHolder(session);
      });
    }
  }
  for (const record::Set& set : former->sets) {
    waits.emplace(set.wait.since, [this, &set] { sets.Restore(set); });
  }
  for (const auto& [since, take] : waits) take();
  sets.RestoreLast(former->last_set);
  shared.last_set_stamp = former->last_set_stamp;
}

// --- the end ------------------------------------------------------------------------------------

void Engine::Impl::On(Time, const DrainRequested& e) {
  shared.draining = true;
  drain_until = e.until;
  drain_alarm.Set(drain_until);
  std::set<SessionId> holders;
  for (const auto& [name, lock] : locks) {
    lock->line().Drain();
    lock->holds().ForEach([&](const Hold& hold) { holders.insert(hold.session()); });
  }
  for (const SessionId session : holders) {
    shared.outbox.Notify(session, Notice{.kind = Notice::Kind::kDraining, .deadline = e.until});
  }
}

void Engine::Impl::DrainOver(Time now) {
  for (const auto& [name, lock] : locks) {
    if (!lock->holds().empty()) lock->Keep(now, LossReason::kDraining);
  }
  // What is to be kept is asked of the nodes, which have this long to answer.
  const Time last = drain_until + shared.options.timing.command_timeout;
  drain_over = shared.unsecured == 0 || now >= last;
  if (!drain_over) drain_alarm.Set(last);
}

// --- locks --------------------------------------------------------------------------------------

std::optional<HoldView> Engine::Impl::HoldOf(Time now, const std::string& name) {
  const Lock* lock = locks.Find(name);
  if (!lock || lock->holds().empty()) return std::nullopt;
  HoldView view = lock->holds().First().View(now);
  view.holds = lock->holds().size();
  return view;
}

// A set follows from what its locks have come to, and they from what it does.
void Engine::Impl::SettleTouched(Time now) {
  do {
    locks.SettleTouched(now);
  } while (sets.SettleTouched(now));
}

void Engine::Impl::RunAlarms(Time now) {
  while (shared.agenda.RunNext(now)) SettleTouched(now);
}

// --- the engine ---------------------------------------------------------------------------------

Engine::Engine(EngineOptions options, Random& random, std::unique_ptr<State> former)
    : impl_(std::make_unique<Impl>(std::move(options), random, std::move(former))) {}
Engine::~Engine() = default;

void Engine::Step(Time now, const Event& event, Effects& effects) {
  CHECK(now >= impl_->last_step);
  impl_->last_step = now;
  impl_->shared.outbox.Begin(effects);
  impl_->shared.renewals.BeginStep();
  impl_->RunAlarms(now);
  std::visit([&](const auto& e) { impl_->On(now, e); }, event);
  impl_->SettleTouched(now);
  impl_->RunAlarms(now);
  while (AttemptGate::Contender* next = impl_->shared.gate.Next()) {
    next->OnTurn(now);
    impl_->SettleTouched(now);
  }
  impl_->queries.AskNext(now);
  impl_->shared.outbox.End();
  impl_->sets.ForgetOver();
  impl_->locks.ForgetIdle();
}

State Engine::Save(Time now) const {
  if (impl_->former) return impl_->StillFormer();
  const Shared& shared = impl_->shared;
  State state{.instance = shared.options.instance,
              .last_attempt = shared.last_attempt,
              .saved = now,
              .nodes = {},
              .sessions = shared.sessions.Save(),
              .locks = {},
              .releases = shared.releases.Save(),
              .queries = impl_->queries.Save(),
              .sets = impl_->sets.Save(),
              .last_set = impl_->sets.last(),
              .last_set_stamp = shared.last_set_stamp,
              .names = shared.new_names.Save(),
              .quotas = shared.quotas.Save()};
  for (NodeIndex i = 0; i < shared.options.nodes; ++i) state.nodes.push_back(shared.nodes.Save(i));
  for (record::Session& session : state.sessions) session.watches = shared.watches.By(session.id);
  for (const auto& [name, lock] : impl_->locks) lock->Save(now, state);
  return state;
}

// Whatever uses them reads them here.
void Engine::Change(const Timing& timing, const Linger& linger, const Audit& audit,
                    const Limits& limits) {
  EngineOptions& options = impl_->shared.options;
  CHECK(Check(timing).empty() && MayFollow(timing, options.timing));
  options.timing = timing;
  options.linger = linger;
  options.audit = audit;
  const bool has_other_quotas = limits.quotas != options.limits.quotas;
  options.limits = limits;
  if (!has_other_quotas) return;
  impl_->shared.quotas.Change(limits.quotas);
  impl_->shared.sessions.CountForQuotas();
}

std::optional<Time> Engine::NextDeadline() const { return impl_->shared.agenda.Next(); }

bool Engine::Drained() const {
  if (!impl_->shared.draining) return false;
  if (impl_->drain_over) return true;
  return HoldCount() == 0 && impl_->shared.unsecured == 0 && !impl_->shared.releases.InFlight();
}

SessionUse Engine::UseOf(SessionId session) const { return impl_->shared.sessions.UseOf(session); }

std::size_t Engine::HoldCount() const { return impl_->shared.counters.holds; }

std::size_t Engine::WaitCount() const { return impl_->shared.counters.waits; }

std::vector<RowView> Engine::Rows(Time now, const RowPlace& from, std::size_t most) const {
  std::vector<RowView> rows;
  const auto& locks = impl_->locks;
  for (auto at = locks.From(from.name); at != locks.end() && rows.size() < most; ++at) {
    at->second->AppendRows(now, at->first == from.name ? from : RowPlace(), most, rows);
  }
  return rows;
}

std::vector<NodeView> Engine::Nodes(Time now) const {
  return impl_->shared.nodes.report().Views(now);
}

const Counters& Engine::counters() const { return impl_->shared.counters; }

std::vector<QuotaView> Engine::Quotas() const { return impl_->shared.quotas.Views(); }

const Histograms& Engine::histograms() const { return impl_->shared.histograms; }

}  // namespace redlockd::engine
