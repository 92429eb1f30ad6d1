#include "tests/sim/words.h"

#include <array>

#include "daemon/engine/timing.h"

namespace redlockd::sim {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

std::string Number(std::int64_t number) { return std::to_string(number); }

constexpr std::array kVerdicts = {"OK",         "BUSY",     "NOT THE TURN", "THE TURN",
                                  "NOT OWNER",  "PASSED",   "SKEW",         "AMNESIA",
                                  "QUARANTINE", "SETTINGS", "ERROR"};
constexpr std::array kQueueings = {"no want", "a want if refused", "a want", "a stand",
                                   "past the queue"};
constexpr std::array kFailures = {"bad ttl", "not held", "lost",    "deadlock",       "no wait",
                                  "busy",    "timeout",  "no turn", "cancelled",      "no quorum",
                                  "limit",   "draining", "refused", "nothing differs"};
constexpr std::array kNotices = {"RENEWED", "JEOPARDY", "SAFE",    "LOST",
                                 "BROKEN",  "WANTED",   "DRAINING"};
constexpr std::array kHints = {" is wanted", " is free", " is its next", " is broken"};
constexpr std::array kTickets = {"acquire", "claim",   "stand",   "confirm", "heal",
                                 "block",   "renew",   "release", "query",   "holder",
                                 "probe",   "suspect", "trust"};

template <class Words, class Enum>
const char* Word(const Words& words, Enum value) {
  return words.at(static_cast<std::size_t>(value));
}

}  // namespace

std::string ToText(const engine::NodeOp& op) {
  return std::visit(
      Overloaded{
          [](const engine::AcquireOp& o) {
            return "acquire " + o.lock + " " + o.owner + " ttl " + engine::ToText(o.ttl) +
                   " fence " + Number(o.proposal) + " block " + Number(o.block) + " with " +
                   Word(kQueueings, o.queueing) +
                   (o.stamp != 0 ? " of " + Number(o.stamp) : std::string());
          },
          [](const engine::ClaimOp& o) {
            std::string text = "claim";
            for (const engine::ClaimOp::Name& name : o.names) {
              text += " " + name.lock + " " + name.owner + " fence " + Number(name.proposal) +
                      " block " + Number(name.block) + ",";
            }
            return text + " ttl " + engine::ToText(o.ttl) + " with " +
                   Word(kQueueings, o.queueing) +
                   (o.stamp != 0 ? " of " + Number(o.stamp) : std::string());
          },
          [](const engine::ShareOp& o) {
            return "share " + o.lock + " " + o.owner + " ttl " + engine::ToText(o.ttl) + " fence " +
                   Number(o.proposal) + " with " + Word(kQueueings, o.queueing) +
                   (o.stamp != 0 ? " of " + Number(o.stamp) : std::string());
          },
          [](const engine::RaiseOp& o) {
            return "raise " + o.lock + " " + o.owner + " fence " + Number(o.fence);
          },
          [](const engine::ConfirmOp& o) {
            return "confirm " + o.lock + " " + o.owner + " fence " + Number(o.fence) + " block " +
                   Number(o.block);
          },
          [](const engine::RenewOp& o) {
            return "renew " + o.lock + " " + o.owner + " ttl " + engine::ToText(o.ttl);
          },
          [](const engine::ReleaseOp& o) {
            return "release " + o.lock + " " + o.owner + (o.leave ? " and leave" : "");
          },
          [](const engine::BreakOp& o) {
            return "break " + o.lock + " " + o.owner + (o.at_once ? " at once" : "");
          },
          [](const engine::InspectOp& o) { return "inspect " + o.lock; },
          [](const engine::NameHolderOp& o) { return "name a holder to " + o.asker; },
          [](const engine::ProbeOp&) { return std::string("probe"); },
          [](const engine::SuspectOp&) { return std::string("suspect"); },
          [](const engine::TrustOp&) { return std::string("trust"); },
          [](const engine::AdoptOp&) { return std::string("adopt"); },
      },
      op);
}

std::string ToText(const engine::NodeAnswer& answer) {
  std::string text = Word(kVerdicts, answer.verdict) + std::string(" of node ") +
                     std::to_string(answer.node) + " to " + Word(kTickets, answer.ticket.kind);
  if (answer.fence != 0) text += " fence " + Number(answer.fence);
  if (answer.left != engine::Duration(0)) text += " left " + engine::ToText(answer.left);
  if (!answer.text.empty()) text += " (" + answer.text + ")";
  if (answer.greatest != 0) text += " greatest " + Number(answer.greatest);
  if (answer.place != 0) text += " place " + Number(answer.place);
  if (answer.wanted) text += " wanted";
  if (answer.broken) text += " broken";
  for (const engine::NodeAnswer& name : answer.names) {
    text += std::string(", ") + Word(kVerdicts, name.verdict) + " fence " + Number(name.fence);
    if (!name.text.empty()) text += " (" + name.text + ")";
  }
  return text;
}

std::string ToText(const engine::Hint& hint) {
  const auto node = [](const auto& said) { return "node " + std::to_string(said.node) + ": "; };
  return std::visit(
      Overloaded{
          [&](const engine::NodeHint& h) { return node(h) + h.lock + Word(kHints, h.kind); },
          [&](const engine::HolderAsked& h) { return node(h) + "who holds " + h.lock; },
          [&](const engine::HolderNamed& h) {
            return node(h) +
                   (h.holder ? "held by pid " + Number(h.holder->pid) : "nobody holds it");
          },
      },
      hint);
}

std::string ToText(const engine::NodeSet& nodes) {
  std::string text = "nodes";
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    if (nodes.test(n)) text += " " + std::to_string(n);
  }
  return text;
}

std::string ToText(const engine::Answer& answer) {
  return std::visit(
      Overloaded{
          [](const engine::Granted& a) { return a.name + " granted, fence " + Number(a.fence); },
          [](const engine::Released& a) { return a.name + " released, fence " + Number(a.fence); },
          [](const engine::Checked& a) { return a.name + " is held, fence " + Number(a.fence); },
          [](const engine::Done&) { return std::string("done"); },
          [](const engine::WaitCancelled&) { return std::string("the wait is cancelled"); },
          [](const engine::Broken& a) {
            return a.name + " broken, left " + engine::ToText(a.left);
          },
          [](const engine::Shown& a) { return a.name + " shown"; },
          [](const engine::NodesSet&) { return std::string("the nodes are set"); },
          [](const engine::Failed& a) {
            return a.name + " failed: " + Word(kFailures, a.failure) + ", " + a.text;
          },
      },
      answer);
}

std::string ToText(const engine::Notice& notice) {
  return Word(kNotices, notice.kind) + (" " + notice.name) + " fence " + Number(notice.fence);
}

}  // namespace redlockd::sim
