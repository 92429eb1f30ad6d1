#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "daemon/engine/types.h"
#include "daemon/metrics/metrics.h"
#include "daemon/status/survey.h"
#include "daemon/status/timeline.h"

namespace redlockd::status {

// A hold that ended without its client.
struct Loss {
  std::string at;  // "2026-11-28T13:03:07Z"
  std::string name;
  engine::Fence fence = 0;
  std::string reason;  // a word of the protocol
  std::optional<Client> client{};
};

// What the page shows besides what metrics do. It names locks, those that everybody may see.
struct Details {
  std::string host;
  std::string at;  // now, and since when the daemon runs: both as in Loss
  std::string started;
  engine::Time now;
  std::optional<Findings> findings;    // none: no walk has come to its end yet
  const Timeline* timeline = nullptr;  // never null
  std::vector<Loss> losses;            // the newest first
  std::size_t hidden_losses = 0;
};

// What the page reads, as one object of JSON. All of it is ASCII; what is not printable in a name is
// written as \xNN. Times are numbers of seconds, and their keys say so.
std::string ToJson(const metrics::Snapshot& now, const Details& details);

}  // namespace redlockd::status
