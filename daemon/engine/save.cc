// What each part of an engine leaves to the engine of the next process (rules H). Nothing changes by
// it: if the next process does not come, this one goes on.

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "daemon/engine/acquisition.h"
#include "daemon/engine/claim.h"
#include "daemon/engine/clock_offset.h"
#include "daemon/engine/contention.h"
#include "daemon/engine/fence_block.h"
#include "daemon/engine/hold.h"
#include "daemon/engine/lease.h"
#include "daemon/engine/lock.h"
#include "daemon/engine/lock_kept.h"
#include "daemon/engine/losses.h"
#include "daemon/engine/node_table.h"
#include "daemon/engine/query_table.h"
#include "daemon/engine/release_table.h"
#include "daemon/engine/rule_quotas.h"
#include "daemon/engine/session_table.h"
#include "daemon/engine/set_table.h"
#include "daemon/engine/tenure.h"
#include "daemon/engine/want.h"
#include "daemon/engine/watches.h"

namespace redlockd::engine {

// --- nodes --------------------------------------------------------------------------------------

std::optional<record::Clock> ClockOffset::Save() const {
  if (!known_) return std::nullopt;
  return record::Clock{known_->low, known_->high, known_->at};
}

record::Node NodeTable::Save(NodeIndex index) const {
  const NodeRecord& node = records_[index];
  return {.run_id = node.facts.run_id,
          .policy = node.facts.maxmemory_policy,
          .evicted_keys = node.facts.evicted_keys,
          .id = node.facts.node_id,
          .set = node.facts.set,
          .count = node.facts.count,
          .counted = node.counted,
          .suspected = static_cast<std::uint8_t>(node.suspected),
          .doubted_until = node.doubted_until,
          .clock = clocks_.Save(index)};
}

// --- the parts of a lock ------------------------------------------------------------------------

void Lease::Save(record::Lease& lease) const {
  lease.attempt = attempt_;
  lease.ttl = ttl_;
  lease.longest_ttl = longest_ttl_;
  lease.may_have = may_have_.to_ulong();
  lease.broken = broken_.to_ulong();
  lease.promises = validity_.Save();
}

void FenceBlock::Save(record::Lock& lock) const {
  lock.known_fence = known_;
  if (!lock.lease) return;
  lock.lease->next = next_;
  lock.lease->last = last_;
}

void Tenure::Save(record::Lease& lease) const {
  if (since_ != kNever) lease.since = since_;
  lease.wanted = IsWanted();
  lease.queued_for = is_queued_for_;
  lease.owes_cooldown = owes_cooldown_;
}

void Claim::Save(record::Lock& lock) const {
  if (life_ && phase_ != Phase::kAttempt) {
    record::Lease& lease = lock.lease.emplace();
    life_->lease.Save(lease);
    lease.announced = life_->schedule.announced();
    lease.shared = mode_ == Mode::kShared;
    lease.owed = life_->owed;
    tenure_.Save(lease);
  }
  fences_.Save(lock);
}

record::Want Want::Save() const {
  return {.stamp = stamp_, .greatest = greatest_, .entries = Entries().to_ulong()};
}

void Contention::Save(record::Lock& lock) const {
  lock.want = want_.Save();
  lock.cooldown = cooldown_alarm_.at();
}

void Acquisition::Save(record::Lock& lock) const {
  if (contention_) contention_->Save(lock);
  lock.owes_cooldown = owes_cooldown_;
}

record::Hold Hold::Save() const {
  return {.session = session_,
          .task_number = task_.number,
          .task_session = task_.session,
          .fence = fence_,
          .note = note_,
          .granted = granted_,
          .deadline = deadline_,
          .ends_at = ends_at_,
          .kept_until = kept_until_,
          .renewed_events = renewed_events_,
          .wanted_events = wanted_events_,
          .jeopardy = is_in_jeopardy_,
          .audited = audited_,
          .moved_back = has_moved_back_};
}

record::Wait Waiter::Save() const {
  return {.session = session,
          .request = request,
          .since = since,
          .until = wait_alarm.at(),
          .is_try = is_try,
          .ttl = ttl,
          .max_hold = max_hold,
          .min_hold = min_hold,
          .note = note,
          .renewed_events = renewed_events,
          .wanted_events = wanted_events,
          .task_number = task.number,
          .task_session = task.session,
          .for_holder = for_holder.has_value(),
          .asked = asked,
          .out_of_time = out_of_time,
          .shared = mode == Mode::kShared};
}

namespace {

std::optional<record::Asker> SaveAsker(const std::optional<Asker>& asker) {
  return asker ? std::optional(asker->Save()) : std::nullopt;
}

}  // namespace

// An owner value without a hold is not worth the trouble: an attempt whose answers nobody will read, or a
// lease that lingers. It is released, the latter with the entry in the queue (rule E6.3).
void Lock::Save(Time now, engine::State& state) const {
  record::Lock& lock = state.locks.emplace_back();
  lock.name = name();
  lock.was_wanted = was_wanted_;
  claim_.Save(lock);
  acquisition_.Save(lock);
  if (!holds_.empty()) {
    lock.hold = holds_.First().Save();
    holds_.ForEach([&](const Hold& hold) {
      if (&hold != &holds_.First()) lock.others.push_back(hold.Save());
    });
  } else if (kept_) {
    lock.kept = record::Kept{.uid = kept_->of_user.uid(),
                             .fence = kept_->fence,
                             .until = claim_.schedule().kept_until(),
                             .secured = kept_->unsecured == nullptr,
                             .asker = SaveAsker(kept_->asker)};
  } else if (const Lease* lease = claim_.lease()) {
    const bool leaves = lock.lease.has_value();  // it was granted
    const std::uint64_t entries = leaves ? std::exchange(lock.want.entries, 0) : 0;
    if (leaves) lock.want.stamp = 0;
    lock.lease.reset();
    const Duration ttl = lease->longest_ttl();
    record::Release release{.attempt = lease->attempt(),
                            .lock = name(),
                            .leave = entries != 0,
                            .nodes = lease->may_have().to_ulong() | entries,
                            .gone_by = now + ttl + shared_.options.timing.DriftAllowance(ttl),
                            .asker = {},
                            .is_news = leaves};
    if (release.nodes != 0) state.releases.push_back(std::move(release));
  }
  line_.Save(lock.waits);
}

void Line::Save(std::vector<record::Wait>& waits) const {
  for (const auto& waiter : queue_) {
    if (!waiter->set) waits.push_back(waiter->Save());
  }
}

// --- sets ---------------------------------------------------------------------------------------

std::optional<record::Set> LockSet::Save() const {
  if (self_.empty()) return std::nullopt;  // it is answered
  return record::Set{.number = number_,
                     .names = lines_.Names(),
                     .wait = self_.First().Save(),
                     .want = acquisition_.contention().want().Save()};
}

std::vector<record::Set> SetTable::Save() const {
  std::vector<record::Set> all;
  for (const auto& [key, set] : sets_) {
    if (auto saved = set->Save()) all.push_back(std::move(*saved));
  }
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  return all;
}

// --- the tables ---------------------------------------------------------------------------------

std::vector<record::Loss> Losses::Save() const {
  std::vector<record::Loss> all;
  for (const auto& [key, reason] : losses_) {
    all.push_back({key.holder, key.lock, key.fence, reason});
  }
  return all;
}

std::vector<record::Session> SessionTable::Save() const {
  std::unordered_map<const Session*, SessionId> ids;
  for (const auto& [id, session] : sessions_) ids.emplace(&session, id);
  std::vector<record::Session> all;
  for (const auto& [id, session] : sessions_) {
    all.push_back({.id = id,
                   .uid = session.uid,
                   .pid = session.pid,
                   .within = session.within == nullptr ? 0 : ids.at(session.within),
                   .input_ended = session.input_ended,
                   .watches = {},
                   .losses = session.losses.Save()});
  }
  // Ids grow: an owner's is greater than that of its session.
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return all;
}

std::vector<std::string> Watches::By(SessionId session) const {
  const auto found = watched_.find(session);
  if (found == watched_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

std::vector<record::Release> ReleaseTable::Save() const {
  std::vector<record::Release> all;
  for (const auto& [attempt, pending] : pending_) {
    all.push_back({.attempt = attempt,
                   .lock = pending.op.lock,
                   .leave = false,
                   .nodes = pending.unacked.to_ulong(),
                   .gone_by = *pending.expiry.at(),
                   .asker = SaveAsker(pending.asker)});
  }
  return all;
}

std::vector<record::Query> QueryTable::Save() const {
  std::vector<record::Query> all;
  for (const auto& [id, query] : queries_) Save(query.question, query.askers, all);
  for (const auto& [key, waiting] : waiting_) Save(waiting.question, waiting.askers, all);
  return all;
}

std::vector<record::Allowed> RuleQuotas::Save() const {
  std::vector<record::Allowed> all;
  for (const auto& [prefix, use] : by_prefix_[static_cast<std::size_t>(QuotaKind::kNewNames)]) {
    all.push_back({.prefix = prefix, .full_at = use.new_names.full_at()});
  }
  return all;
}

void QueryTable::Save(const Question& question, const Askers& askers,
                      std::vector<record::Query>& to) const {
  using Record = record::Query;
  const bool is_show = question.kind == Kind::kShow;
  const bool is_break = question.kind == Kind::kBreak;
  for (const Asker& asker : askers) {
    if (!sessions_.Has(asker.session)) continue;
    to.push_back({.kind = is_show    ? Record::Kind::kShow
                          : is_break ? Record::Kind::kBreak
                                     : Record::Kind::kAct,
                  .session = asker.session,
                  .request = asker.request,
                  .name = question.name,
                  .owner = question.owner,
                  .at_once = question.at_once});
  }
}

}  // namespace redlockd::engine
