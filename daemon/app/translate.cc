#include "daemon/app/translate.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "config/secret_file.h"
#include "daemon/app/tls.h"
#include "daemon/host/entropy.h"
#include "daemon/host/facts.h"
#include "daemon/host/log.h"
#include "daemon/session/bounds.h"

namespace redlockd::app {
namespace {

static_assert(config::kMaxNodes == engine::kMaxNodes);

redis::Address AddressOf(const config::Address& address) {
  if (const auto* tcp = std::get_if<config::TcpAddress>(&address)) {
    return {.host = tcp->host, .port = tcp->port, .path = {}};
  }
  return {.host = {}, .port = 0, .path = std::get<config::UnixAddress>(address).path};
}

// Read anew for each connection: a password is changed by changing the file.
std::function<std::string()> PasswordNow(const config::Node& node) {
  if (node.password_file.empty()) return nullptr;
  return [file = node.password_file, last = node.password, logged = std::string()]() mutable {
    config::SecretRead read = config::ReadSecretFile(file);
    if (read.error.empty()) {
      last = std::move(read.secret);
    } else if (logged != read.error) {
      host::LogWarning("password_file: " + read.error + "; the previous password stays in use");
    }
    logged = read.error;
    return last.Reveal();
  };
}

redis::NodeOptions NodeOptionsOf(const config::Node& node) {
  return {.address = AddressOf(node.address),
          .username = node.username,
          .password = node.password.Reveal(),
          .password_now = PasswordNow(node),
          .database = static_cast<int>(node.database),
          .tls = TlsSourceOf(node),
          .connect_timeout = node.timeouts.connect,
          .command_timeout = node.timeouts.command};
}

// For the names of each rule, what the longest prefix says that says anything. A rule without a
// linger of its own is there, too: the histograms are by rule.
engine::Linger LingerOf(const config::Config& config) {
  engine::Linger given{.usual = config.lease.linger, .by_prefix = {}};
  for (const config::Rule& rule : config.rules) {
    if (rule.linger) given.by_prefix[rule.prefix] = *rule.linger;
  }
  engine::Linger linger{.usual = given.usual, .by_prefix = {}};
  for (const config::Rule& rule : config.rules) {
    linger.by_prefix[rule.prefix] = given.Of(rule.prefix);
  }
  return linger;
}

// The numbers of users or of groups. Each is looked up once, as the name service may be slow.
class Ids {
 public:
  using Lookup = std::optional<id_t> (*)(const std::string& name);
  Ids(const char* kind, Lookup lookup) : kind_(kind), lookup_(lookup) {}

  // Without those that this host does not know.
  std::vector<id_t> Of(const std::vector<std::string>& names) {
    std::vector<id_t> ids;
    for (const std::string& name : names) {
      const auto [known, is_new] = known_.try_emplace(name);
      if (is_new) known->second = lookup_(name);
      if (known->second) ids.push_back(*known->second);
    }
    return ids;
  }
  void AppendUnknown(std::vector<std::string>& unknown) const {
    for (const auto& [name, id] : known_) {
      if (!id) unknown.push_back(std::string(kind_) + " " + name);
    }
  }

