#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/engine/contention.h"
#include "daemon/engine/set_acquisition.h"
#include "daemon/engine/set_in_line.h"
#include "daemon/engine/set_lines.h"
#include "daemon/engine/state.h"
#include "daemon/engine/wait_queue.h"

namespace redlockd::engine {

// A request for several locks, all or none (rules G1-G6), from the time that it stands in the lines of all until it is
// answered. It asks for all of its locks at once, when it is first in all its lines and this host has none of them.
// While it waits it has none. Afterwards each is a lock like any other.
class LockSet : public SetInLine, private Contention::Observer {
 public:
  // Who knows all sets: what each has to report to it.
  class Registry : public SetAcquisition::Claims {
   public:
    // An event changed it: it is to be settled. Once until then.
    virtual void Touched(LockSet& set) = 0;
    // That task waits for one lock more. It may be in a cycle now (rule W1): then the youngest request of that
    // is refused at once, which may be this very set.
    virtual void TaskHasMore(TaskId task) = 0;
    // That request is answered, and nothing is left to do for it.
    virtual void Over(SessionId session, RequestId request) = 0;
  };

  // `shared`, `registry` and `locks`, in the order asked, outlive it. The session may have them.
  LockSet(Shared& shared, Registry& registry, const LockRequested& request, std::uint64_t number,
          const std::vector<Lock*>& locks, Time now);
  LockSet(const LockSet&) = delete;
  LockSet& operator=(const LockSet&) = delete;

  // For the next process; none if it is answered. From the former one, right after it was made anew.
  std::optional<record::Set> Save() const;
  void Restore(const record::Set& former);

  SetAcquisition& acquisition() { return acquisition_; }

  // From its session. Cancel returns false if it is answered already.
  bool Cancel();
  void OnInputEnded(Time now);
  void OnSessionClosed();
  // Does what its locks and lines ask for. After each event, if that touched it; after its locks.
  void Settle(Time now);

  std::uint64_t number() const override { return number_; }
  std::optional<Time> until() const override;
  bool IsContended() const override;
  void Touch() override;
  void OnGranted(Granted granted) override;
  void OnRefused(engine::Failed failed) override;
  // Also of all its locks at once, what a claim was answered: without a name then.
  void OnAnswer(Time now, const std::string& lock, const NodeAnswer& answer) override;
  void OnSilence(Time now, const std::string& lock, const NodeSilence& silence) override;
  void OnHint(Time now, const NodeHint& hint) override { acquisition_.OnHint(now, hint); }
  AttemptGate::Pass TakePass() override { return acquisition_.TakePass(); }

 private:
  void OnTurn(Time now) override;
  void OnOutOfPatience(Time now) override;
  void OnWaitOver(Time now);

  bool IsUndecidedHere(Time now) const;
  void SettleAside(Time now);
  void Contend(Time now);
  void ComeBack();
  void Conclude(Time now, const SetAcquisition::Outcome& outcome);
  void Failed(Time now, const FailedAttempt& failed);
  void GrantAll(Time now, bool is_handoff);
  void Refuse(Failure failure, const std::string& lock, std::string text);
  void Refuse(engine::Failed failed);
  void Leave();
  void End(Time now);

  Shared& shared_;
  Registry& registry_;
  const SessionId session_;
  const RequestId request_;
  const std::uint64_t number_;
  SetLines lines_;
  WaitQueue self_;  // it alone, until it is answered
  SetAcquisition acquisition_;
  std::size_t refused_ = 0;                 // the place that was refused last (rule G6)
  std::optional<engine::Granted> granted_;  // so far
  bool is_touched_ = false;
  bool came_back_ = false;  // and has not been settled since
  Alarm aside_alarm_;
};

}  // namespace redlockd::engine
