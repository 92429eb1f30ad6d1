#include "daemon/engine/wait_queue.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "daemon/engine/set_in_line.h"

namespace redlockd::engine {
namespace {

// A try takes part in at least this many rounds without a holder in sight (rule E10).
constexpr unsigned kLeastSplits = 10;

}  // namespace

Waiter::Waiter(std::size_t& waits, Agenda& agenda, const LockRequested& r, std::uint32_t uid,
               Duration ttl, Time now, std::function<void(Time)> over)
    : counted(waits),
      session(r.session),
      request(r.request),
      uid(uid),
      since(now),
      is_try(r.wait == Duration(0)),
      ttl(ttl),
      max_hold(r.max_hold),
      min_hold(r.min_hold),
      note(r.note),
      renewed_events(r.renewed_events),
      wanted_events(r.wanted_events),
      task(r.task),
      mode(r.mode),
      wait_alarm(agenda, std::move(over)) {}

Waiter& WaitQueue::First() const {
  CHECK(!waiters_.empty());
  return *waiters_.front();
}

const Waiter& WaitQueue::FirstTry() const {
  CHECK(tries_ > 0);
  return **std::find_if(waiters_.begin(), waiters_.end(),
                        [](const auto& waiter) { return waiter->is_try; });
}

WaitQueue::Waiters::const_iterator WaitQueue::At(SessionId session) const {
  return std::find_if(waiters_.begin(), waiters_.end(),
                      [session](const auto& waiter) { return waiter->session == session; });
}

Waiter* WaitQueue::Find(SessionId session) const {
  const auto found = At(session);
  return found == waiters_.end() ? nullptr : found->get();
}

Demand WaitQueue::demand(bool is_held) const {
  Demand demand{.is_held = is_held, .waiters = waiters_.size(), .tries = tries_};
  if (waiters_.empty()) return demand;
  const Waiter& first = First();
  demand.ttl = first.ttl;
  demand.mode = first.mode;
  demand.first_is_try = first.is_try;
  demand.first_was_split = first.splits > 0;
  demand.first_in_haste = first.IsInHaste();
  if (tries_ > 0) demand.first_try_since = FirstTry().since;
  return demand;
}

void WaitQueue::AwaitTurn(Time now, Duration patience) {
  Waiter& first = First();
  if (first.is_try) first.wait_alarm.Set(Later(first.since, patience));
  if (first.out_of_time) first.wait_alarm.Set(now);
}

Waiter& WaitQueue::Add(std::unique_ptr<Waiter> waiter) {
  if (waiter->is_try) ++tries_;
  const auto came_before = std::find_if(waiters_.rbegin(), waiters_.rend(), [&](const auto& other) {
    return other->since <= waiter->since;
  });
  return **waiters_.insert(came_before.base(), std::move(waiter));
}

void WaitQueue::Return(std::unique_ptr<Waiter> waiter) {
  const auto came_later = [&waiter](const auto& other) {
    if (other->since != waiter->since) return other->since > waiter->since;
    return !other->set || other->set->number() > waiter->set->number();
  };
  CHECK(waiter->set && !waiter->is_try);
  waiters_.insert(std::find_if(waiters_.begin(), waiters_.end(), came_later), std::move(waiter));
}

std::unique_ptr<Waiter> WaitQueue::TakeFirst() {
  CHECK(!waiters_.empty());
  return Take(waiters_.begin());
}

std::unique_ptr<Waiter> WaitQueue::Take(SessionId session) {
  const auto found = At(session);
  CHECK(found != waiters_.end());
  return Take(found);
}

std::unique_ptr<Waiter> WaitQueue::Take(Waiters::const_iterator at) {
  Waiters taken;
  taken.splice(taken.begin(), waiters_, at);
  std::unique_ptr<Waiter> waiter = std::move(taken.front());
  if (waiter->is_try) {
    CHECK(tries_ > 0);
    --tries_;
  }
  return waiter;
}

std::vector<std::unique_ptr<Waiter>> WaitQueue::TakeTries() {
  std::vector<std::unique_ptr<Waiter>> tries;
  for (auto next = waiters_.begin(); next != waiters_.end() && tries_ > 0;) {
    const auto at = next++;
    if ((*at)->is_try) tries.push_back(Take(at));
  }
  return tries;
}

std::vector<std::unique_ptr<Waiter>> WaitQueue::TakeImpatient(Time now, Time since,
                                                              Duration patience) {
  std::vector<std::unique_ptr<Waiter>> impatient;
  while (!waiters_.empty() && now >= std::max(since, First().since) + patience) {
    impatient.push_back(TakeFirst());
  }
  return impatient;
}

// It decides for who is first in line, and for all who try.
std::vector<WaitQueue::Leaving> WaitQueue::OnAttemptFailed(Time now, const FailedAttempt& failed,
                                                           Duration patience) {
  std::vector<Leaving> leaving;
  bool is_first = true;
  for (auto next = waiters_.begin(); next != waiters_.end() && (is_first || tries_ > 0);) {
    const auto at = next++;
    Waiter& waiter = **at;
    if ((is_first || waiter.is_try) && Ends(now, waiter, failed, patience)) {
      const Failure failure = WhyEnded(waiter, failed);
      leaving.push_back({Take(at), failure});
    }
    is_first = false;
  }
  return leaving;
}

bool WaitQueue::IsSplit(const Waiter& waiter, Time at, Duration patience) {
  return waiter.splits > 0 && (waiter.splits < kLeastSplits || at < waiter.split_since + patience);
}

bool WaitQueue::Ends(Time now, Waiter& waiter, const FailedAttempt& failed, Duration patience) {
  waiter.last_was_split = failed.is_split;
  if (failed.is_split && waiter.splits++ == 0) waiter.split_since = now;
  if (!waiter.IsInHaste()) return false;
  if (!failed.reached) return true;
  // What was asked in time may be answered late: the round that decides is one that was asked
  // after.
  if (failed.is_split) return failed.next >= patience || !IsSplit(waiter, failed.asked, patience);
  return !waiter.is_try || now + failed.next >= waiter.since + patience;
}

Failure WaitQueue::WhyEnded(const Waiter& waiter, const FailedAttempt& failed) {
  if (!failed.reached) return Failure::kNoQuorum;
  if (waiter.is_try) return Failure::kBusy;
  return waiter.out_of_time ? Failure::kTimeout : Failure::kCancelled;
}

}  // namespace redlockd::engine
