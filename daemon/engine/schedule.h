#pragma once

#include <optional>

#include "daemon/engine/agenda.h"
#include "daemon/engine/timing.h"
#include "daemon/engine/types.h"

namespace redlockd::engine {

// When the next thing is due for a lease: a warning that little is left, the end, a renewal. Works
// out none of the deadlines that it is given.
class Schedule {
 public:
  // In the order in which they are dealt with.
  enum class Due { kWarning, kEnd, kRenewal };
  class Observer {
   public:
    virtual ~Observer() = default;
    // Something is due: see TakeDue.
    virtual void OnLeaseDue(Time now) = 0;
  };

  Schedule(Agenda& agenda, Observer& observer);

  // There is no hold: the lease ends at `end`.
  void EndAt(Time end);
  // The session has let go: what was announced to it does not count any more.
  void ForgetAnnounced() { announced_ = Time(); }
  // The hold lasts until `hold_end`, and the lease of `ttl` until `lease_end`. A loss is announced a
  // little before it happens. `warns`: and a warning is due before the lease ends.
  void OnHoldEnd(Time now, Time hold_end, Time lease_end, Duration ttl, bool warns);
  void RenewAt(Time at);
  // The hold is over, and the lease is to be kept until then (rule I1).
  void Keep(Time until);
  // The start of time if it is not kept.
  Time kept_until() const { return kept_until_; }
  void SetAnnounced(Time announced) { announced_ = announced; }
  // The latest deadline that the hold ever had.
  Time announced() const { return announced_; }

  // Takes the first thing that is due, if any is.
  std::optional<Due> TakeDue(Time now);
  // Sets the alarm for the next.
  void Arm();

 private:
  static constexpr Time kNever = Time::max();

  Time announced_;
  Time kept_until_;
  Time warn_at_ = kNever;
  Time end_at_ = kNever;  // of the hold if there is one, else of the lease
  Time renew_at_ = kNever;
  Alarm alarm_;  // for the first of the three
};

}  // namespace redlockd::engine
