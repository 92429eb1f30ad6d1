#include <algorithm>

#include "daemon/engine/lock_parts.h"

// The line of sessions that wait for a lock.
namespace redlockd::engine {
namespace {

// So many rounds without a holder in sight a try takes part in at least (rule E10).
constexpr unsigned kLeastSplits = 10;

}  // namespace

void Lock::Request(Time now, const LockRequested& request) {
  const bool must_wait = (lease_ && !Passing()) || !waiters_.empty();
  const bool is_try = request.wait == Duration(0);
  if (must_wait && is_try && !IsContended()) {
    ++shared_.counters.busy;
    return shared_.outbox.Reply(
        request.session, request.request,
        Failed{.failure = Failure::kBusy, .name = name_, .text = WhyBusy()});
  }
  auto over = [this, session = request.session](Time at) { WaitOver(at, session); };
  auto waiter = std::make_unique<Waiter>(shared_, tries_, request, now, std::move(over));
  waiter->ttl = request.ttl.value_or(shared_.options.timing.ttl);
  // What a try in line waits for ends by itself, but for its turn to ask (rule C12).
  if (is_try && must_wait) waiter->wait_alarm.Set(Later(now, shared_.options.timing.quorum_wait));
  if (request.wait && !is_try) waiter->wait_alarm.Set(Later(now, *request.wait));
  waiters_.push_back(std::move(waiter));
  shared_.sessions.Add(request.session, name_);
  if (must_wait && !is_try && shared_.sessions.InputEnded(request.session)) {
    return Fail(std::prev(waiters_.end()), Failure::kCancelled,
                "the client half-closed the connection");
  }
  Proceed(now);
}

bool Lock::IsContended() const {
  if (waiters_.empty() || hold_ || (lease_ && lease_->phase == Lease::Phase::kKept)) return false;
  const bool backs_off = contest_ && contest_->attempt_alarm.at();
  return !backs_off || contest_->splits > 0;
}

std::string Lock::WhyBusy() const {
  if (hold_) return "held on this host";
  const bool kept = lease_ && lease_->phase == Lease::Phase::kKept;
  return kept ? "kept until the deadline of its last hold" : "others on this host are ahead";
}

bool Lock::Cancel(Time now, SessionId session, RequestId request) {
  const auto waiter = FindWaiter(session);
  if (waiter == waiters_.end() || (*waiter)->request != request) return false;
  Fail(waiter, Failure::kCancelled, "cancelled by the client");
  Proceed(now);
  return true;
}

void Lock::InputEnded(Time now, SessionId session) {
  const auto waiter = FindWaiter(session);
  if (waiter == waiters_.end()) return;
  const bool is_next = Passing() && waiter == waiters_.begin();
  // Answered by what comes of it.
  if (is_next || (*waiter)->is_try || IsUndecided(now, **waiter)) return;
  Fail(waiter, Failure::kCancelled, "the client half-closed the connection");
  Proceed(now);
}

Lock::Waiters::iterator Lock::FindWaiter(SessionId session) {
  return std::find_if(waiters_.begin(), waiters_.end(),
                      [session](const auto& waiter) { return waiter->session == session; });
}

void Lock::Fail(Waiters::iterator waiter, Failure failure, std::string text) {
  Counters& counters = shared_.counters;
  if (failure == Failure::kBusy) ++counters.busy;
  if (failure == Failure::kTimeout) ++counters.timeouts;
  if (failure == Failure::kNoQuorum) ++counters.no_quorum;
  shared_.outbox.Reply((*waiter)->session, (*waiter)->request,
                       Failed{.failure = failure, .name = name_, .text = std::move(text)});
  shared_.sessions.Remove((*waiter)->session, name_);
  waiters_.erase(waiter);
}

bool Lock::StandsBeforeGate() const { return contest_ && contest_->before_gate; }

bool Lock::IsUndecided(Time now, const Waiter& waiter) const {
  if (&waiter != waiters_.front().get()) return false;
  if (!waiter.asked) return !lease_ || Acquiring();
  return contest_ && contest_->splits > 0 && IsSplit(waiter, now);
}

// --- what a failed round means for those in line ------------------------------------------------

Duration Lock::TryPatience() const {
  return shared_.options.timing.TryPatience(shared_.nodes.RoundTrip());
}

// No holder is in sight, and its time to become one is not over at `at` (rule E10).
bool Lock::IsSplit(const Waiter& waiter, Time at) const {
  return waiter.splits > 0 &&
         (waiter.splits < kLeastSplits || at < waiter.split_since + TryPatience());
}

bool Lock::IsInHaste(const Waiter& waiter) const {
  return waiter.is_try || waiter.out_of_time || shared_.sessions.InputEnded(waiter.session);
}

const Lock::Waiter& Lock::FirstTry() const {
  return **std::find_if(waiters_.begin(), waiters_.end(),
                        [](const auto& waiter) { return waiter->is_try; });
}

// Answers those whom the round decides: who is first in line, and all who try.
void Lock::EndWaits(Time now, const FailedRound& round) {
  bool is_first = true;
  for (auto next = waiters_.begin(); next != waiters_.end();) {
    const auto waiter = next++;
    if ((is_first || (*waiter)->is_try) && Ends(now, **waiter, round)) EndWait(now, waiter, round);
    is_first = false;
    if (tries_ == 0) return;
  }
}

bool Lock::Ends(Time now, Waiter& waiter, const FailedRound& round) const {
  if (round.is_split && waiter.splits++ == 0) waiter.split_since = now;
  if (!IsInHaste(waiter)) return false;
  if (!round.reached) return true;
  // What was asked in time may be answered late: the round that decides is one that was asked
  // after.
  if (round.is_split) return round.next >= TryPatience() || !IsSplit(waiter, round.asked);
  return !waiter.is_try || now + round.next >= waiter.since + TryPatience();
}

void Lock::EndWait(Time now, Waiters::iterator waiter, const FailedRound& round) {
  const std::string held =
      round.is_split ? "no majority: other hosts are competing for it" : "held elsewhere";
  if (!round.reached) {
    Fail(waiter, Failure::kNoQuorum, shared_.nodes.WhyNoQuorum(now, contest().failures));
  } else if ((*waiter)->is_try) {
    Fail(waiter, Failure::kBusy, held);
  } else if ((*waiter)->out_of_time) {
    Fail(waiter, Failure::kTimeout, held);
  } else {
    Fail(waiter, Failure::kCancelled, held + ", and the client half-closed the connection");
  }
}

// One of those in line has it.
void Lock::EndTries() {
  for (auto next = waiters_.begin(); next != waiters_.end() && tries_ > 0;) {
    const auto waiter = next++;
    if ((*waiter)->is_try) Fail(waiter, Failure::kBusy, WhyBusy());
  }
}

// --- going on -----------------------------------------------------------------------------------

void Lock::WaitOver(Time now, SessionId session) {
  const auto waiter = FindWaiter(session);
  const bool no_quorum = contest_ && contest_->no_quorum_since;
  // A wait that is shorter than a round, or than a rest, does not end before its first round does,
  // nor does one while it is open who gets the lock (rule E10).
  if (IsUndecided(now, **waiter) && !no_quorum && !StandsBeforeGate()) {
    (*waiter)->out_of_time = true;
    return StopBackingOff(now);
  }
  if (no_quorum) {
    Fail(waiter, Failure::kNoQuorum, shared_.nodes.WhyNoQuorum(now, contest_->failures));
  } else {
    Fail(waiter, (*waiter)->is_try ? Failure::kBusy : Failure::kTimeout,
         hold_                ? "still held on this host"
         : StandsBeforeGate() ? "too many lock attempts are in flight"
                              : "still held elsewhere");
  }
  Proceed(now);
}

void Lock::Proceed(Time now) {
  if (Acquiring() && (waiters_.empty() || waiters_.front()->ttl != lease_->ttl)) {
    LetGo(now, waiters_.empty() ? Queue::kLeave : Queue::kStay);
  }
  if (Passing()) PassOn(now);
  if (waiters_.empty()) {
    NobodyWaits(now);
  } else if (lease_) {
    if (hold_) AskBlockAhead(now);
  } else if (StandsBeforeGate()) {
    KeepPlaceOfFirst(now);
  } else if (MayAsk()) {
    Attempt(now);
  }
  if (Idle()) shared_.idle.push_back(name_);
}

// Its place before the gate is that of the user who is first in line here.
void Lock::KeepPlaceOfFirst(Time now) {
  if (contest_->before_gate->uid() != FirstUid()) StandBeforeGate(now);
}

std::uint32_t Lock::FirstUid() const { return shared_.sessions.UidOf(waiters_.front()->session); }

bool Lock::MayAsk() const {
  if (!contest_) return true;
  if (contest_->before_gate || contest_->attempt_alarm.at()) return false;
  return tries_ > 0 || waiters_.front()->out_of_time || !contest_->IsHeldBack();
}

void Lock::NobodyWaits(Time now) {
  if (!contest_) return;
  if (!lease_) LeaveQueue(now);
  contest_->before_gate.reset();
  contest_->attempt_alarm.Clear();
  contest_->quorum_alarm.Clear();
  contest_->no_quorum_since.reset();
  contest_->splits = 0;
  DropContest();
}

void Lock::NoteQuorum(Time now, bool reached) {
  if (reached) {
    contest().no_quorum_since.reset();
    contest().quorum_alarm.Clear();
  } else {
    if (!contest().no_quorum_since) contest().no_quorum_since = now;
    FailTheImpatient(now);
  }
}

// A waiter keeps its place while there is no quorum, but not for longer than quorum_wait. The line
// is in order of arrival, so the impatient are at its head.
void Lock::FailTheImpatient(Time now) {
  const Duration patience = shared_.options.timing.quorum_wait;
  while (!waiters_.empty()) {
    const Time end = std::max(*contest().no_quorum_since, waiters_.front()->since) + patience;
    if (now < end) {
      contest().quorum_alarm.Set(end);
      break;
    }
    Fail(waiters_.begin(), Failure::kNoQuorum, shared_.nodes.WhyNoQuorum(now, contest().failures));
  }
  Proceed(now);
}

}  // namespace redlockd::engine
