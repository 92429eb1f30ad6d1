#include <algorithm>
#include <utility>

#include "tests/fuzz/engine_world.h"

// The world's nodes, and what they are asked.
namespace redlockd::fuzz {

using namespace engine;
using namespace std::chrono_literals;

namespace {

// The lock of an op; none if it is the node's own.
const std::string* LockOf(const NodeOp& op) {
  return std::visit(
      [](const auto& o) -> const std::string* {
        if constexpr (requires { o.lock; }) {
          return &o.lock;
        } else {
          return nullptr;
        }
      },
      op);
}

bool OfOneLock(const NodeOp& a, const NodeOp& b) {
  const std::string *of_a = LockOf(a), *of_b = LockOf(b);
  return of_a && of_b && *of_a == *of_b;
}

}  // namespace

void World::LinkUp(NodeIndex index) {
  Node& node = nodes_[index];
  if (!node.linked) node.link_run_id = node.run_id;
  node.linked = true;
  NodeFacts facts = node.obedient.Info();
  facts.run_id = node.link_run_id;
  Step(NodeLinkUp{index, facts});
}

void World::LinkDown(NodeIndex index) {
  nodes_[index].linked = false;
  const bool told_first = input_.OneIn(2);
  if (told_first) Step(NodeDown{index, "connection reset"});
  for (std::size_t i = 0; i < asked_.size();) {
    asked_[i].node == index ? Gone(i) : void(++i);
  }
  if (!told_first) Step(NodeDown{index, "connection reset"});
}

void World::NodeTrouble() {
  const NodeIndex index = input_.Below(nodes_.size());
  Node& node = nodes_[index];
  switch (input_.Below(11)) {
    case 0:
    case 1:
      LinkDown(index);
      node.run_id = "run" + std::to_string(++last_run_);
      return node.obedient.Restart(node.run_id);
    case 2:
      return node.obedient.Flush();
    case 3: {  // another daemon takes a lock there, with a fence of its own
      const auto ahead = static_cast<Fence>(input_.Number(3) % 200'000);
      const AcquireOp theirs{AnyName(), "other:1:h", std::chrono::milliseconds(input_.Byte()),
                             node.obedient.Clock(now_) + ahead};
      node.obedient.Run(now_, options_.timing, node.run_id, theirs);
      return;
    }
    case 4:
      return node.obedient.Forget(AnyName());
    case 5:
      node.obedient.evicted_keys += input_.Byte();
      return;
    case 6:
      node.obedient.maxmemory_policy = input_.OneIn(2) ? "allkeys-lru" : "noeviction";
      return;
    case 7:
      node.obedient.master = input_.OneIn(2);
      return;
    case 8:  // beyond what is assumed
      checker_.NodesLie();
      node.obedient.clock_off +=
          std::chrono::milliseconds(static_cast<int>(input_.Number(2)) - 32768);
      return;
    case 10:  // another daemon wants a lock there
      return node.obedient.PutWant(now_, AnyName(), input_.OneIn(2) ? "a" : "other",
                                   node.obedient.Clock(now_) + input_.Byte() - 128,
                                   std::chrono::milliseconds(4 * input_.Byte()));
    default:  // the same server under two addresses
      checker_.NodesLie();
      node.link_run_id = nodes_[input_.Below(nodes_.size())].run_id;
      return;
  }
}

// Of whatever lock, whether the node has reason to say so or not; or that it says more of that, or
// no more.
void World::Hint() {
  const std::size_t what = input_.Below(7);
  const NodeIndex node = input_.Below(nodes_.size());
  if (what == 4) return Step(NodeSubscribed{node, input_.OneIn(2)});
  if (what == 5) return Step(HolderAsked{node, 1, input_.Byte(), "other", AnyName()});
  if (what == 6) return Step(Named(node));
  NodeHint hint{node, static_cast<NodeHint::Kind>(what), AnyName()};
  if (hint.kind == NodeHint::Kind::kNext) hint.rest = std::chrono::milliseconds(input_.Byte());
  if (hint.kind == NodeHint::Kind::kBroken) hint.attempt = 1 + input_.Byte();
  Step(hint);
}

// The answer to a question, or to none.
HolderNamed World::Named(NodeIndex node) {
  HolderNamed named{.node = node, .inquiry = input_.OneIn(2) ? last_inquiry_ : input_.Byte()};
  if (input_.OneIn(4)) return named;
  named.holder = HolderFacts{.fence = 1 + input_.Byte(), .note = "a note"};
  return named;
}

// --- what was asked -----------------------------------------------------------------------------

std::optional<std::size_t> World::AnyAsked() {
  if (asked_.empty()) return std::nullopt;
  std::size_t any = input_.Below(std::min<std::size_t>(asked_.size(), 256));
  for (std::size_t i = 0; i < any; ++i) {
    if (asked_[i].node != asked_[any].node || !OfOneLock(asked_[i].op, asked_[any].op)) continue;
    any = i;
    i = static_cast<std::size_t>(-1);  // what is before that one
  }
  return any;
}

World::Asked World::Take(std::size_t at) {
  Asked asked = std::move(asked_[at]);
  asked_.erase(asked_.begin() + static_cast<std::ptrdiff_t>(at));
  return asked;
}

void World::RunOnNode(Asked& asked) {
  if (asked.answer) return;
  Node& node = nodes_[asked.node];
  asked.answer = node.obedient.Run(now_, options_.timing, node.link_run_id, asked.op);
  asked.answer->node = asked.node;
  asked.answer->ticket = asked.ticket;
}

void World::Answer(std::size_t at) {
  RunOnNode(asked_[at]);
  Step(*Take(at).answer);
}

// The node will not, for a reason of its own, and has done nothing.
void World::Refuse(std::size_t at) {
  if (asked_[at].answer) return Answer(at);
  const Asked asked = Take(at);
  constexpr Verdict kReasons[] = {Verdict::kError, Verdict::kSkew, Verdict::kQuarantine,
                                  Verdict::kSettings, Verdict::kAmnesia};
  NodeAnswer answer;
  answer.node = asked.node;
  answer.ticket = asked.ticket;
  answer.verdict = kReasons[input_.Below(std::size(kReasons))];
  answer.text = "no";
  if (answer.verdict != Verdict::kError) {
    answer.node_time = nodes_[asked.node].obedient.Clock(now_);
    answer.left = std::chrono::milliseconds(input_.Byte());
    if (std::holds_alternative<ProbeOp>(asked.op)) {
      answer.facts = std::make_shared<NodeFacts>(nodes_[asked.node].obedient.Info());
    }
  }
  Step(answer);
}

// Any answer that redis/reply.h lets through.
void World::Lie(std::size_t at) {
  checker_.NodesLie();
  const Asked asked = Take(at);
  constexpr std::uint64_t kExact = (std::uint64_t{1} << 53) + 1;
  const NodeTime time = nodes_[asked.node].obedient.Clock(now_);
  NodeAnswer answer;
  answer.node = asked.node;
  answer.ticket = asked.ticket;
  answer.verdict = static_cast<Verdict>(input_.Below(11));
  if (answer.verdict == Verdict::kError) return Step(answer);
  const std::uint8_t how = input_.Byte();
  answer.node_time = how & 1 ? 1 + static_cast<NodeTime>(input_.Number(7) % (kExact - 1)) : time;
  answer.fence = how & 2 ? static_cast<Fence>(input_.Number(7) % kExact) : time + how;
  answer.left = how & 4 ? std::chrono::microseconds(input_.Number(6) % 315'360'000'000'000) : 50ms;
  if (how & 8) answer.text = input_.Text(5);
  answer.wanted = how & 64;
  if (how & 32) answer.place = input_.Byte();
  if (how & 128) answer.greatest = static_cast<Stamp>(input_.Number(7) % kExact);
  if (std::holds_alternative<ProbeOp>(asked.op)) {
    NodeFacts facts = nodes_[asked.node].obedient.Info();
    if (how & 16) facts.run_id = "run" + std::to_string(input_.Byte());
    if (how & 32) facts.node_id = input_.Text(input_.Below(4));
    if (how & 64) facts.set = input_.Text(input_.Below(8));
    answer.facts = std::make_shared<NodeFacts>(std::move(facts));
  }
  Step(answer);
}

void World::TimeOut(std::size_t at) {
  if (std::exchange(asked_[at].timed_out, true)) return;
  const Asked& asked = asked_[at];
  Step(NodeSilence{asked.node, asked.ticket, false});
}

void World::Gone(std::size_t at) {
  const Asked asked = Take(at);
  Step(NodeSilence{asked.node, asked.ticket, true});
}

void World::AnswerAll() {
  // An answer asks the next; a node that never settles would ask forever.
  for (int most = 200; !asked_.empty() && most > 0; --most) {
    nodes_[asked_[0].node].linked ? Answer(0) : Gone(0);
  }
}

}  // namespace redlockd::fuzz
