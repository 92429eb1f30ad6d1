#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "daemon/engine/lock_set.h"
#include "daemon/engine/lock_table.h"
#include "daemon/engine/state.h"

namespace redlockd::engine {

// The requests for several locks that wait, each by its session and number. Hands what nodes answer to a claim to the
// locks and to the set that it is of; has those settled that an event touched, and forgets those that are over.
class SetTable : private LockSet::Registry {
 public:
  // Both outlive it.
  SetTable(Shared& shared, LockTable& locks) : shared_(shared), locks_(locks) {}

  // The engine has checked that the session is there, is within its limits and uses none of the locks yet.
  void Request(Time now, const LockRequested& request);
  // For the next process, in the order in which they came; and one of the former process, whose locks are
  // there if a session holds them or waits for them alone.
  std::vector<record::Set> Save() const;
  void Restore(const record::Set& former);
  std::uint64_t last() const { return last_; }  // number of any that there was
  void RestoreLast(std::uint64_t last) { last_ = last; }
  // False if that request does not wait, or is for one lock.
  bool Cancel(SessionId session, RequestId request);
  void OnInputEnded(Time now, SessionId session);
  void OnSessionClosed(SessionId session);

  // To a claim, in time or late.
  void OnAnswer(Time now, const NodeAnswer& answer);
  void OnSilence(Time now, const NodeSilence& silence);
  void OnVotersChanged(Time now, bool gained);
  void OnSubscribed(Time now, NodeIndex node, bool subscribed);

  // Settles all that were touched, in the order in which they were. Returns whether there were any.
  bool SettleTouched(Time now);
  void ForgetOver();

 private:
  using Key = std::pair<SessionId, RequestId>;
  // A claim of which nodes may yet say something.
  struct Claim {
    LockSet* set;  // null: the attempt has ended
    std::size_t names;
    std::size_t unheard = 0;  // answers
  };

  void Touched(LockSet& set) override { touched_.push_back(&set); }
  void Asked(AttemptNumber attempt, std::size_t names, NodeSet nodes, LockSet& set) override;
  void AttemptEnded(AttemptNumber attempt) override;
  void TaskHasMore(TaskId task) override { locks_.TaskHasMore(task); }
  void Over(SessionId session, RequestId request) override { over_.push_back({session, request}); }
  void ForgetHeard(AttemptNumber attempt);

  Shared& shared_;
  LockTable& locks_;
  std::uint64_t last_ = 0;
  std::map<Key, std::unique_ptr<LockSet>> sets_;
  std::map<AttemptNumber, Claim> claims_;  // by the first of the consecutive attempts
  std::vector<LockSet*> touched_;
  std::vector<Key> over_;
};

}  // namespace redlockd::engine
