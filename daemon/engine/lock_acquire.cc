#include <algorithm>
#include <cassert>

#include "daemon/engine/clock_offset.h"
#include "daemon/engine/lock_parts.h"

// From an attempt to a grant: rules A1-A6, C1-C4, C11, E7.
namespace redlockd::engine {
namespace {

constexpr unsigned kMaxFirstRounds =
    3;                                 // one, and twice more after a confirm that failed (rule A4)
constexpr unsigned kMaxDoublings = 4;  // of the back-off: to 16 round trips (rule E7)
constexpr Duration kAfterExpiry = std::chrono::milliseconds(2);  // rule C11

}  // namespace

bool Lock::Acquiring() const {
  return lease_ &&
         (lease_->phase == Lease::Phase::kFirstRound || lease_->phase == Lease::Phase::kConfirm);
}

void Lock::Attempt(Time now) {
  assert(!lease_ && !waiters_.empty());
  const bool is_next = shared_.gate.LetsIn(*this);  // rule C12
  before_gate_.reset();
  const std::size_t nodes = shared_.options.nodes;
  if (shared_.nodes.MetOtherSet() || shared_.nodes.Voters().count() < Majority(nodes)) {
    return RoundFailed(now, Ballot::Result::kNoQuorum);
  }
  if (!is_next) return StandBeforeGate(now);
  if (waiters_.front()->is_try) waiters_.front()->wait_alarm.Clear();
  ++shared_.counters.attempts;
  lease_ = std::make_unique<Lease>(nodes, shared_.agenda, *this);
  lease_->pass = shared_.gate.Enter();
  lease_->attempt = ++shared_.last_attempt;
  lease_->owner =
      shared_.options.instance + ":" + std::to_string(lease_->attempt) + ":" + shared_.options.host;
  lease_->ttl = waiters_.front()->ttl;
  lease_->drift_allowance = shared_.options.timing.DriftAllowance(lease_->ttl);
  shared_.by_attempt[lease_->attempt] = this;
  FirstRound(now);
}

// A request without a wait does not wait for its turn for longer than others do for a quorum.
void Lock::StandBeforeGate(Time now) {
  before_gate_.emplace(shared_.gate, *this);
  Waiter& first = *waiters_.front();
  if (first.is_try) first.wait_alarm.Set(Later(now, shared_.options.timing.quorum_wait));
}

void Lock::FirstRound(Time now) {
  Lease& lease = *lease_;
  const NodeSet voters = shared_.nodes.Voters();
  // No clock: no node is left to ask.
  const Fence proposal = std::max<Fence>(known_fence_ + 1, shared_.nodes.SetClock(now).value_or(0));
  lease.phase = Lease::Phase::kFirstRound;
  ++lease.round;
  ++lease.first_rounds;
  lease.may_have |= voters;
  lease.Sent(voters);
  lease.ballot.emplace(shared_.options.nodes, voters);
  shared_.outbox.Ask(voters, Ticket{Ticket::Kind::kAcquire, lease.round, lease.attempt, now},
                     AcquireOp{name_, lease.owner, lease.ttl, proposal});
  JudgeRound(now);  // too few may have been left to ask
}

void Lock::ConfirmRound(Time now) {
  Lease& lease = *lease_;
  lease.fence = lease.ballot->ToConfirm();
  lease.phase = Lease::Phase::kConfirm;
  ++lease.round;
  const NodeSet nodes = shared_.nodes.Voters();
  lease.ballot.emplace(shared_.options.nodes, nodes);
  shared_.outbox.Ask(nodes, Ticket{Ticket::Kind::kConfirm, lease.round, lease.attempt, now},
                     ConfirmOp{name_, lease.owner, lease.fence});
  JudgeRound(now);
}

void Lock::Acquired(Time now, const NodeAnswer& answer) {
  Lease& lease = *lease_;
  lease.Heard(answer.node, answer.ticket);
  const bool votes = shared_.nodes.Votes(answer.node);
  const bool ok = answer.verdict == Verdict::kOk;
  if (ok && !votes) {
    // It set the key, but does not count (rule A6: "its grant is released"); then neither does what
    // it promised in an earlier round of this attempt. Once the lock is held the key stays: what
    // was promised counts.
    if (!Acquiring()) return;
    lease.validity.Forget(answer.node);
    shared_.outbox.Ask(NodeSet().set(answer.node), Ticket{Ticket::Kind::kRelease, 0, 0, now},
                       ReleaseOp{name_, lease.owner});
  }
  if (ok || answer.verdict == Verdict::kBusy) LearnFence(now, answer.fence);
  if (ok && votes) Promised(now, answer);
  if (lease.phase == Lease::Phase::kHeld) {
    if (ok && answer.ticket.round > lease.granted_in) ++shared_.counters.heals;
    return PartOfRoundDone(answer, ok);
  }
  if (lease.phase != Lease::Phase::kFirstRound || answer.ticket.round != lease.round) return;
  if (ok && votes) {
    lease.ballot->Vote(answer.node, answer.fence);
  } else if (answer.verdict == Verdict::kBusy) {
    lease.ballot->Busy(answer.node, answer.text, answer.left);
  } else {
    lease.ballot->Miss(answer.node);
  }
  JudgeRound(now);
}

void Lock::Confirmed(Time now, const NodeAnswer& answer) {
  Lease& lease = *lease_;
  if (answer.verdict == Verdict::kPassed) LearnFence(now, answer.fence);
  if (lease.phase != Lease::Phase::kConfirm || answer.ticket.round != lease.round) return;
  if (answer.verdict == Verdict::kOk && shared_.nodes.Votes(answer.node)) {
    lease.ballot->Vote(answer.node, lease.fence);
  } else if (answer.verdict == Verdict::kPassed || answer.verdict == Verdict::kNotOwner) {
    lease.ballot->Refuse(answer.node);
  } else {
    lease.ballot->Miss(answer.node);
  }
  JudgeRound(now);
}

void Lock::JudgeRound(Time now) {
  Lease& lease = *lease_;
  const bool confirming = lease.phase == Lease::Phase::kConfirm;
  const Ballot::Result result = lease.ballot->Judge();
  switch (result) {
    case Ballot::Result::kOpen:
      return;
    case Ballot::Result::kAgreed:
      return Grant(now, lease.ballot->Agreed());
    case Ballot::Result::kDisagreed:
      return ConfirmRound(now);
    case Ballot::Result::kRefused:
    case Ballot::Result::kNoQuorum:
      if (confirming && lease.first_rounds < kMaxFirstRounds) return FirstRound(now);
      return RoundFailed(now, result);
  }
}

void Lock::RoundFailed(Time now, Ballot::Result result) {
  const bool reached = result == Ballot::Result::kRefused;
  silent_ = lease_ ? lease_->ballot->Silent() : NodeSet();
  if (!reached && silent_.any()) shared_.gate.Unanswered();
  const bool split = lease_ && reached && lease_->ballot->Split();
  const Duration delay = UntilNextAttempt(reached, lease_ ? &*lease_->ballot : nullptr);
  if (lease_) LetGo(now);
  const auto first = waiters_.begin();
  (*first)->asked = true;
  attempt_alarm_.Set(now + delay);
  if ((*first)->is_try || shared_.sessions.InputEnded((*first)->session)) {
    if (!reached) {
      Fail(first, Failure::kNoQuorum, shared_.nodes.WhyNoQuorum(now, silent_));
    } else if ((*first)->is_try) {
      Fail(first, Failure::kBusy, split ? "others ask for it just now" : "held elsewhere");
    } else {
      Fail(first, Failure::kCancelled, "held elsewhere, and the client sends no more");
    }
  }
  NoteQuorum(now, reached);
  Proceed(now);
}

// A holder in sight is waited for (rule C11); votes that were split are fought for again at once,
// at odds that grow (rule E7), until it looks as if there were a holder after all.
Duration Lock::UntilNextAttempt(bool reached, const Ballot* ballot) {
  const Duration interval = shared_.options.timing.retry_interval;
  const auto jitter = static_cast<std::uint64_t>(interval.count());
  const Duration poll = interval / 2 + Duration(shared_.random.Below(jitter));
  if (!reached) return poll;
  if (ballot->Split() && splits_ <= kMaxDoublings) {
    ++shared_.counters.split_votes;
    const auto most = static_cast<std::uint64_t>(shared_.nodes.RoundTrip().count()) << splits_++;
    return Duration(shared_.random.Below(most));
  }
  splits_ = 0;
  return std::min(poll, ballot->ShortestLeft().value_or(poll) + kAfterExpiry);
}

void Lock::LearnFence(Time now, Fence stored) {
  const auto clock = shared_.nodes.SetClock(now);
  const Duration window = shared_.options.timing.fence_window;
  const auto half = std::chrono::duration_cast<std::chrono::microseconds>(window / 2).count();
  if (!clock || stored > *clock + half) return;  // not plausible (rule A5)
  known_fence_ = std::max(known_fence_, stored);
}

void Lock::Grant(Time now, Fence fence) {
  Lease& lease = *lease_;
  const auto deadline = lease.validity.Deadline();
  if (!deadline || *deadline - now < Timing::UsefulRest(lease.ttl)) {  // rule C3
    return RoundFailed(now, Ballot::Result::kNoQuorum);
  }
  NoteQuorum(now, true);
  splits_ = 0;
  Counters& counters = shared_.counters;
  ++counters.grants;
  ++(lease.round == 1 ? counters.one_round_grants : counters.confirmed_grants);
  lease.phase = Lease::Phase::kHeld;
  lease.pass.reset();
  shared_.gate.Granted();
  lease.granted_in = lease.round;
  lease.ballot.reset();
  lease.fence = fence;
  known_fence_ = std::max(known_fence_, fence);

  const std::unique_ptr<Waiter> waiter = std::move(waiters_.front());
  waiters_.pop_front();
  hold_ = std::make_unique<Hold>(shared_.holds);
  hold_->session = waiter->session;
  hold_->note = std::move(waiter->note);
  hold_->granted = now;
  if (waiter->max_hold) hold_->ends_at = Later(now, *waiter->max_hold);
  hold_->renewed_events = waiter->renewed_events;
  SetDeadline(now);
  shared_.outbox.Reply(waiter->session, waiter->request,
                       Granted{.name = name_,
                               .fence = fence,
                               .deadline = hold_->deadline,
                               .ttl = lease.ttl,
                               .votes = lease.validity.Count(now),
                               .nodes = shared_.options.nodes});
}

void Lock::LetGo(Time now, std::optional<ReleaseTable::Waiter> waiter) {
  const std::unique_ptr<Lease> lease = std::move(lease_);
  shared_.by_attempt.erase(lease->attempt);
  shared_.releases.Add(now, lease->attempt, name_, lease->owner, lease->may_have,
                       now + lease->ttl + lease->drift_allowance, waiter, std::move(lease->pass));
}

}  // namespace redlockd::engine
