#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/engine/agenda.h"
#include "daemon/engine/attempt_gate.h"
#include "daemon/engine/ballot.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/new_names.h"
#include "daemon/engine/node_table.h"
#include "daemon/engine/outbox.h"
#include "daemon/engine/release_table.h"
#include "daemon/engine/renewal_table.h"
#include "daemon/engine/session_table.h"
#include "daemon/engine/validity.h"
#include "daemon/engine/want.h"

namespace redlockd::engine {

class Lock;

// What all locks of an engine share.
struct Shared {
  Shared(EngineOptions options, Random& random, NodeTable::Observer& of_nodes,
         ReleaseTable::Observer& of_releases);

  EngineOptions options;
  Random& random;
  Agenda agenda;
  Outbox outbox;
  NodeTable nodes;
  SessionTable sessions;
  AttemptGate gate;  // outlives the passes that releases have
  ReleaseTable releases;
  RenewalTable renewals;
  NewNames new_names;
  Counters counters;
  std::size_t holds = 0;  // that there are
  std::size_t waits = 0;
  bool draining = false;  // nothing is granted any more
  AttemptNumber last_attempt = 0;
  std::unordered_map<AttemptNumber, Lock*> by_attempt;  // whose answers go where
  std::vector<std::string> idle;  // locks that may have become Idle in this step
};

// One lock on this host: its line of waiting sessions, the one attempt that contends for it on the
// nodes (rule C11), and the lease and the holds that come of it.
//
//   idle -> first round <-> confirm -> leased -> idle         (let go, or lost at the deadline)
//             |   ^                      '-> kept -> idle     (ended by the daemon, rule C9)
//             v   |
//            back-off
//
// A lease has a hold, or waits for what it takes to hand it on (a fence, enough time), or lingers.
// Owns its waiters, its alarms and the lease; the release of an owner value goes to ReleaseTable.
class Lock {
 public:
  Lock(Shared& shared, std::string name);
  ~Lock();
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  // From sessions. The engine has checked that the session is there, is within its limits and does
  // not use this lock yet.
  void Request(Time now, const LockRequested& request);
  // The session holds it, with the fence `fence` if one is given.
  bool HeldBy(SessionId session, std::optional<Fence> fence) const;
  bool HeldWith(Fence fence) const;
  void Unlock(Time now, const UnlockRequested& request);
  // False if that request does not wait here.
  bool Cancel(Time now, SessionId session, RequestId request);
  void InputEnded(Time now, SessionId session);
  void SessionClosed(Time now, SessionId session);
  void SessionDropped(Time now, SessionId session);

  // From nodes: answers that carry the attempt in hand.
  void Acquired(Time now, const NodeAnswer& answer);
  void Confirmed(Time now, const NodeAnswer& answer);
  void Renewed(Time now, const NodeAnswer& answer);
  void Missed(Time now, const NodeSilence& silence);
  // From other daemons, and from nodes for them (rules E1-E7).
  void Wanted(Time now);
  void Freed(Time now, NodeIndex node);
  void Released(Time now);
  void Saw(Time now, Stamp greatest);
  void VotersChanged(Time now);
  void PromisesVoid(Time now, NodeIndex node);

  // Asks the nodes for it, or stands before the gate until it is called again.
  void Attempt(Time now);

  void Drain(Time now);  // no more grants
  void DrainOver();      // end the hold, keep the keys

  // Nothing left to do for it, or to remember; the engine may forget it.
  bool Idle() const;
  std::optional<SessionId> Holder() const;
  // The nodes may have its key by a promise that this daemon counted on.
  bool HasLease() const;
  const std::string& name() const { return name_; }
  // What `check` answers. Only while it is held.
  Checked Check() const;
  std::optional<HoldView> ViewHold(Time now) const;
  void ViewWaits(std::vector<WaitView>& views) const;
  // Appends the rows from `place` on, until there are `most`.
  void ViewRows(Time now, std::size_t place, std::size_t most, std::vector<RowView>& rows) const;

 private:
  struct Waiter;
  WaitView ViewWait(const Waiter& waiter, std::size_t place) const;
  struct Hold;
  struct Lease;
  struct Contest;
  struct FailedRound;
  using Waiters = std::list<std::unique_ptr<Waiter>>;

  // Made when it is not there. Gone again once there is nothing that it has to remember.
  Contest& contest();
  void DropContest();

