#pragma once

#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "daemon/engine/effects.h"
#include "daemon/event/end_of_turn.h"
#include "daemon/event/hold_ups.h"
#include "daemon/event/loop.h"
#include "daemon/redis/callbacks.h"
#include "daemon/redis/node.h"
#include "daemon/redis/options.h"
#include "daemon/redis/resolver.h"
#include "daemon/redis/subscription.h"

// The redis room: the N nodes, each a few connections that are made again when they break. Carries
// the engine's questions to them and their answers back, and the hints that nodes push. It knows
// how to say an op to Redis (command.h, scripts/) and to read the reply (reply.h); what follows
// from it is the engine's.
namespace redlockd::redis {

class Question;

class Nodes {
 public:
  // Starts connecting. `loop` outlives it. 1..engine::kMaxNodes nodes.
  Nodes(event::Loop& loop, Options options, Callbacks callbacks);
  ~Nodes();
  Nodes(const Nodes&) = delete;
  Nodes& operator=(const Nodes&) = delete;

  // Each node that is asked gives exactly one NodeAnswer or a NodeSilence with gone=true in the
  // end; in between a NodeSilence with gone=false once its command_timeout has passed. A node that
  // cannot be asked now is a silence with gone=true at the end of this turn. All that a link is
  // asked in a turn goes out in one write, and what is asked of one lock in the order of Ask, but for
  // renewals. These go out in as few calls as possible, and so do the releases and the acquires of a
  // turn, which come in this order (rule C16); a claim goes alone, after what was asked of its locks. So a
  // renewal may come before or after what else is
  // asked of its lock: it compares the owner, and the engine asks one question of a node for an owner
  // at a time (rule C5).
  void Ask(engine::AskNodes ask);

  // From now on these count: the logins, TLS and timeouts of the nodes, for connections that are made
  // and what is sent; and how often waiters poll. Connections that are up stay. All else in `options`
  // is as before: the nodes themselves, how many links they have, and what they remember.
  void Change(const Options& options);

  // Returns which connections of a node that is up are missing, and why; empty: none.
  std::string Missing(engine::NodeIndex node) const { return nodes_[node]->Missing(); }

 private:
  // Ops that go to these nodes in one call, while more may join them. One call of many costs a node
  // and this daemon less than as many calls.
  template <class Op>
  struct Batch {
    engine::NodeSet nodes{};
    std::vector<engine::Ticket> tickets{};
    std::vector<Op> ops{};

    bool HasRoomFor(engine::NodeSet to, std::size_t most) const {
      return ops.empty() || (to == nodes && ops.size() < most);
    }
    void Add(engine::NodeSet to, const engine::Ticket& ticket, Op op);
  };
  // Of one link. Releases go first: what was let go may be what is asked for.
  struct LinkBatches {
    Batch<engine::ReleaseOp> releases{};
    Batch<engine::AcquireOp> acquires{};
  };

  LinkBatches& BatchesFor(std::size_t lane, const std::string& lock);
  void SendBatchesBefore(const engine::ClaimOp& claim);
  void Join(engine::RenewOp op, const engine::AskNodes& ask);
  void Join(engine::ReleaseOp op, const engine::AskNodes& ask);
  void Join(engine::AcquireOp op, const engine::AskNodes& ask);
  void SendBatchesOf(LinkBatches& link);
  template <class Op>
  void Send(Batch<Op>& batch);
  void SendBatches();
  void Send(engine::NodeSet nodes, std::span<const engine::Ticket> tickets,
            const Question& question);
  void ReportUnasked();

  Options options_;  // changed in place: links refer to it
  const Callbacks callbacks_;
  std::minstd_rand random_;
  Resolver resolver_;
  event::HoldUps hold_ups_;
  std::map<unsigned long, Batch<engine::RenewOp>> renewals_;  // by the set of nodes
  std::vector<LinkBatches> batches_;                          // by link
  event::EndOfTurn send_batches_;
  std::vector<engine::NodeSilence> unasked_;
  event::EndOfTurn report_unasked_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<Subscription>> subscriptions_;  // one for each, or none at all
};

}  // namespace redlockd::redis
