#include "daemon/status/json.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>

#include "daemon/session/words.h"
#include "protocol/printable.h"

namespace redlockd::status {
namespace {

using Json = nlohmann::ordered_json;
using redlock::protocol::Printable;

double Seconds(engine::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

Json NodeOf(const metrics::Snapshot& now, const engine::NodeView& node) {
  Json json{{"node", node.node + 1},
            {"address", Printable(now.addresses.at(node.node))},
            {"state", session::WordOf(node.state)},
            {"why", Printable(node.text)}};
  if (node.round_trip) json["round_trip_seconds"] = Seconds(*node.round_trip);
  if (node.clock_off) json["clock_offset_seconds"] = Seconds(*node.clock_off);
  if (node.ready_in) json["quarantine_seconds"] = Seconds(*node.ready_in);
  return json;
}

// Of new names it is not known how many are used: only that there are too many.
Json QuotaOf(const engine::QuotaView& quota) {
  Json json{{"rule", quota.prefix},
            {"quota", metrics::WordOf(quota.kind)},
            {"limit", quota.most},
            {"refused", quota.refused}};
  if (quota.kind != engine::QuotaKind::kNewNames) json["used"] = quota.used;
  return json;
}

Json ClientOf(const std::optional<Client>& client) {
  if (!client) return nullptr;
  return {{"uid", client->uid}, {"pid", client->pid}, {"command", Printable(client->command)}};
}

Json HotLockOf(const HotLock& lock) {
  Json json{{"lock", Printable(lock.name)},
            {"waiting", lock.waiting},
            {"longest_wait_seconds", Seconds(lock.longest_wait)},
            {"held_here", lock.is_held}};
  if (lock.is_held) {
    json["held_seconds"] = Seconds(lock.held);
    json["holder"] = ClientOf(lock.holder);
  }
  return json;
}

Json WaitOf(const Wait& wait) {
  return {{"lock", Printable(wait.name)},
          {"waited_seconds", Seconds(wait.waited)},
          {"place", wait.place},
          {"client", ClientOf(wait.client)}};
}

Json LossOf(const Loss& loss) {
  // As text: a reader that knows doubles alone would change its last digits.
  return {{"at", loss.at},
          {"lock", Printable(loss.name)},
          {"fence", std::to_string(loss.fence)},
          {"reason", loss.reason},
          {"client", ClientOf(loss.client)}};
}

template <class Elements, class Of>
Json ListOf(const Elements& elements, Of of) {
  Json list = Json::array();
  for (const auto& element : elements) list.push_back(of(element));
  return list;
}

// Null until a walk has come to its end.
Json SurveyOf(const Details& details) {
  if (!details.findings) return nullptr;
  const Findings& found = *details.findings;
  return {{"age_seconds", Seconds(details.now - found.began)},
          {"hot", ListOf(found.hot, HotLockOf)},
          {"waits", ListOf(found.waits, WaitOf)},
          {"hidden", found.hidden}};
}

// Each series in a list of its own: a number for each step, null for a gap.
Json TimelineOf(const Timeline& timeline) {
  const auto series = [&](auto Timeline::Step::*of) {
    return ListOf(timeline.steps(), [of](const std::optional<Timeline::Step>& step) {
      return step ? Json((*step).*of) : Json(nullptr);
    });
  };
  using Step = Timeline::Step;
  return {{"step_seconds", Seconds(Timeline::kStep)},
          {"steps", Timeline::kSteps},
          {"grants", series(&Step::grants)},
          {"refusals", series(&Step::refusals)},
          {"lost", series(&Step::lost)},
          {"holds", series(&Step::holds)},
          {"waits", series(&Step::waits)},
          {"sessions", series(&Step::sessions)},
          {"nodes_up", series(&Step::nodes_up)}};
}

}  // namespace

std::string ToJson(const metrics::Snapshot& now, const Details& details) {
  const auto up = std::count_if(now.nodes.begin(), now.nodes.end(), [](const auto& node) {
    return node.state == engine::NodeState::kUp;
  });
  const Json json{{"version", now.version},
                  {"host", Printable(details.host)},
                  {"at", details.at},
                  {"started", details.started},
                  {"draining", now.draining},
                  {"nodes_up", up},
                  {"nodes_needed", now.majority},
                  {"nodes", ListOf(now.nodes, [&](const auto& node) { return NodeOf(now, node); })},
                  {"sessions", now.sessions},
                  {"sessions_limit", now.sessions_limit},
                  {"holds", now.counters.holds},
                  {"waits", now.counters.waits},
                  {"kept", now.counters.kept},
                  {"grants", now.counters.grants},
                  {"lost", now.counters.lost},
                  {"quotas", ListOf(now.quotas, QuotaOf)},
                  {"locks", SurveyOf(details)},
                  {"losses", ListOf(details.losses, LossOf)},
                  {"hidden_losses", details.hidden_losses},
                  {"timeline", TimelineOf(*details.timeline)}};
  constexpr bool kAscii = true;
  return json.dump(-1, ' ', kAscii, Json::error_handler_t::replace) + "\n";
}

}  // namespace redlockd::status
