#pragma once

#include <vector>

#include "daemon/engine/hold.h"
#include "daemon/engine/node_op.h"
#include "daemon/engine/outbox.h"
#include "daemon/engine/session_table.h"
#include "daemon/engine/types.h"

namespace redlockd::engine {

// Answers other daemons that ask who holds a lock that this one has (rule E11). Anybody may ask who may
// publish on a node: so the questions that come by way of a node are answered up to a number a second,
// over that node, and others are not.
class Inquiries {
 public:
  static constexpr int kASecond = 64;  // by way of one node

  // `sessions` and `outbox` outlive it.
  Inquiries(std::size_t nodes, const SessionTable& sessions, Outbox& outbox)
      : sessions_(sessions), outbox_(outbox), full_at_(nodes) {}

  // `hold`: of the lock and the attempt that were asked for; null: nobody holds it.
  void Answer(Time now, const HolderAsked& asked, const Hold* hold);

 private:
  bool Admit(Time now, NodeIndex node);

  const SessionTable& sessions_;
  Outbox& outbox_;
  // By node: when as many may be answered at once as in a second.
  std::vector<Time> full_at_;
};

}  // namespace redlockd::engine
