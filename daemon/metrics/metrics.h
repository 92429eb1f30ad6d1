#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/engine/counters.h"
#include "daemon/engine/histograms.h"
#include "daemon/engine/types.h"
#include "daemon/engine/views.h"

namespace redlockd::metrics {

// What a scrape shows, as it is at one moment. It has no name of a lock: those are as many as clients
// think of, and who may read the metrics may not be somebody who may see them.
struct Snapshot {
  std::string version;  // of redlockd
  std::size_t sessions = 0;
  std::size_t sessions_limit = 0;
  bool draining = false;
  engine::Counters counters;
  std::size_t majority = 0;
  std::vector<std::string> addresses;  // of the nodes
  std::vector<engine::NodeView> nodes;
  std::vector<engine::QuotaView> quotas;  // of rules
  // For each of the nodes, until when the certificate is valid that it is shown; none: none is.
  std::vector<std::optional<std::chrono::sys_seconds>> certificate_expiries;
  const engine::Histograms* histograms = nullptr;  // never null
  engine::Duration cpu{};                          // that the process has used
  std::size_t resident_bytes = 0;
};

// As the configuration calls it: "locks", "waits" or "new_names".
std::string_view WordOf(engine::QuotaKind kind);

// In Prometheus' text format.
std::string ToText(const Snapshot& snapshot);

}  // namespace redlockd::metrics
