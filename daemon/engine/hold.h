#pragma once

#include <string>

#include "daemon/engine/claim.h"
#include "daemon/engine/counted.h"
#include "daemon/engine/effects.h"
#include "daemon/engine/shared.h"
#include "daemon/engine/state.h"
#include "daemon/engine/views.h"

namespace redlockd::engine {

// One session's use of a claim, from its grant to its end. Knows until when the session may rely on
// it, has the claim renewed in time for that, and notifies the session of what it must know.
class Hold {
 public:
  struct Terms {
    SessionId session;
    Fence fence;
    std::string note;
    Time ends_at = Time::max();   // with max-hold
    Time kept_until{};            // with min-hold: the lock is not another's before
    bool renewed_events = false;  // the session wants an event for each renewal
    bool wanted_events = false;   // ... and one when another waits for the lock
    TaskId task{};                // none: nobody knows whose it is
  };
  // `shared` and `claim`, which is granted, outlive it.
  Hold(Shared& shared, Claim& claim, Time now, Terms terms);
  // One of the former process goes on. Its deadline may have passed.
  Hold(const record::Hold& former, Shared& shared, Claim& claim, Time now);
  record::Hold Save() const;

  const std::string& lock() const { return claim_.lock(); }
  Claim& claim() const { return claim_; }
  SessionId session() const { return session_; }
  TaskId task() const { return task_; }
  Fence fence() const { return fence_; }
  Time deadline() const { return deadline_; }
  // The latest deadline that its session may rely on.
  Time Announced() const { return has_moved_back_ ? claim_.schedule().announced() : deadline_; }
  Time kept_until() const { return kept_until_; }
  HoldView View(Time now) const;

  // The claim's deadline may have moved, and this hold's with it.
  void MoveDeadline(Time now);
  // Whether a further renewal would let it last longer: with max-hold there is nothing to gain
  // after its end.
  bool CanGain() const;
  // A majority of the nodes did not promise the lease anew, or little of it is left. That matters only
  // where the lease does not last until max-hold ends the hold.
  void OnEndangered();
  // Another waits for the lock: advice, once for each hold (rule I5).
  void OnWanted(By by);
  // For those who watch the lock, and for the log if it is audited: the hold has begun, or is about
  // to end.
  void Report(Time now, WatchNotice::What what, LossReason reason = LossReason::kNone) const;
  // The hold ends without the session, which is notified of the reason, unless that is kNone. The
  // caller destroys it.
  void Lose(Time now, LossReason reason);
  // Why it ends now, at its deadline.
  LossReason AtDeadline() const;

 private:
  // Notifies the session if it was not so before.
  void SetJeopardy(bool jeopardy);
  void Notify(Notice::Kind kind, LossReason reason = LossReason::kNone) const;
  void Audit(WatchNotice notice) const;
  std::string WhyInDanger(Notice::Kind kind, LossReason reason) const;

  Shared& shared_;
  Claim& claim_;
  Counted counted_;
  const Time granted_;
  Time deadline_;  // as announced; moves back by rule D6 alone
  const SessionId session_;
  const TaskId task_;
  const Fence fence_;
  const Time ends_at_;
  const Time kept_until_;
  const std::string note_;
  const bool renewed_events_;
  const bool wanted_events_;
  const bool audited_;
  bool is_in_jeopardy_ = false;
  bool has_moved_back_ = false;
  bool was_wanted_ = false;  // and its session was told
};

}  // namespace redlockd::engine
