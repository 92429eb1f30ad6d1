#include "libclient/cli/health.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>

#include "libclient/cli/client.h"
#include "libclient/cli/json.h"
#include "libclient/cli/query.h"
#include "libclient/cli/text.h"

namespace redlock::cli {
namespace {

using Clock = std::chrono::steady_clock;

// 0 if it is none.
unsigned Number(const Row& row, std::string_view key) {
  const std::string text = row.Get(key);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : 0;
}

const char* WordOf(Health health) {
  switch (health) {
    case Health::kOk:
      return "ok";
    case Health::kDegraded:
      return "degraded";
    case Health::kNoQuorum:
      return "no-quorum";
    case Health::kNoDaemon:
      return "no-daemon";
  }
  return "";
}

bool Votes(const Row& node) { return node.Get("state") == "up"; }

// `nodes` as the daemon answers it within the time.
Answer AskInTime(const std::string& socket, Duration timeout) {
  const auto end = Clock::now() + timeout;
  Answer answer;
  const ClientPtr client = Connect(socket, &answer.error, &answer.text, timeout.count());
  if (client == nullptr) return answer;
  const Duration left = std::max(Duration(0), Duration(end - Clock::now()));
  redlock_set_answer_timeout(client.get(), left.count());
  return Ask(client.get(), {.kind = QueryOptions::Kind::kNodes});
}

}  // namespace

Health HealthOf(const Answer& nodes) {
  const unsigned up = Number(nodes.last, "up");
  const unsigned quorum = Number(nodes.last, "quorum");
  if (nodes.error != REDLOCK_OK || quorum == 0) return Health::kNoDaemon;
  if (up < quorum) return Health::kNoQuorum;
  return up < Number(nodes.last, "nodes") ? Health::kDegraded : Health::kOk;
}

std::string HealthText(const Answer& nodes) {
  const Health health = HealthOf(nodes);
  std::string text = WordOf(health);
  if (health == Health::kNoDaemon) return text + ": " + Printable(nodes.text) + "\n";
  text += ": " + Printable(nodes.last.Get("up")) + " of " + Printable(nodes.last.Get("nodes")) +
          " nodes vote, " + Printable(nodes.last.Get("quorum")) + " needed";
  for (const Row& node : nodes.rows) {
    if (Votes(node)) continue;
    text += "; node " + Printable(node.Get("node")) + " (" + Printable(node.Get("address")) +
            ") is " + Printable(node.Get("state"));
    if (node.Has("text")) text += ": " + Printable(node.Get("text"));
  }
  return text + "\n";
}

std::string HealthJson(Answer nodes) {
  nodes.last.Add("health", WordOf(HealthOf(nodes)));
  return ToJson(nodes);
}

int PrintHealth(const std::string& socket, const HealthOptions& options) {
  const Answer nodes = AskInTime(socket, options.timeout);
  if (!Print(options.json ? HealthJson(nodes) : HealthText(nodes))) {
    std::perror("redlock: cannot write the answer");
    return kExitOs;
  }
  return static_cast<int>(HealthOf(nodes));
}

}  // namespace redlock::cli
