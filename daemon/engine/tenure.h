#pragma once

#include "daemon/engine/state.h"
#include "daemon/engine/timing.h"
#include "daemon/engine/types.h"

namespace redlockd::engine {

// How long this host goes on with one lease of a lock, handing it off from session to session and
// letting it linger, before others get their turn (rules E1, E2). It is counted from the end of the
// first hold; but not of a lease that is shared, beside which others share the lock (rule F9). Pure: knows no lock, no session and no node.
class Tenure {
 public:
  enum class Next { kHandOff, kLinger, kEnd };

  explicit Tenure(Mode mode = Mode::kExclusive) : is_shared_(mode == Mode::kShared) {}

  // The nodes have granted the lease. `owes_cooldown`: the tenure before this one was over, and this
  // host has not paused since.
  void OnGranted(Time now, bool owes_cooldown);
  // Another daemon wants the lock; `is_queued`: it has an entry in the queue, so its turn will come.
  void OnWanted(Time now, bool is_queued);
  // A majority of the nodes, asked then, know of nobody who wants it. A lease that is shared may last for
  // hours, so who comes once and goes must not keep new readers of this host out for as long.
  void OnUnwanted(Time asked);
  // The lease is not handed off any more: it is kept until a deadline.
  void Stop() { is_granted_ = false; }
  void Save(record::Lease& lease) const;
  void Restore(Time now, const record::Lease& lease);

  // The lease has no holder. Returns what may become of it. The first time, the tenure begins.
  Next OnFree(Time now, const Timing& timing, Duration linger, bool has_waiters);
  // Nobody wants it, or that has not lasted for long: one more hold may begin (rules E2, F10).
  bool MayGoOn(Time now) const;
  // The next hold has begun; `is_handoff`: by a lease that was there.
  void OnHold(bool is_handoff);
  // Nobody waits; the lease lingers. Returns false if it does so already.
  bool Linger(Time now, const Timing& timing, Duration linger);
  void StopLingering() { lingers_until_ = kNever; }
  // Nodes were asked for what the next in line needs. Once for each hand-off.
  void AskForNext();
  bool HasAskedForNext() const { return asked_for_next_; }

  // Others are to get their turn.
  bool IsOver(Time now, const Timing& timing) const;
  bool OwesCooldown() const { return owes_cooldown_; }
  // Another daemon wants it since it was granted.
  bool IsWanted() const { return wanted_since_ != kNever; }
  bool HasQueue() const { return is_queued_for_; }
  // The end of time if it does not linger.
  Time lingers_until() const { return lingers_until_; }

 private:
  static constexpr Time kNever = Time::max();

  bool is_shared_;
  bool is_granted_ = false;
  bool wanted_ = false;
  bool is_queued_for_ = false;
  bool owes_cooldown_ = false;
  bool asked_for_next_ = false;
  unsigned handoffs_while_wanted_ = 0;
  Time wanted_since_ = kNever;   // wanted, and granted
  Time since_ = kNever;          // the end of its first hold
  Time lingers_until_ = kNever;  // it has no hold, and nobody waits
};

}  // namespace redlockd::engine
