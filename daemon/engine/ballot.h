#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>

#include "daemon/engine/effects.h"
#include "daemon/engine/types.h"

namespace redlockd::engine {

// Counts the answers to one round of an acquisition, a stand (rule E8.3), a first round (rule A3) or a
// confirm round (rule A4), and says what they decide. Knows nothing of time.
class Ballot {
 public:
  enum class Result {
    kOpen,       // answers that matter are still out
    kAgreed,     // m nodes voted for one fence
    kDisagreed,  // m nodes voted, no m of them for one fence
    kTurn,       // m nodes would vote
    kRefused,    // m nodes answered and a majority of votes has become impossible
    kNoQuorum,   // fewer than m nodes can answer
  };

  Ballot(std::size_t nodes, NodeSet asked);

  // An answer to the acquire that the round asked for. `votes`: the node's vote counts.
  void Take(const NodeAnswer& answer, bool votes);
  void Vote(NodeIndex node, Fence fence);
  // Held by another owner, for `left` longer.
  void Busy(NodeIndex node, std::string owner, Duration left);
  // Free, but another daemon is before this one in the queue (rule E6.2), and has been called: it may
  // take that long to come. 0: it was not.
  void NotTurn(NodeIndex node, Duration rest);
  // It would vote (rule E8.3).
  void Turn(NodeIndex node);
  // Answered, with the lock's own state as the reason: counts as reached.
  void Refuse(NodeIndex node);
  // No answer, and why. One that comes after all takes its place.
  void Miss(NodeIndex node, std::string why);
  // Answered without a vote, for a reason that is the node's.
  void Fail(NodeIndex node, std::string why);
  // The votes are worth nothing any more.
  void FailVotes(const std::string& why);

  Result Judge() const;
  // kAgreed: the fence that m nodes voted for.
  Fence Agreed() const;
  // With m votes: the greatest of the m smallest (rules A4, F8).
  Fence ToConfirm() const;
  // Whether m nodes voted for that fence, or a greater one (rule F8).
  bool IsReached(Fence fence) const;
  std::size_t Votes() const { return voted_.count(); }
  // Voted, or would have.
  NodeSet Free() const { return voted_ | turn_; }
  // Asked, and not waited for any more.
  NodeSet Missed() const { return missed_; }
  // Why each node that was asked has neither voted nor refused.
  NodeFailures Failures() const;
  // The one other owner that was seen on a majority: it holds the lock. Empty if there is none, so
  // that nobody may hold it (rule E7).
  std::string Holder() const;
  // Enough nodes for a majority voted, or would have but for the queue (rule E6.9).
  bool OnlyQueue() const;
  // The shortest time that one of the other owners' keys has left (rule C11).
  std::optional<Duration> ShortestLeft() const { return shortest_left_; }
  // When it is this daemon's turn on enough nodes, if those who were called there do not come (rule
  // E8.7).
  std::optional<Duration> UntilTurn() const;

 private:
  std::optional<Fence> MajorityFence() const;
  void Clear(NodeIndex node);
  void Except(NodeIndex node, NodeSet& set, std::string why);

  std::size_t nodes_;
  NodeSet asked_;
  NodeSet open_;     // asked, not heard of
  NodeSet missed_;   // ... and not waited for any more
  NodeSet failed_;   // answered, neither a vote nor a refusal
  NodeSet refused_;  // busy or refused
  NodeSet not_turn_;
  NodeSet turn_;
  NodeSet voted_;
  std::array<Fence, kMaxNodes> votes_{};  // of those
  std::map<NodeIndex, std::string> owners_;
  std::map<NodeIndex, Duration> rests_;  // of those who were called
  NodeFailures reasons_;                 // of those missed and failed
  std::optional<Duration> shortest_left_;
};

}  // namespace redlockd::engine
