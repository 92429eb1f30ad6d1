#include "daemon/engine/inquiries.h"

#include <algorithm>
#include <utility>

namespace redlockd::engine {

void Inquiries::Answer(Time now, const HolderAsked& asked, const Hold* hold) {
  if (!Admit(now, asked.node)) return;
  NameHolderOp op{.asker = asked.asker, .inquiry = asked.inquiry};
  if (hold) {
    HoldView view = hold->View(now);
    op.holder = HolderFacts{.fence = view.fence,
                            .held = now - view.granted,
                            .pid = sessions_.PidOf(view.session),
                            .uid = sessions_.UidOf(view.session),
                            .note = std::move(view.note)};
  }
  NodeSet node;
  node.set(asked.node);
  outbox_.Ask(node, Ticket{Ticket::Kind::kHolder, 0, asked.inquiry, now}, std::move(op));
}

bool Inquiries::Admit(Time now, NodeIndex node) {
  constexpr Duration kSecond = std::chrono::seconds(1);
  const Time full_at = std::max(full_at_[node], now) + kSecond / kASecond;
  if (full_at > now + kSecond) return false;
  full_at_[node] = full_at;
  return true;
}

}  // namespace redlockd::engine
