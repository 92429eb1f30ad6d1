#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/engine/engine.h"
#include "tests/fuzz/engine_ledger.h"

namespace redlockd::fuzz {

// Follows one engine from outside, by the events it gets and the effects it gives, and ends the
// process at the first effect that should not be. Timers must not be due when another event than
// TimePassed is stepped.
class Checker {
 public:
  explicit Checker(const engine::EngineOptions& options) : options_(options), ledger_(options) {}

  void Before(engine::Time now, const engine::Event& event);
  void After(engine::Time now, const engine::Engine& engine, const engine::Effects& effects);

  // From now on the nodes do what they may not: fences may fall, leases may end early.
  void NodesLie() { nodes_lie_ = true; }
  bool AllAnswered() const { return open_.empty(); }
  std::string Unanswered() const;
  // That this request, not answered yet, asked for; "" if it is none of that kind.
  std::string LockOf(engine::SessionId session, engine::RequestId request) const;

 private:
  using Call = std::pair<engine::SessionId, engine::RequestId>;
  struct Hold {
    engine::SessionId session;
    engine::Fence fence;
    std::string owner;
    engine::Duration ttl;
    bool renewed_events;
    bool wanted_events;
    engine::Time deadline;
    engine::Time announced;  // the latest deadline that it ever had
    bool jeopardy = false;
    bool wanted = false;      // it was told so
    bool moved_back = false;  // a JEOPARDY of this step told so
    engine::Time min_hold;    // its end
    engine::TaskId task;
  };
  struct Kept {  // rule I1
    std::string owner;
    engine::Time until;     // in any case: what was announced
    engine::Time min_hold;  // as long as the lease lasts
    std::uint32_t uid;
    bool MayBeLonger() const { return min_hold > until; }
  };
  // What is still to be answered, and what alone can be the answer where that is known.
  struct Open {
    engine::Event request;
    engine::Time since;
    std::optional<engine::Failure> failure{};
    engine::Fence fence = 0;  // of the hold that an unlock has ended
    bool cancelled = false;
  };

  void On(const engine::SessionOpened& e);
  void On(const engine::SessionInputEnded& e);
  void On(const engine::SessionClosed& e);
  void On(const engine::SessionDropped& e);
  void On(const engine::LockRequested& e);
  void On(const engine::UnlockRequested& e);
  void On(const engine::BreakRequested& e);
  void On(const engine::CheckRequested& e);
  void On(const engine::CancelRequested& e);
  void On(const engine::ShowRequested& e) { OpenCall(e); }
  void On(const engine::WatchRequested& e);
  void On(const engine::UnwatchRequested& e);
  void On(const engine::TrustEmptyRequested& e) { OpenCall(e); }
  void On(const engine::AdoptRequested& e) { OpenCall(e); }
  void On(const engine::NodeAnswer& e);
  void On(const engine::NodeSilence& e);
  void On(const engine::DrainRequested&) { draining_ = true; }
  void On(const auto&) {}

  template <class Request>
  Open& OpenCall(const Request& e);
  std::optional<engine::Failure> WhyNot(const engine::LockRequested& e) const;
  const Hold* HoldOf(engine::SessionId session, const std::string& name) const;
  bool QuotaIsMet(const std::string& name) const;
  std::size_t LocksOf(engine::SessionId session) const;
  std::optional<Call> FirstInLine(const std::string& name) const;
  void Keep(std::string name, engine::Time until);  // by value: it ends the hold that has it

  void On(const engine::AskNodes& ask);
  void OnOp(const engine::AskNodes& ask, const engine::AcquireOp& op);
  void OnOp(const engine::AskNodes& ask, const engine::ConfirmOp& op);
  void OnOp(const engine::AskNodes& ask, const engine::RenewOp& op);
  void OnOp(const engine::AskNodes& ask, const engine::ReleaseOp& op);
  void OnOp(const engine::AskNodes& ask, const auto& op);
  void NoneOnItsWay(const std::string& owner, const engine::NodeSet& nodes) const;
  void OnItsWay(const engine::AskNodes& ask, const std::string& owner);
  void ForWhom(const std::string& lock, const std::string& owner, engine::Duration ttl) const;
  bool HasLease(const std::string& lock) const;
  void On(const engine::AnswerClient& answer);
  void OnAnswer(const Open& open, const engine::Granted& granted);
  void OnAnswer(const Open& open, const engine::Released& released);
  void OnAnswer(const Open& open, const engine::Checked& checked);
  void OnAnswer(const Open& open, const engine::Done&);
  void OnAnswer(const Open& open, const engine::WaitCancelled&);
  void OnAnswer(const Open& open, const engine::Broken& broken);
  void OnAnswer(const Open& open, const engine::Shown& shown);
  void OnAnswer(const Open& open, const engine::NodesSet& set);
  void OnAnswer(const Open& open, const engine::Failed& failed);
  void OnDeadlock(const engine::LockRequested& e, const std::vector<engine::InCycle>& cycle) const;
  void OnLockFailed(const Open& open, const engine::LockRequested& e, engine::Failure failure);
  void On(const engine::NotifyClient& tell);
  void On(const engine::NotifyWatchers& tell);
  void On(const engine::Audited& audited);
  void On(const engine::NodeChanged& change);
  void On(const engine::Warned&) {}

  void TakeAnswer(const engine::Engine& engine);
  void CompareHolds(const engine::Engine& engine);
  void CompareKept(const engine::Engine& engine);
  void CompareWaits(const engine::Engine& engine) const;
  void CheckEntries() const;
  std::set<std::string> WaitsOf(const engine::TaskId& task) const;
  void CheckCycles() const;

  const engine::EngineOptions& options_;
  engine::Time now_;
  std::map<engine::SessionId, std::uint32_t> sessions_;         // and their uids
  std::set<engine::SessionId> ended_;                           // no more input
  std::map<engine::SessionId, std::set<std::string>> watches_;  // "": of all locks
  std::map<Call, Open> open_;
  std::vector<Call> line_;  // those of open_ that are locks, in the order of their coming
  std::map<std::string, Hold> holds_;
  std::map<std::string, engine::Fence> audited_;  // of those that hold; all locks are audited
  std::map<std::string, Kept> kept_;
  std::map<std::string, std::string> attempts_;  // lock, and its newest owner value
  std::map<std::string, std::string> lock_of_owner_;
  std::map<std::string, std::string> leased_;  // lock, and the owner value last granted
  std::map<std::string, engine::Fence> last_fence_;
  // Acquires and renewals without an answer: node and ticket, and the owner values.
  using Question =
      std::tuple<engine::NodeIndex, engine::Ticket::Kind, std::uint64_t, std::uint32_t>;
  std::multimap<Question, std::string> asked_;
  // Nodes that were asked to enter this daemon in the lock's queue, and not to take it out since.
  std::map<std::string, engine::NodeSet> entries_;
  // Rounds that enter it only where they are refused, and their locks.
  std::map<std::pair<std::uint64_t, std::uint32_t>, std::string> if_refused_;
  Ledger ledger_;
  std::optional<engine::NodeAnswer> answer_;  // of this step, not in the ledger yet
  engine::NodeSet votes_;                     // nodes that may vote
  std::set<std::string> released_;            // owner values
  std::uint64_t grants_ = 0;
  bool draining_ = false;
  bool nodes_lie_ = false;
};

}  // namespace redlockd::fuzz
