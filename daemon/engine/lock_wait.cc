#include <algorithm>

#include "daemon/engine/lock_parts.h"

// The line of sessions that wait for a lock.
namespace redlockd::engine {

void Lock::Request(Time now, const LockRequested& request) {
  const bool must_wait = (lease_ && !Passing()) || !waiters_.empty();
  if (must_wait && request.wait == Duration(0)) {
    const bool kept = lease_ && lease_->phase == Lease::Phase::kKept;
    ++shared_.counters.busy;
    return shared_.outbox.Reply(request.session, request.request,
                                Failed{.failure = Failure::kBusy,
                                       .name = name_,
                                       .text = hold_  ? "held on this host"
                                               : kept ? "kept until the deadline of its last hold"
                                                      : "others on this host are first"});
  }
  auto over = [this, session = request.session](Time at) { WaitOver(at, session); };
  auto waiter = std::make_unique<Waiter>(shared_, request, now, std::move(over));
  waiter->ttl = request.ttl.value_or(shared_.options.timing.ttl);
  if (request.wait && !waiter->is_try) waiter->wait_alarm.Set(Later(now, *request.wait));
  waiters_.push_back(std::move(waiter));
  shared_.sessions.Add(request.session, name_);
  if (must_wait && shared_.sessions.InputEnded(request.session)) {
    return Fail(std::prev(waiters_.end()), Failure::kCancelled, "the client sends no more");
  }
  Proceed(now);
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
  if (is_next || IsUnasked(**waiter)) return;  // answered by what comes of it
  Fail(waiter, Failure::kCancelled, "the client sends no more");
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

bool Lock::IsUnasked(const Waiter& waiter) const {
  return &waiter == waiters_.front().get() && !waiter.asked && (!lease_ || Acquiring());
}

bool Lock::StandsBeforeGate() const { return contest_ && contest_->before_gate; }

void Lock::WaitOver(Time now, SessionId session) {
  const auto waiter = FindWaiter(session);
  const bool no_quorum = contest_ && contest_->no_quorum_since;
  // A wait that is shorter than a round, or than a rest, does not end before its first round does.
  if (IsUnasked(**waiter) && !no_quorum && !StandsBeforeGate()) {
    (*waiter)->out_of_time = true;
    return StopBackingOff(now);
  }
  if (no_quorum) {
    Fail(waiter, Failure::kNoQuorum, shared_.nodes.WhyNoQuorum(now, contest_->failures));
  } else {
    Fail(waiter, (*waiter)->is_try ? Failure::kBusy : Failure::kTimeout,
         hold_                ? "still held on this host"
         : StandsBeforeGate() ? "too many locks are asked for at a time"
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
  const Waiter& first = *waiters_.front();
  return first.is_try || first.out_of_time || !contest_->IsHeldBack();
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
