#include <algorithm>
#include <variant>

#include "tests/fuzz/check.h"
#include "tests/fuzz/engine_checker.h"

// What the checker says of questions to nodes.
namespace redlockd::fuzz {

using namespace engine;

void Checker::On(const AskNodes& ask) {
  FUZZ_CHECK(ask.nodes.any() && (ask.nodes >> options_.nodes).none(), "asks nobody, or a stranger");
  FUZZ_CHECK(ask.ticket.asked == now_, "asked at another time");
  ledger_.Asked(ask);
  std::visit([&](const auto& op) { OnOp(ask, op); }, ask.op);
}

// At most one acquire or renewal of a lease at a time on a node, once it is held (rule C5).
void Checker::NoneOnItsWay(const std::string& owner, const NodeSet& nodes) const {
  for (const auto& [question, asked_for] : asked_) {
    FUZZ_CHECK(asked_for != owner || !nodes.test(std::get<0>(question)), "asked twice at a time");
  }
}

void Checker::OnItsWay(const AskNodes& ask, const std::string& owner) {
  const auto& [kind, round, subject, asked] = ask.ticket;
  for (NodeIndex i = 0; i < options_.nodes; ++i) {
    if (ask.nodes.test(i)) asked_.emplace(Question(i, kind, subject, round), owner);
  }
}

// A lease is asked for once more, for its holder or for who is next (rules B3, C5, C6, C10).
void Checker::ForWhom(const std::string& lock, const std::string& owner, Duration ttl) const {
  FUZZ_CHECK(!released_.contains(owner), "asks again for what was let go (rule C4)");
  const auto hold = holds_.find(lock);
  if (hold != holds_.end()) {
    FUZZ_CHECK(hold->second.owner == owner, "asks for what is held here (rule C11)");
    FUZZ_CHECK(hold->second.ttl == ttl, "another ttl (rule C10)");
    return;
  }
  const auto kept = kept_.find(lock);
  if (kept != kept_.end()) {
    FUZZ_CHECK(kept->second.owner == owner, "acquires what is kept (rule C9)");
    FUZZ_CHECK(kept->second.MayBeLonger(), "asks for what was given up (rule C9)");
    FUZZ_CHECK(ttl == options_.timing.TtlFor(kept->second.min_hold - now_), "not until its end");
    return;
  }
  const auto first = FirstInLine(lock);
  FUZZ_CHECK(first, "asks for nobody (rule E4)");
  const auto& request = std::get<LockRequested>(open_.at(*first).request);
  FUZZ_CHECK(ttl == request.ttl.value_or(options_.timing.ttl), "not the ttl of who is first");
}

void Checker::OnOp(const AskNodes& ask, const AcquireOp& op) {
  const auto [lock, is_new] = lock_of_owner_.emplace(op.owner, op.lock);
  FUZZ_CHECK(lock->second == op.lock, "an owner value of two locks (rule A1)");
  const bool is_stand = op.queueing == Queueing::kStand;
  FUZZ_CHECK(is_stand == (ask.ticket.kind == Ticket::Kind::kStand), "a stand, or none (rule E8.3)");
  FUZZ_CHECK(op.proposal > 0 || is_stand || nodes_lie_, "proposes no fence");
  FUZZ_CHECK(op.block >= 1 && op.block <= 64, "a block too great, or none (rule A8)");
  ForWhom(op.lock, op.owner, op.ttl);
  const bool leased = leased_[op.lock] == op.owner;
  if (leased) {
    NoneOnItsWay(op.owner, ask.nodes);
    FUZZ_CHECK(op.queueing == Queueing::kIgnore, "waits for its turn with what it has");
    FUZZ_CHECK(op.proposal >= last_fence_[op.lock], "proposes what was granted (rules B3, C6)");
  } else {
    FUZZ_CHECK(is_new || attempts_[op.lock] == op.owner, "an owner value again (rule C1)");
    attempts_[op.lock] = op.owner;
  }
  const bool enters =
      op.queueing == Queueing::kIfRefused || op.queueing == Queueing::kAlways || is_stand;
  if (enters) {
    const auto& first = std::get<LockRequested>(open_.at(*FirstInLine(op.lock)).request);
    const bool is_try = first.wait == Duration(0);
    FUZZ_CHECK(!is_try || op.queueing == Queueing::kAlways, "a try's first round (rule E6.8)");
    FUZZ_CHECK(op.stamp > 0 || nodes_lie_, "enters without a stamp");
    FUZZ_CHECK(op.grace > Duration(0) && op.most_life > Duration(0),
               "an entry that is never fresh");
    entries_[op.lock] |= ask.nodes;
    if (op.queueing == Queueing::kIfRefused) {
      if_refused_[{ask.ticket.subject, ask.ticket.round}] = op.lock;
    }
  }
  OnItsWay(ask, op.owner);
}

void Checker::OnOp(const AskNodes&, const ConfirmOp& op) {
  FUZZ_CHECK(!holds_.contains(op.lock) && !kept_.contains(op.lock), "confirms what is held");
  FUZZ_CHECK(attempts_[op.lock] == op.owner, "confirms what it did not acquire");
  FUZZ_CHECK(FirstInLine(op.lock), "confirms for nobody");
}

void Checker::OnOp(const AskNodes& ask, const RenewOp& op) {
  FUZZ_CHECK(leased_[op.lock] == op.owner, "renews what it does not have");
  ForWhom(op.lock, op.owner, op.ttl);
  NoneOnItsWay(op.owner, ask.nodes);
  OnItsWay(ask, op.owner);
}

void Checker::OnOp(const AskNodes& ask, const ReleaseOp& op) {
  const auto hold = holds_.find(op.lock);
  FUZZ_CHECK(hold == holds_.end() || hold->second.owner != op.owner, "releases what is held");
  const auto kept = kept_.find(op.lock);
  FUZZ_CHECK(kept == kept_.end() || kept->second.owner != op.owner || kept->second.until <= now_,
             "releases what is kept");
  // A min-hold whose lease is over ends with that (rule I2), and who is next may be asked for at once.
  if (kept != kept_.end() && kept->second.owner == op.owner) kept_.erase(kept);
  if (op.leave) entries_[op.lock] &= ~ask.nodes;
  if (ask.ticket.subject == 0) return;  // of a vote that does not count, while others may
  const bool is_first = released_.insert(op.owner).second;
  FUZZ_CHECK(!is_first || (ledger_.MayHave(op.owner) & ~ask.nodes).none(),
             "not of all nodes (rule C4)");
}

void Checker::OnOp(const AskNodes& ask, const auto& op) {
  const auto is_open = [this]<class Request>(Request*) {
    return std::any_of(open_.begin(), open_.end(), [](const auto& entry) {
      return std::holds_alternative<Request>(entry.second.request);
    });
  };
  using Op = std::decay_t<decltype(op)>;
  if (std::is_same_v<Op, InspectOp>)
    FUZZ_CHECK(is_open(static_cast<ShowRequested*>(nullptr)), "nobody asked");
  if constexpr (std::is_same_v<Op, NameHolderOp>)
    FUZZ_CHECK(ask.nodes.count() == 1 && op.asker == "other", "answers somebody else");
  if (std::is_same_v<Op, BreakOp>)
    FUZZ_CHECK(is_open(static_cast<BreakRequested*>(nullptr)), "nobody asked");
  if (std::is_same_v<Op, AdoptOp>)
    FUZZ_CHECK(is_open(static_cast<AdoptRequested*>(nullptr)), "nobody asked");
  if (std::is_same_v<Op, TrustOp> && !options_.trust_new_nodes) {
    FUZZ_CHECK(is_open(static_cast<TrustEmptyRequested*>(nullptr)), "trusts by itself");
  }
  FUZZ_CHECK(ask.ticket.kind >= Ticket::Kind::kQuery, "another kind");
}

}  // namespace redlockd::fuzz