  // lock_wait.cc: the line
  void Fail(Waiters::iterator waiter, Failure failure, std::string text);
  Waiters::iterator FindWaiter(SessionId session);
  // Somebody here may get it by what is under way.
  bool IsContended() const;
  std::string WhyBusy() const;
  // First in line, and not told by the nodes yet that another has it.
  bool IsUndecided(Time now, const Waiter& waiter) const;
  bool IsSplit(const Waiter& waiter, Time at) const;
  Duration TryPatience() const;
  // It is not to wait any longer than it takes to know whether another has it.
  bool IsInHaste(const Waiter& waiter) const;
  const Waiter& FirstTry() const;
  void EndWaits(Time now, const FailedRound& round);
  bool Ends(Time now, Waiter& waiter, const FailedRound& round) const;
  void EndWait(Time now, Waiters::iterator waiter, const FailedRound& round);
  void EndTries();
  bool StandsBeforeGate() const;
  void WaitOver(Time now, SessionId session);
  // Someone left the line, or the lease is gone: go on with who is first now.
  void Proceed(Time now);
  void KeepPlaceOfFirst(Time now);
  std::uint32_t FirstUid() const;
  bool MayAsk() const;
  void NobodyWaits(Time now);
  void NoteQuorum(Time now, bool reached);
  void FailTheImpatient(Time now);

  // lock_acquire.cc: from an attempt to a grant
  bool Acquiring() const;
  void StandBeforeGate(Time now);
  void FirstRound(Time now);
  Queueing QueueingOfRound(Time now, Stamp clock);
  void AskAcquire(Time now, NodeSet nodes, Fence proposal, Fence block, Queueing queueing);
  void ConfirmRound(Time now);
  void TakeVote(const NodeAnswer& answer, bool votes);
  void JudgeRound(Time now);
  void RoundFailed(Time now, Ballot::Result result);
  Duration UntilNextAttempt(Time now, bool reached, const Ballot* ballot);
  void LearnFence(Time now, Fence stored);
  Fence BlockFrom(Time now, Fence proposal) const;
  bool IsPlausible(std::int64_t clock, Fence fence) const;
  void Leased(Time now, Fence fence);

  // lock_pass.cc: from the end of a hold to the next, or to the end of the lease
  bool Passing() const;
  void NoteWanted(Time now);
  void NoteQueue(Time now, Stamp greatest);
  // After an answer that the next in line may wait for.
  void GoOn(Time now);
  bool TenureOver(Time now) const;
  void Rest(Time now);
  bool MayPassOn(Time now) const;
  void PassOn(Time now);
  void Linger(Time now);
  void HandOn(Time now);
  void Give(Time now);
  void AskBlockAhead(Time now);
  void AskBlock(Time now);
  void JudgeBlock(Time now);
  // Forgets the lease and has its owner value released everywhere (rule C4).
  enum class Queue { kStay, kLeave };
  void LetGo(Time now, Queue queue, std::optional<ReleaseTable::Waiter> waiter = std::nullopt);
  void LeaveQueue(Time now);
  std::string Owner(AttemptNumber attempt) const;
  // The back-off ends before its time.
  void StopBackingOff(Time now);

  // lock_hold.cc: from the grant to the end
  void LeaseDue(Time now);
  void RenewHold(Time now);
  void RenewRound(Time now);
  void BeginRound(Time now);
  void Join(NodeSet nodes);
  void Heal(Time now, NodeSet nodes);
  void Promised(Time now, const NodeAnswer& answer);
  void PartOfRoundDone(const NodeAnswer& answer, bool acked);
  // An answer or a silence: the round is over when nobody is open any more.
  void CloseInRound(NodeIndex node);
  void SetDeadline(Time now);
  void WarnHolder(bool jeopardy);
  void TellHolder(Notice::Kind kind, LossReason reason = LossReason::kNone) const;
  std::string WhyInDanger(Notice::Kind kind, LossReason reason) const;
  void EndReached(Time now);
  void Lose(LossReason reason);
  void Keep(SessionId session);

  Shared& shared_;
  const std::string name_;
  std::size_t tries_ = 0;  // of the waiters
  Waiters waiters_;
  std::unique_ptr<Lease> lease_;
  std::unique_ptr<Hold> hold_;
  const Duration linger_;
  bool owes_rest_ = false;  // the next lease does
  Fence known_fence_ = 0;   // the last plausible one (rule A5)
  std::unique_ptr<Contest> contest_;
};

}  // namespace redlockd::engine
