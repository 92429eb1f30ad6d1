#include <algorithm>
#include <utility>

#include "base/check.h"
#include "daemon/engine/clock_offset.h"
#include "daemon/engine/lock_parts.h"
#include "daemon/engine/reasons.h"

// From an attempt to a lease: rules A1-A8, C1-C4, C11, E6, E7.
namespace redlockd::engine {
namespace {

// One, and twice more after a confirm that failed (rule A4).
constexpr unsigned kMaxFirstRounds = 3;
// The back-off doubles this often: to 16 round trips (rule E7).
constexpr unsigned kMaxDoublings = 4;
constexpr Duration kAfterExpiry = std::chrono::milliseconds(2);  // rule C11

// An owner value of this product: instance, attempt, host (rule A1).
bool IsOurs(std::string_view owner) {
  const std::size_t instance = owner.find(':');
  if (instance == 0 || instance == owner.npos) return false;
  const std::size_t attempt = owner.find_first_not_of("0123456789", instance + 1);
  return attempt != owner.npos && attempt > instance + 1 && owner[attempt] == ':';
}

}  // namespace

bool Lock::Acquiring() const {
  return lease_ &&
         (lease_->phase == Lease::Phase::kFirstRound || lease_->phase == Lease::Phase::kConfirm);
}

void Lock::Attempt(Time now) {
  CHECK(!lease_ && !waiters_.empty());
  const std::uint32_t uid = FirstUid();
  const bool is_next = shared_.gate.LetsIn(*this, uid);  // rule C12
  if (StandsBeforeGate() && is_next) contest_->before_gate->HadTurn();
  if (contest_) contest_->before_gate.reset();
  const std::size_t nodes = shared_.options.nodes;
  if (shared_.nodes.MetOtherSet() || shared_.nodes.Voters().count() < Majority(nodes)) {
    return RoundFailed(now, Ballot::Result::kNoQuorum);
  }
  if (!is_next) return StandBeforeGate(now);
  if (waiters_.front()->is_try) waiters_.front()->wait_alarm.Clear();
  ++shared_.counters.attempts;
  lease_ = std::make_unique<Lease>(nodes, shared_.agenda, *this);
  lease_->pass = shared_.gate.Enter(uid);
  lease_->attempt = ++shared_.last_attempt;
  lease_->ttl = lease_->longest_ttl = waiters_.front()->ttl;
  shared_.by_attempt[lease_->attempt] = this;
  FirstRound(now);
}

std::string Lock::Owner(AttemptNumber attempt) const {
  return shared_.options.instance + ":" + std::to_string(attempt) + ":" + shared_.options.host;
}

// A request without a wait does not wait for its turn for longer than others do for a quorum.
void Lock::StandBeforeGate(Time now) {
  Waiter& first = *waiters_.front();
  shared_.gate.StandInLine(contest().before_gate, FirstUid(), *this);
  if (first.is_try) first.wait_alarm.Set(Later(first.since, shared_.options.timing.quorum_wait));
  if (first.out_of_time) first.wait_alarm.Set(now);
}

void Lock::FirstRound(Time now) {
  Lease& lease = *lease_;
  const NodeSet voters = shared_.nodes.Voters();
  // No clock: no node is left to ask.
  const Stamp clock = shared_.nodes.SetClock(now).value_or(0);
  const Fence proposal = std::max<Fence>(known_fence_ + 1, clock);
  const Queueing queueing = QueueingOfRound(now, clock);
  const bool is_to_be_passed_on = linger_ > Duration(0) || waiters_.size() > 1;
  if (lease.first_rounds == 0 && is_to_be_passed_on) lease.block = BlockFrom(now, proposal);
  lease.Enter(Lease::Phase::kFirstRound);
  ++lease.round;
  ++lease.first_rounds;
  lease.round_asked = now;
  lease.Sent(voters);
  lease.ballot = std::make_unique<Ballot>(shared_.options.nodes, voters);
  contest().freed.reset();
  contest().want.Asked(voters, queueing);
  AskAcquire(now, voters, proposal, lease.block, queueing);
  JudgeRound(now);  // too few may have been left to ask
}

// A try takes a place in the queue once the votes were split, not before (rules E6.8, E10).
Queueing Lock::QueueingOfRound(Time now, Stamp clock) {
  const Waiter& first = *waiters_.front();
  if (!first.is_try) return contest().want.NextRound(now, clock);
  return first.splits == 0 ? Queueing::kNone : contest().want.NextRoundOfTry(clock);
}

// The one question that can set the key: to get the lock, for a block of fences (rule B3), or to
// heal (rule C6).
void Lock::AskAcquire(Time now, NodeSet nodes, Fence proposal, Fence block, Queueing queueing) {
  Lease& lease = *lease_;
  const Timing& timing = shared_.options.timing;
  const bool is_of_tries = queueing == Queueing::kAlways && tries_ == waiters_.size();
  lease.may_have |= nodes;
  shared_.outbox.Ask(
      nodes, Ticket{Ticket::Kind::kAcquire, lease.round, lease.attempt, now},
      AcquireOp{.lock = name_,
                .owner = Owner(lease.attempt),
                .ttl = lease.ttl,
                .proposal = proposal,
                .block = block,
                .queueing = queueing,
                .stamp = contest_ ? contest_->want.stamp() : 0,
                .want_life = is_of_tries ? timing.TryWantLife(shared_.nodes.RoundTrip())
                                         : timing.WantLife()});
}

// Blocks must not outrun the window of plausible fences (rule A8).
Fence Lock::BlockFrom(Time now, Fence proposal) const {
  const auto clock = shared_.nodes.SetClock(now);
  return clock && IsPlausible(*clock, proposal + kBlock - 1) ? kBlock : 1;
}

void Lock::ConfirmRound(Time now) {
  Lease& lease = *lease_;
  lease.confirmed = lease.ballot->ToConfirm();
  lease.Enter(Lease::Phase::kConfirm);
  ++lease.round;
  const NodeSet nodes = shared_.nodes.Voters();
  lease.ballot = std::make_unique<Ballot>(shared_.options.nodes, nodes);
  shared_.outbox.Ask(nodes, Ticket{Ticket::Kind::kConfirm, lease.round, lease.attempt, now},
                     ConfirmOp{name_, Owner(lease.attempt), lease.confirmed, lease.block});
  JudgeRound(now);
}

void Lock::Acquired(Time now, const NodeAnswer& answer) {
  Lease& lease = *lease_;
  lease.Heard(answer.node, answer.ticket);
  NoteQueue(now, answer.greatest);
  const bool votes = shared_.nodes.Votes(answer.node);
  const bool ok = answer.verdict == Verdict::kOk;
  const bool refused = answer.verdict == Verdict::kBusy || answer.verdict == Verdict::kNotTurn;
  if (ok && !votes && Acquiring()) {
    // It set the key, but does not count (rule A6: "its grant is released"); then neither does what
    // it promised in an earlier round of this attempt. Once the lock is leased the key stays: what
    // was promised counts.
    lease.validity.Forget(answer.node);
    shared_.outbox.Ask(NodeSet().set(answer.node), Ticket{Ticket::Kind::kRelease, 0, 0, now},
                       ReleaseOp{.lock = name_, .owner = Owner(lease.attempt)});
  }
  if (ok || refused) LearnFence(now, answer.fence);
  if (ok && votes) Promised(now, answer);
  if (lease.phase == Lease::Phase::kLeased) {
    if (ok && lease.healing.test(answer.node)) ++shared_.counters.heals;
    lease.healing.reset(answer.node);
    if (ok && contest_ && answer.ticket.round == lease.granted_in) {
      contest_->want.Voted(answer.node);
      if (waiters_.empty()) DropContest();
    }
    PartOfRoundDone(answer, ok && votes);
    if (lease.ballot && answer.ticket.round == lease.block_round) {
      TakeVote(answer, votes);
      JudgeBlock(now);
    }
    return GoOn(now);
  }
  if (lease.phase != Lease::Phase::kFirstRound || answer.ticket.round != lease.round) return;
  if (ok) contest().want.Voted(answer.node);
  if (refused && !lease.in_flight.test(answer.node)) lease.may_have.reset(answer.node);
  TakeVote(answer, votes);
  JudgeRound(now);
}

// An answer to the acquire that the ballot is about.
void Lock::TakeVote(const NodeAnswer& answer, bool votes) {
  Ballot& ballot = *lease_->ballot;
  if (answer.verdict == Verdict::kOk && votes) {
    ballot.Vote(answer.node, answer.fence);
  } else if (answer.verdict == Verdict::kBusy) {
    ballot.Busy(answer.node, answer.text, answer.left);
  } else if (answer.verdict == Verdict::kNotTurn) {
    ballot.NotTurn(answer.node);
  } else {
    ballot.Fail(answer.node, ReasonOf(answer));
  }
}

void Lock::Confirmed(Time now, const NodeAnswer& answer) {
  Lease& lease = *lease_;
  if (answer.verdict == Verdict::kPassed) LearnFence(now, answer.fence);
  if (lease.phase != Lease::Phase::kConfirm || answer.ticket.round != lease.round) return;
  if (answer.verdict == Verdict::kOk && shared_.nodes.Votes(answer.node)) {
    lease.ballot->Vote(answer.node, lease.confirmed);
  } else if (answer.verdict == Verdict::kPassed || answer.verdict == Verdict::kNotOwner) {
    lease.ballot->Refuse(answer.node);
  } else {
    lease.ballot->Fail(answer.node, ReasonOf(answer));
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
      return Leased(now, lease.ballot->Agreed());
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
  const std::unique_ptr<Ballot> ballot = lease_ ? std::move(lease_->ballot) : nullptr;
  const Time asked = lease_ ? lease_->round_asked : now;
  contest().failures = ballot ? ballot->Failures() : NodeFailures();
  if (!reached && ballot && ballot->Silent().any()) shared_.gate.Unanswered();
  contest().want.RoundFailed(now, reached, ballot && ballot->OnlyQueue());
  const Duration delay = UntilNextAttempt(now, reached, ballot.get());
  if (lease_) LetGo(now, Queue::kStay);
  contest().attempt_alarm.Set(now + delay);
  waiters_.front()->asked = true;
  EndWaits(now, {.reached = reached,
                 .is_split = reached && ballot->Holder().empty(),
                 .asked = asked,
                 .next = delay});
  NoteQuorum(now, reached);
  Proceed(now);
}

// A holder in sight is waited for (rule C11); votes that were split are fought for again at once,
// at odds that grow (rule E7), until it looks as if there were a holder after all.
Duration Lock::UntilNextAttempt(Time now, bool reached, const Ballot* ballot) {
  const std::string holder = reached ? ballot->Holder() : "";
  const bool is_split = reached && holder.empty();
  const bool in_haste = tries_ > 0 || IsInHaste(*waiters_.front());
  if (!is_split && tries_ > 0) {
    contest().splits = 0;
    // A lease of another daemon may have no holder: it has been told, and lets go of it at once.
    if (IsOurs(holder)) {
      return std::max<Duration>(std::chrono::milliseconds(1), now - FirstTry().since);
    }
    if (waiters_.front()->is_try) return TryPatience();
  }
  const Duration interval = shared_.options.timing.retry_interval;
  const auto jitter = static_cast<std::uint64_t>(interval.count());
  const Duration poll = interval / 2 + Duration(shared_.random.Below(jitter));
  if (!reached) return poll;
  // It was let go while this round was under way.
  if (contest().freed.count() >= Majority(shared_.options.nodes)) return Duration(0);
  // Where the queue alone refuses, on all nodes, it is the turn of another, who is told so.
  const bool others_turn = ballot->OnlyQueue() && ballot->Votes() == 0;
  if (is_split && (in_haste || (!others_turn && contest().splits <= kMaxDoublings))) {
    ++shared_.counters.split_votes;
    const auto most = static_cast<std::uint64_t>(shared_.nodes.RoundTrip().count())
                      << std::min(contest().splits++, kMaxDoublings);
    const Duration delay(shared_.random.Below(most));
    // Its entry is to stay fresh, and its last round is to come soon (rule E10).
    return in_haste ? std::min(delay, TryPatience() / 4) : delay;
  }
  contest().splits = 0;
  return std::min(poll, ballot->ShortestLeft().value_or(poll) + kAfterExpiry);
}

bool Lock::IsPlausible(std::int64_t clock, Fence fence) const {
  const Duration half = shared_.options.timing.fence_window / 2;
  return fence <= clock + std::chrono::duration_cast<std::chrono::microseconds>(half).count();
}

void Lock::LearnFence(Time now, Fence stored) {
  const auto clock = shared_.nodes.SetClock(now);
  if (clock && IsPlausible(*clock, stored)) known_fence_ = std::max(known_fence_, stored);
}

void Lock::Leased(Time now, Fence fence) {
  Lease& lease = *lease_;
  const auto deadline = lease.validity.Deadline();
  if (!deadline || *deadline - now < Timing::UsefulRest(lease.ttl)) {  // rule C3
    lease.ballot->FailVotes("granted it too late for a ttl of " + ToText(lease.ttl));
    return RoundFailed(now, Ballot::Result::kNoQuorum);
  }
  NoteQuorum(now, true);
  contest().splits = 0;
  Counters& counters = shared_.counters;
  ++(lease.round == 1 ? counters.one_round_grants : counters.confirmed_grants);
  lease.Enter(Lease::Phase::kLeased);
  lease.pass.reset();
  shared_.gate.Granted();
  lease.granted_in = lease.round;
  lease.ballot.reset();
  CHECK(lease.block >= 1);
  lease.next = fence;
  lease.top = fence + lease.block - 1;
  known_fence_ = std::max(known_fence_, lease.top);
  lease.owes_rest = std::exchange(owes_rest_, false);
  if (lease.wanted) lease.wanted_since = now;
  Give(now);
}

}  // namespace redlockd::engine
