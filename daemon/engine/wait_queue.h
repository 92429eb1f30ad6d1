#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/engine/agenda.h"
#include "daemon/engine/counted.h"
#include "daemon/engine/demand.h"
#include "daemon/engine/effects.h"
#include "daemon/engine/events.h"
#include "daemon/engine/state.h"
#include "daemon/engine/waits_for.h"

namespace redlockd::engine {

class SetInLine;

// A session that waits for a lock.
struct Waiter {
  // `waits` counts it for as long as it lives. `over` is called when its wait alarm rings.
  Waiter(std::size_t& waits, Agenda& agenda, const LockRequested& request, std::uint32_t uid,
         Duration ttl, Time now, std::function<void(Time)> over);

  Counted counted;
  const SessionId session;
  const RequestId request;
  const std::uint32_t uid;
  const Time since;
  const bool is_try;  // wait=0: it does not wait for a holder
  const Duration ttl;
  const std::optional<Duration> max_hold;
  const Duration min_hold;
  std::string note;
  const bool renewed_events;
  const bool wanted_events;
  const TaskId task;
  const Mode mode;
  bool asked = false;           // a round was decided while it was first in line
  bool out_of_time = false;     // answered by the round that is under way
  bool input_ended = false;     // the client has half-closed its connection
  unsigned splits = 0;          // rounds without a holder in sight, while it was in line (rule E10)
  bool last_was_split = false;  // the last one was such a round
  Time split_since;             // the first of them failed
  Alarm wait_alarm;
  // Of a task; none for who was the first in line from the beginning, and so waits for no holder.
  std::optional<WaitsFor::Wait> for_holder{};
  SetInLine* set = nullptr;  // it stands in for a request for several locks

  // For the next process, and from the former one: but for what it was made with.
  record::Wait Save() const;
  void Restore(const record::Wait& former, bool has_input_ended);

  // It waits only until it is known whether another has the lock.
  bool IsInHaste() const { return is_try || out_of_time || input_ended; }
};

// The line of sessions on this host that wait for a lock, in order of arrival. Decides whose wait a
// failed attempt ends (rule E10). Answers nobody: who leaves it is handed to the caller.
class WaitQueue {
 public:
  // One who leaves the line without the lock, and why.
  struct Leaving {
    std::unique_ptr<Waiter> waiter;
    Failure failure;
  };

  bool empty() const { return waiters_.empty(); }
  std::size_t size() const { return waiters_.size(); }
  std::size_t tries() const { return tries_; }
  Waiter& First() const;
  const Waiter& FirstTry() const;
  Waiter* Find(SessionId session) const;

  // What they want; `is_held`: a session holds the lock.
  Demand demand(bool is_held) const;
  // No holder is in sight, and its time to become one is not over at `at` (rule E10).
  static bool IsSplit(const Waiter& waiter, Time at, Duration patience);

  // After those that came before it or at the same time: with a waiter of the former process not all have.
  Waiter& Add(std::unique_ptr<Waiter> waiter);
  // One that was passed over takes the place again that its arrival gives it (rule G5). Of two sets that
  // meet in several lines the same is first in each.
  void Return(std::unique_ptr<Waiter> waiter);
  // The first in line waits for its turn to ask the nodes. One without a wait does so for no longer
  // than others do for a quorum, which is `patience`.
  void AwaitTurn(Time now, Duration patience);
  std::unique_ptr<Waiter> TakeFirst();
  std::unique_ptr<Waiter> Take(SessionId session);  // which waits
  // All that try, in order.
  std::vector<std::unique_ptr<Waiter>> TakeTries();
  // Those at the head of the line who have been without a quorum for `patience`; the line is in
  // order of arrival, so the impatient are there. `since`: when the quorum was lost.
  std::vector<std::unique_ptr<Waiter>> TakeImpatient(Time now, Time since, Duration patience);
  // An attempt failed: those whose wait it decides. `patience`: how long a try goes on while nobody
  // may hold the lock.
  std::vector<Leaving> OnAttemptFailed(Time now, const FailedAttempt& failed, Duration patience);

  // Its waiters in order.
  auto begin() const { return waiters_.begin(); }
  auto end() const { return waiters_.end(); }

 private:
  using Waiters = std::list<std::unique_ptr<Waiter>>;
  Waiters::const_iterator At(SessionId session) const;
  std::unique_ptr<Waiter> Take(Waiters::const_iterator at);
  static bool Ends(Time now, Waiter& waiter, const FailedAttempt& failed, Duration patience);
  static Failure WhyEnded(const Waiter& waiter, const FailedAttempt& failed);

  Waiters waiters_;
  std::size_t tries_ = 0;
};

}  // namespace redlockd::engine
