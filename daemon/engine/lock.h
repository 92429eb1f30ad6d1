#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "daemon/engine/acquisition.h"
#include "daemon/engine/asker.h"
#include "daemon/engine/claim.h"
#include "daemon/engine/contention.h"
#include "daemon/engine/events.h"
#include "daemon/engine/holds.h"
#include "daemon/engine/line.h"
#include "daemon/engine/lock_state.h"
#include "daemon/engine/schedule.h"
#include "daemon/engine/shared.h"
#include "daemon/engine/state.h"

namespace redlockd::engine {

// One lock on this host: the line of sessions that wait for it, its holds, and the claim on the nodes
// that serves both. Events change its parts and touch it; Settle then does what follows from the
// state that they left. LockState has the states, and which may follow which.
class Lock : public Contention::Observer, private Schedule::Observer {
 public:
  using State = LockState;

  // Who knows all locks: what each has to report to it.
  class Registry {
   public:
    virtual ~Registry() = default;
    // An event changed it: it is to be settled. Once until then.
    virtual void Touched(Lock& lock) = 0;
    // There may be nothing left of it (MayBeForgotten); possibly not for the first time.
    virtual void MayBeIdle(const Lock& lock) = 0;
    // The answers to that attempt's questions are for the lock, until the attempt has ended.
    virtual void AttemptBegan(AttemptNumber attempt, Lock& lock) = 0;
    virtual void AttemptEnded(AttemptNumber attempt) = 0;
    // That task waits for one lock more, or holds one more. It may be in a cycle now (rule W1): then
    // the youngest request of that is refused at once, which may be one for this very lock.
    virtual void TaskHasMore(TaskId task) = 0;
  };

  // Both outlive it.
  Lock(Shared& shared, Registry& registry, std::string name);
  ~Lock() override;
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  const std::string& name() const { return claim_.lock(); }
  State state() const { return state_; }
  const Holds& holds() const { return holds_; }
  Line& line() { return line_; }
  Acquisition& acquisition() { return acquisition_; }
  // Nothing is left to do for it, or to remember.
  bool MayBeForgotten() const {
    const Contention* contention = acquisition_.contention();
    return state_ == State::kIdle && passed_over_ == 0 &&
           (!contention || contention->MayBeForgotten());
  }
  // Appends its rows from that place on, until there are `most`.
  void AppendRows(Time now, const RowPlace& from, std::size_t most,
                  std::vector<RowView>& rows) const;

  // What the next process is to know of it, rule H3: a lock, and a release if there is an owner value
  // that nobody holds. And from the former process, into a new lock.
  void Save(Time now, engine::State& state) const;
  void Restore(Time now, const record::Lock& former, FormerAskers& askers);

  // From sessions: the engine has checked that the session holds it, or uses it. Requests go to its
  // line. `joint`: the answer is one for several locks.
  void Unlock(Time now, const UnlockRequested& request,
              std::shared_ptr<JointAnswer> joint = nullptr);
  void OnSessionClosed(Time now, SessionId session);

  // From nodes, about its claim; and from other daemons by way of them (rules E1-E7, I4).
  void OnAnswer(Time now, const NodeAnswer& answer);
  void OnSilence(Time now, const NodeSilence& silence);
  void OnPromisesVoid(Time now, NodeIndex node);
  void OnHint(Time now, const NodeHint& hint);
  // Asks the nodes, or stands before the gate until its turn comes.
  void OnTurn(Time now) override;

  // All holds end, and the lock stays taken: nobody gets it before what was announced to the session
  // is over (rule C9), nor before its min-hold is (rule I2). With `lost` it is the daemon, or
  // an administrator, who ends it; the session is notified, unless that is kNone. `asker` waits until a
  // majority keeps it. Returns until when.
  Time Keep(Time now, std::optional<LossReason> lost, std::optional<Asker> asker = std::nullopt);
  // The daemon ends that hold. Others go on, or it is as above.
  void Lose(Time now, Hold& hold, LossReason reason);
  // Has it settled at the end of the event that is under way.
  void Touch() override;
  // Does what the state asks for. After each event, for each lock that it touched.
  void Settle(Time now);

 private:
  friend class SetPlace;  // what a set does with it, in a file of its own

  void OnOutOfPatience(Time now) override { line_.OnOutOfPatience(now); }
  void OnLeaseDue(Time now) override;

  void ChangeState(State next);
  void Join(Time now);
  void Conclude(Time now, const Acquisition::Outcome& outcome);
  void Grant(Time now, std::unique_ptr<Waiter> waiter, bool is_handoff);
  void Reassign(Time now);
  void TakeNote(Time now, const Claim::Heard& heard);
  void OnEnd(Time now);
  void LetGo(Time now, bool leaves_queue, std::optional<Asker> asker = std::nullopt);

  struct Kept;

  Shared& shared_;
  Registry& registry_;
  State state_ = State::kIdle;
  bool is_touched_ = false;
  bool was_wanted_ = false;        // since the last grant
  std::uint32_t passed_over_ = 0;  // sets that will come back into its line (rule G5)
  Line line_;
  Claim claim_;
  Acquisition acquisition_;
  Holds holds_;
  std::unique_ptr<Kept> kept_;
  // Rule G1: whose attempt the owner value is of, while that is under way; and the lock by whose link it was
  // asked for, as long as it lives.
  SetInLine* taker_ = nullptr;
  std::unique_ptr<const std::string> link_;
};

}  // namespace redlockd::engine
