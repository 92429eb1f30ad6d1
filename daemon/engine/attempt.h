#pragma once

#include <cstdint>
#include <memory>

#include "daemon/engine/attempt_gate.h"
#include "daemon/engine/ballot.h"
#include "daemon/engine/types.h"

namespace redlockd::engine {

// The rounds by which an owner value becomes a lease, or does not (rules A3, A4): a first round, in
// which nodes vote for a fence each, and where they do not agree a confirm round for one of them. Who
// is far from its turn begins with a stand, in which nodes say whether they would vote (rule E8.3).
// Who wants to share the lock (rule F8) hears which fence each node has given out last, and where a majority
// has none that is great enough, has it raised in place of the confirm round.
// Counts answers; asks no nodes, and knows nothing of promises.
class Attempt {
 public:
  enum class Result {
    kOpen,      // answers that matter are still out
    kWon,       // a majority has stored one fence
    kTurn,      // a majority would vote: a first round is next
    kConfirm,   // a majority voted, but not for one fence: a confirm round is next
    kAgain,     // the confirm round failed: another first round is next
    kRefused,   // a majority answered, and it is not won
    kNoQuorum,  // too few nodes can answer
  };

  // `pass` lets it through the gate for as long as it is under way.
  explicit Attempt(AttemptGate::Pass pass, Mode mode = Mode::kExclusive)
      : mode_(mode), pass_(std::move(pass)) {}

  void BeginStand(Time now, std::size_t nodes, NodeSet asked);
  void BeginFirstRound(Time now, std::size_t nodes, NodeSet asked);
  // After kConfirm.
  void BeginConfirmRound(std::size_t nodes, NodeSet asked);
  // How many fences it asks for.
  void AskForBlock(Fence size) { block_ = size; }
  Fence block() const { return block_; }
  bool HasAsked() const { return ballot_ != nullptr; }
  // What the round that is out asks for.
  Ticket::Kind asks() const { return asks_; }
  unsigned first_rounds() const { return first_rounds_; }
  // When the last stand or first round was asked.
  Time asked() const { return asked_; }
  // In a confirm round: the fence that nodes are asked to confirm (T of rule A4), or to raise theirs to.
  Fence confirmed() const { return confirmed_; }

  // What a node answered in the round, or why it did not. `votes`: its vote counts.
  void OnAnswer(const NodeAnswer& answer, bool votes);
  void OnSilence(const NodeSilence& silence);
  Result Judge() const;
  // kWon: the first fence of the block, or the one of all who share the lock.
  Fence Won() const;

  Ballot& ballot() { return *ballot_; }
  AttemptGate::Pass TakePass() { return std::move(pass_); }

 private:
  void TakeConfirmation(const NodeAnswer& answer, bool votes);
  bool IsFirstOfShared() const { return mode_ == Mode::kShared && asks_ == Ticket::Kind::kAttempt; }

  const Mode mode_;
  Ticket::Kind asks_ = Ticket::Kind::kAttempt;
  unsigned first_rounds_ = 0;
  Time asked_;
  Fence block_ = 1;
  Fence confirmed_ = 0;
  std::unique_ptr<Ballot> ballot_;
  AttemptGate::Pass pass_;
};

}  // namespace redlockd::engine
