#include "daemon/engine/reasons.h"

#include "daemon/engine/timing.h"

namespace redlockd::engine {
namespace {

// The fence that is stored, or that would be, lies this far ahead of the node's clock (rule A6).
std::string Skew(const NodeAnswer& answer) {
  const Duration ahead = std::chrono::microseconds(answer.fence - answer.node_time);
  if (answer.fence == 0 || ahead <= Duration(0)) {
    return "refused: the fence would be too far ahead of its clock";
  }
  return "refused: the lock's stored fence is " + ToText(ahead) + " ahead of its clock";
}

}  // namespace

std::string ReasonOf(const NodeAnswer& answer) {
  switch (answer.verdict) {
    case Verdict::kOk:
      return "granted it, but does not vote";
    case Verdict::kBusy:
      return "refused: another owner has the lock";
    case Verdict::kNotTurn:
      return "refused: another host is before this one in the lock's queue";
    case Verdict::kTurn:
      return "would grant it, but does not vote";
    case Verdict::kNotOwner:
      return answer.broken ? "says that an administrator broke it" : "no longer has the lock's key";
    case Verdict::kPassed:
      return "refused: it has given out a later fence";
    case Verdict::kSkew:
      return Skew(answer);
    case Verdict::kAmnesia:
      return "refused: it is new or has restarted, ready in " + ToText(answer.left);
    case Verdict::kQuarantine:
      return "refused: it is in quarantine, ready in " + ToText(answer.left);
    case Verdict::kSettings:
      return "refused: its settings differ: " + answer.text;
    case Verdict::kError:
      break;
  }
  return "refused: " + answer.text;
}

std::string ReasonOf(const NodeSilence& silence) {
  if (silence.unasked) return "was not asked: no connection for this lock";
  return silence.gone ? "lost its connection before it answered" : "did not answer in time";
}

std::string ToText(const NodeFailures& failures) {
  std::string text;
  for (const auto& [node, why] : failures) {
    text += (text.empty() ? ": node " : "; node ") + std::to_string(node + 1) + " " + why;
  }
  return text;
}

const char* NameOf(Ticket::Kind kind) {
  switch (kind) {
    case Ticket::Kind::kAttempt:
    case Ticket::Kind::kClaim:
    case Ticket::Kind::kStand:
    case Ticket::Kind::kHeal:
    case Ticket::Kind::kBlock:
      return "an acquisition";
    case Ticket::Kind::kConfirm:
      return "a confirmation";
    case Ticket::Kind::kRenew:
      return "a renewal";
    case Ticket::Kind::kRelease:
      return "a release";
    case Ticket::Kind::kQuery:
      return "a query";
    case Ticket::Kind::kHolder:
      return "an answer to another host";
    case Ticket::Kind::kProbe:
      return "the introduction";
    case Ticket::Kind::kSuspect:
      return "a quarantine";
    case Ticket::Kind::kTrust:
      break;
  }
  return "to end its quarantine";
}

}  // namespace redlockd::engine