 private:
  const char* const kind_;
  const Lookup lookup_;
  std::map<std::string, std::optional<id_t>> known_;
};

// To each node those that ask, and the one that is addressed (rule E5).
std::size_t ConnectionsToNodes(const config::Config& config) {
  return config.nodes.size() * (config.connections_per_node + 1);
}

// For each connection to a node, and some more: to look up their names, to read /proc.
std::size_t ReservedDescriptors(const config::Config& config) {
  return ConnectionsToNodes(config) + 16;
}

// The connections to the nodes, what is kept free, and some of its own: standard streams, timers,
// the socket.
std::size_t OtherDescriptors(const config::Config& config) {
  constexpr std::size_t kMetrics = 18;  // its socket, and the connections that it serves
  return ConnectionsToNodes(config) + ReservedDescriptors(config) + 48 +
         (config.metrics.address ? kMetrics : 0);
}

}  // namespace

engine::Timing TimingOf(const config::Config& config) {
  engine::Timing timing;
  timing.ttl = config.lease.ttl;
  timing.max_ttl = config.lease.max_ttl;
  timing.drift = config.safety.drift;
  timing.fence_window = config.safety.fence_window;
  timing.fence_life = config.safety.fence_life;
  timing.tenure_max = config.lease.tenure_max;
  timing.quorum_wait = config.quorum_wait;
  timing.retry_interval = config.retry_interval;
  timing.command_timeout = config.timeouts.command;
  for (const config::Node& node : config.nodes) {
    timing.command_timeout = std::max(timing.command_timeout, node.timeouts.command);
  }
  return timing;
}

engine::EngineOptions EngineOptionsOf(const config::Config& config, const std::string& instance) {
  engine::EngineOptions options;
  options.timing = TimingOf(config);
  options.linger = LingerOf(config);
  for (const config::Rule& rule : config.rules) {
    if (rule.audit) options.audit.by_prefix[rule.prefix] = *rule.audit;
    const config::Quota& quota = rule.quota;
    if (quota.locks) options.limits.quotas.locks[rule.prefix] = *quota.locks;
    if (quota.waits) options.limits.quotas.waits[rule.prefix] = *quota.waits;
    if (quota.new_names) options.limits.quotas.new_names[rule.prefix] = *quota.new_names;
  }
  options.limits.locks_per_session = config.limits.locks_per_session;
  options.limits.locks_per_uid = config.limits.locks_per_uid;
  options.limits.new_names_per_uid = config.limits.new_names_per_uid;
  options.nodes = config.nodes.size();
  options.instance = instance;
  options.host = host::HostName();
  options.advice = {.adopt = "run: redlock nodes --adopt",
                    .trust_empty = "run: redlock nodes --trust-empty"};
  return options;
}

redis::Options RedisOptionsOf(const config::Config& config, const std::string& instance) {
  const engine::Timing timing = TimingOf(config);
  redis::Options options;
  for (const config::Node& node : config.nodes) options.nodes.push_back(NodeOptionsOf(node));
  options.links = config.connections_per_node;
  options.set.key_prefix = config.key_prefix;
  options.set.max_ttl = timing.max_ttl;
  options.set.fence_window = timing.fence_window;
  options.set.fence_life = timing.fence_life;
  options.set.quarantine = timing.Quarantine();
  options.set.retry_interval = timing.retry_interval;
  options.set.max_interval = timing.MaxInterval();
  options.set.first_poll = timing.FirstPoll();
  options.instance = instance;
  return options;
}

session::Permissions PermissionsOf(const config::Config& config,
                                   std::vector<std::string>& unknown) {
  using session::Right;
  session::Permissions permissions;
  Ids users("user", host::UserId);
  Ids groups("group", host::GroupId);
  for (const config::Rule& rule : config.rules) {
    for (const auto& [right, who] : {std::pair(Right::kLock, &rule.may_lock),
                                     {Right::kSee, &rule.may_see},
                                     {Right::kBreak, &rule.may_break}}) {
      if (!*who) continue;
      permissions.Set(right, rule.prefix,
                      {.everybody = (*who)->everybody,
                       .users = users.Of((*who)->users),
                       .groups = groups.Of((*who)->groups)});
    }
  }
  users.AppendUnknown(unknown);
  groups.AppendUnknown(unknown);
  return permissions;
}

session::Options SessionOptionsOf(const config::Config& config, const std::string& instance) {
  session::Options options;
  options.max_sessions = config.limits.sessions;
  options.max_sessions_per_uid = config.limits.sessions_per_uid;
  options.reserved_descriptors = ReservedDescriptors(config);
  options.max_unread_output = config.limits.unread_output;
  options.locks_per_session = config.limits.locks_per_session;
  options.key_prefix = config.key_prefix;
  if (!config.admin_group.empty()) options.admin_group = host::GroupId(config.admin_group);
  options.instance = instance;
  options.node_addresses = AddressesOf(config);
  return options;
}

std::vector<std::string> AddressesOf(const config::Config& config) {
  std::vector<std::string> addresses;
  for (const config::Node& node : config.nodes) addresses.push_back(config::ToString(node.address));
  return addresses;
}

std::size_t DescriptorsFor(const config::Config& config) {
  return session::kDescriptorsPerSession * config.limits.sessions + OtherDescriptors(config);
}

std::size_t SessionsWith(std::size_t descriptors, const config::Config& config) {
  const std::size_t others = std::min(OtherDescriptors(config), descriptors);
  return std::max<std::size_t>((descriptors - others) / session::kDescriptorsPerSession, 1);
}

void CheckTiming(config::Loaded& loaded) {
  using Rule = engine::TimingFault::Rule;
  for (const engine::TimingFault& fault : engine::Check(TimingOf(loaded.config))) {
    const std::string bound = engine::ToText(fault.bound);
    const auto add = [&](const char* key, const std::string& expected) {
      loaded.AddError(key, "expected " + expected + ", found " + engine::ToText(fault.found));
    };
    switch (fault.rule) {
      case Rule::kMinTtl:
        add("lease.ttl",
            "at least " + bound + " (4 x the longest command timeout + 2 x the drift allowance)");
        break;
      case Rule::kMaxTtl:
        add("lease.ttl", "at most lease.max_ttl (" + bound + ")");
        break;
      case Rule::kFenceLife:
        add("safety.fence_life", "more than 2 x safety.fence_window (" + bound + ")");
        break;
    }
  }
}

std::string DerivedTimes(const config::Config& config) {
  const engine::Timing timing = TimingOf(config);
  std::string text;
  const auto add = [&text](const char* name, engine::Duration value) {
    text += std::string(name) + ": " + engine::ToText(value) + "\n";
  };
  add("min_ttl", timing.MinTtl());
  add("drift_allowance of lease.ttl", timing.DriftAllowance(timing.ttl));
  add("drift_allowance of lease.max_ttl", timing.DriftAllowance(timing.max_ttl));
  add("quarantine", timing.Quarantine());
  add("cooldown", timing.Cooldown());
  add("max_interval", timing.MaxInterval());
  add("first_poll", timing.FirstPoll());
  add("want_penalty", timing.WantPenalty());
  return text;
}

}  // namespace redlockd::app
