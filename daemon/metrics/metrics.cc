#include "daemon/metrics/metrics.h"

#include <algorithm>

#include "daemon/metrics/exposition.h"

namespace redlockd::metrics {
namespace {

using Type = Exposition::Type;
using engine::CounterRow;
using engine::NodeView;

void Process(const Snapshot& now, Exposition& out) {
  out.Family("redlockd_build_info", Type::kGauge, "1, with the version of the daemon");
  out.Sample(1, {{"version", now.version}});
  out.Family("redlockd_draining", Type::kGauge, "1 while the daemon stops, and grants nothing");
  out.Sample(now.draining ? 1 : 0);
  out.Family("process_cpu_seconds_total", Type::kCounter, "CPU time, of user and system");
  out.Sample(now.cpu);
  out.Family("process_resident_memory_bytes", Type::kGauge, "resident memory");
  out.Sample(now.resident_bytes);
  out.Family("redlockd_sessions", Type::kGauge, "connections of clients");
  out.Sample(now.sessions);
  out.Family("redlockd_sessions_limit", Type::kGauge, "the most of them, limits.sessions");
  out.Sample(now.sessions_limit);
}

// The rows of `stats`, by the rules for names: no hyphen, and a counter ends in _total.
void Counters(const Snapshot& now, Exposition& out) {
  for (const CounterRow& row : engine::CounterTable()) {
    const bool is_counter = row.kind == CounterRow::Kind::kCounter;
    std::string name = "redlockd_" + std::string(row.name) + (is_counter ? "_total" : "");
    std::replace(name.begin(), name.end(), '-', '_');
    out.Family(name, is_counter ? Type::kCounter : Type::kGauge, row.help);
    out.Sample(row.value(now.counters));
  }
}

// One family: a sample of each node of which `of` has something to say.
template <class Of>
void EachNode(const Snapshot& now, std::string_view name, std::string_view help, Exposition& out,
              Of of) {
  out.Family(name, Type::kGauge, help);
  for (const NodeView& node : now.nodes) {
    const auto value = of(node);
    if (!value) continue;
    out.Sample(*value,
               {{"node", std::to_string(node.node + 1)}, {"address", now.addresses.at(node.node)}});
  }
}

void Nodes(const Snapshot& now, Exposition& out) {
  const auto votes = [](const NodeView& node) { return node.state == engine::NodeState::kUp; };
  const auto up = std::count_if(now.nodes.begin(), now.nodes.end(), votes);
  out.Family("redlockd_nodes", Type::kGauge, "configured nodes");
  out.Sample(now.nodes.size());
  out.Family("redlockd_nodes_up", Type::kGauge, "nodes that vote");
  out.Sample(static_cast<std::uint64_t>(up));
  out.Family("redlockd_nodes_needed", Type::kGauge, "the quorum: votes that a lock needs");
  out.Sample(now.majority);
  EachNode(now, "redlockd_node_up", "1 if the node votes", out,
           [&](const NodeView& node) { return std::optional<std::uint64_t>(votes(node) ? 1 : 0); });
  EachNode(now, "redlockd_node_round_trip_seconds", "how long its last answer took", out,
           [](const NodeView& node) { return node.round_trip; });
  EachNode(now, "redlockd_node_clock_offset_seconds",
           "how far its clock is off the median of the nodes' clocks", out,
           [](const NodeView& node) { return node.clock_off; });
  EachNode(now, "redlockd_node_quarantine_seconds", "time until it votes, if it is in quarantine",
           out, [](const NodeView& node) { return node.ready_in; });
}

void Certificates(const Snapshot& now, Exposition& out) {
  const auto expiry_of = [&](const NodeView& node) -> std::optional<std::uint64_t> {
    const auto& expiry = now.certificate_expiries.at(node.node);
    if (!expiry) return std::nullopt;
    return static_cast<std::uint64_t>(
        std::max<std::int64_t>(expiry->time_since_epoch().count(), 0));
  };
  EachNode(now, "redlockd_tls_certificate_expiry_timestamp_seconds",
           "until when the certificate is valid that the node is shown", out, expiry_of);
}

void Quotas(const Snapshot& now, Exposition& out) {
  const auto labels = [](const engine::QuotaView& quota) {
    return Exposition::Labels{{"rule", quota.prefix}, {"quota", std::string(WordOf(quota.kind))}};
  };
  out.Family("redlockd_quota_limit", Type::kGauge, "what the quota of a rule is");
  for (const auto& quota : now.quotas) out.Sample(quota.most, labels(quota));
  out.Family("redlockd_quota_used", Type::kGauge, "how much of it is used, of locks and waits");
  for (const auto& quota : now.quotas) {
    if (quota.kind != engine::QuotaKind::kNewNames) out.Sample(quota.used, labels(quota));
  }
  out.Family("redlockd_quota_refusals_total", Type::kCounter,
             "requests for a lock that it had no room for");
  for (const auto& quota : now.quotas) out.Sample(quota.refused, labels(quota));
}

using Histograms = engine::Histograms;

void OfRules(const Snapshot& now, std::string_view name, std::string_view help,
             const engine::Histogram Histograms::OfRule::*of, Exposition& out) {
  out.Family(name, Type::kHistogram, help);
  for (const auto& [prefix, histograms] : now.histograms->by_prefix()) {
    out.Sample(histograms.*of, {{"rule", prefix}});
  }
}

}  // namespace

std::string_view WordOf(engine::QuotaKind kind) {
  switch (kind) {
    case engine::QuotaKind::kLocks:
      return "locks";
    case engine::QuotaKind::kWaits:
      return "waits";
    case engine::QuotaKind::kNewNames:
      return "new_names";
  }
  return "";
}

std::string ToText(const Snapshot& now) {
  Exposition out;
  Process(now, out);
  Counters(now, out);
  Nodes(now, out);
  Certificates(now, out);
  Quotas(now, out);
  OfRules(now, "redlockd_wait_seconds", "from a request to its grant, by rule",
          &Histograms::OfRule::waits, out);
  OfRules(now, "redlockd_hold_seconds", "from a grant to the end of the hold, by rule",
          &Histograms::OfRule::holds, out);
  OfRules(now, "redlockd_renewal_margin_seconds",
          "what was left of a lease when it was renewed, by rule", &Histograms::OfRule::margins,
          out);
  return out.text();
}

}  // namespace redlockd::metrics
