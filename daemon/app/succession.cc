#include "daemon/app/succession.h"

#include <algorithm>
#include <set>
#include <utility>

#include "daemon/app/line_fields.h"
#include "daemon/app/translate.h"
#include "daemon/host/clock.h"
#include "daemon/host/log.h"

namespace redlockd::app {
namespace {

// The sessions and owners that the engine knows, and those that have a client. One that is leaving is over for the
// engine.
std::set<engine::SessionId> IdsOf(const engine::State& state) {
  std::set<engine::SessionId> ids;
  for (const auto& session : state.sessions) ids.insert(session.id);
  return ids;
}
std::set<engine::SessionId> IdsOf(const session::State& state) {
  std::set<engine::SessionId> ids;
  for (const auto& client : state.clients) {
    if (!client.leaving) ids.insert(client.id);
    for (const auto& owner : client.owners) ids.insert(owner.id);
  }
  return ids;
}

// Or why this process cannot go on from it.
std::variant<state::Image, std::string> Read(const std::string& bytes,
                                             const config::Config& config) {
  auto read = state::Decode(bytes);
  const auto* image = std::get_if<state::Image>(&read);
  if (image == nullptr) return read;
  if (image->terms != TermsOf(config)) {
    return "it is of other nodes, or of other settings that leases rest on";
  }
  std::string why = engine::WhyUnusable(image->engine, config.nodes.size(), host::Now());
  if (why.empty()) why = session::WhyUnusable(image->sessions);
  if (why.empty() && IdsOf(image->engine) != IdsOf(image->sessions)) {
    why = "its locks are of other clients than those that it has";
  }
  if (!why.empty()) return why;
  return read;
}

}  // namespace

std::vector<std::string> TermsOf(const config::Config& config) {
  std::vector<std::string> terms = AddressesOf(config);
  for (std::size_t i = 0; i < terms.size(); ++i) {
    terms[i] += " " + std::to_string(config.nodes[i].database);
  }
  const engine::Timing timing = TimingOf(config);
  terms.push_back("key_prefix " + config.key_prefix);
  terms.push_back("max_ttl " + std::to_string(timing.max_ttl.count()));
  terms.push_back("drift " + std::to_string(timing.drift));
  terms.push_back("fence_window " + std::to_string(timing.fence_window.count()));
  terms.push_back("fence_life " + std::to_string(timing.fence_life.count()));
  return terms;
}

std::string WhyNotUnder(const config::Config& next, const config::Config& in_force) {
  if (TermsOf(next) == TermsOf(in_force)) return "";
  return "the file has other nodes, or other settings that leases rest on";
}

std::optional<Former> TakeOver(host::Inherited inherited, const config::Config& config) {
  if (!inherited.handover) return std::nullopt;
  auto read = Read(inherited.handover->Bytes(), config);
  if (const auto* why = std::get_if<std::string>(&read)) {
    host::LogError("cannot go on from what the former process left: " + *why +
                       "; its clients are disconnected, and their locks stay until their deadlines",
                   {{field::kEvent, "not-taken-over"}});
    return std::nullopt;
  }
  Former former{std::get<state::Image>(std::move(read)), inherited.handover->Unpack()};
  const auto& locks = former.image.engine.locks;
  const auto holds = std::count_if(locks.begin(), locks.end(),
                                   [](const auto& lock) { return lock.hold.has_value(); });
  host::LogInfo("goes on from the former process, with " +
                    std::to_string(former.image.sessions.clients.size()) + " clients and " +
                    std::to_string(holds) + " held locks, " +
                    engine::ToText(host::Now() - former.image.engine.saved) + " after it",
                {{field::kEvent, "taken-over"}});
  return former;
}

std::variant<host::Handover, std::string> Pack(const state::Image& image,
                                               const std::vector<session::EndsOf>& ends,
                                               const config::Config& config) {
  std::string bytes = state::Encode(image);
  // Left to a process that refuses it, everything would end.
  auto read = Read(bytes, config);
  if (const auto* why = std::get_if<std::string>(&read)) {
    return "the next process could not go on from it: " + *why;
  }
  std::vector<host::Handover::Parcel> parcels;
  for (const session::EndsOf& of : ends) {
    parcels.push_back({of.session, {of.socket, of.process, of.page}});
  }
  return host::Handover::Pack(bytes, parcels);
}

}  // namespace redlockd::app
