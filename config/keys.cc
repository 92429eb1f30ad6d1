#include "config/keys.h"

#include <algorithm>

namespace redlockd::config {
namespace {

using namespace std::chrono_literals;
using enum Key::Absent;
using enum Key::Change;

// Accessors: from a target to the member that a key sets.
#define CONFIG(member) \
  [](Target t) -> auto& { return t.config.member; }
#define NODE(member) \
  [](Target t) -> auto& { return t.node->member; }
#define RULE(member) \
  [](Target t) -> auto& { return t.rule->member; }

const Key kKeys[] = {
    {"socket", kRestart, PathValue{CONFIG(socket), kMaxSocketPath}, kDefault,
     "/run/redlockd/redlockd.sock",
     "where clients connect, unless systemd, --socket or $REDLOCK_SOCKET gives a socket"},
    {"socket_mode", kRestart, ModeValue{CONFIG(socket_mode)}, kDefault, "0660",
     "mode of the socket's file; those who may write to it may take locks"},
    {"socket_group", kRestart, WordValue{CONFIG(socket_group), 0, 32}, kDefault, "",
     "group of the socket's file; empty: the daemon's own group"},

    {"timeouts.connect", kReload, DurationValue{CONFIG(timeouts.connect), 1ms, 1min}, kDefault,
     "1s", "how long connecting to a node may take"},
    {"timeouts.command", kReload, DurationValue{CONFIG(timeouts.command), 1ms, 1min}, kDefault,
     "50ms", "how long a node may take to answer a command"},

    {"tls.enabled", kReload, FlagValue{CONFIG(tls.enabled)}, kDefault, "false",
     "whether connections to the nodes are encrypted; a section tls turns it on unless this says "
     "otherwise"},
    {"tls.ca", kReload, PemFileValue{CONFIG(tls.ca), false}, kNothing, "",
     "file with the certificates of the CAs to trust; if absent, what the system trusts"},
    {"tls.cert", kReload, PemFileValue{CONFIG(tls.cert), false}, kNothing, "",
     "file with the certificate to show to a node that demands one"},
    {"tls.key", kReload, PemFileValue{CONFIG(tls.key), true}, kNothing, "",
     "file with the private key of tls.cert"},
    {"tls.server_name", kReload, HostValue{CONFIG(tls.server_name)}, kNothing, "",
     "what a node's certificate must be for; if absent, the host of its address"},
    {"tls.min_version", kReload, TlsVersionValue{CONFIG(tls.min_version)}, kDefault, "1.2",
     "oldest version of TLS to speak"},
    {"tls.verify", kReload, FlagValue{CONFIG(tls.verify)}, kDefault, "true",
     "whether a node's certificate is verified"},

    {"nodes[].address", kRestart, AddressValue{NODE(address)}, kMistake, "",
     "where the node listens"},
    {"nodes[].username", kReload, WordValue{NODE(username), 1, 256}, kNothing, "",
     "ACL user to log in as; if absent, the default user"},
    {"nodes[].password_file", kReload, SecretFileValue{NODE(password_file), NODE(password)},
     kNothing, "", "file that holds the password; if absent, there is no login"},
    {"nodes[].database", kRestart, CountValue{NODE(database), 0, 65535}, kDefault, "0",
     "number of the database on the node"},
    {"nodes[].timeouts.connect", kReload, DurationValue{NODE(timeouts.connect), 1ms, 1min}, kSameAs,
     "timeouts.connect", "how long connecting to this node may take"},
    {"nodes[].timeouts.command", kReload, DurationValue{NODE(timeouts.command), 1ms, 1min}, kSameAs,
     "timeouts.command", "how long this node may take to answer a command"},
    {"nodes[].tls.enabled", kReload, FlagValue{NODE(tls.enabled)}, kSameAs, "tls.enabled",
     "whether connections to this node are encrypted; a section tls turns it on unless this says "
     "otherwise"},
    {"nodes[].tls.ca", kReload, PemFileValue{NODE(tls.ca), false}, kSameAs, "tls.ca",
     "file with the certificates of the CAs to trust; if absent, what the system trusts"},
    {"nodes[].tls.cert", kReload, PemFileValue{NODE(tls.cert), false}, kSameAs, "tls.cert",
     "file with the certificate to show to this node if it demands one"},
    {"nodes[].tls.key", kReload, PemFileValue{NODE(tls.key), true}, kSameAs, "tls.key",
     "file with the private key of tls.cert"},
    {"nodes[].tls.server_name", kReload, HostValue{NODE(tls.server_name)}, kSameAs,
     "tls.server_name", "what its certificate must be for; if absent, the host of the address"},
    {"nodes[].tls.min_version", kReload, TlsVersionValue{NODE(tls.min_version)}, kSameAs,
     "tls.min_version", "oldest version of TLS to speak"},
    {"nodes[].tls.verify", kReload, FlagValue{NODE(tls.verify)}, kSameAs, "tls.verify",
     "whether its certificate is verified"},

    {"lease.ttl", kReload, DurationValue{CONFIG(lease.ttl), 1ms, 24h}, kDefault, "10s",
     "time to live of a lease if the client does not ask for one"},
    {"lease.max_ttl", kRestart, DurationValue{CONFIG(lease.max_ttl), 1ms, 24h}, kDefault, "60s",
     "longest ttl that a client may ask for; the same on every daemon of these nodes"},
    {"lease.linger", kReload, DurationValue{CONFIG(lease.linger), 0s, 1s}, kDefault, "20ms",
     "how long a released lock stays leased for the next client of this host"},
    {"lease.tenure_max", kReload, DurationValue{CONFIG(lease.tenure_max), 10ms, 1h}, kDefault, "1s",
     "how long a lease may linger and be handed off before it must be given back"},

    {"rules[].prefix", kReload, WordValue{RULE(prefix), 1, 255}, kMistake, "",
     "the rule applies to names that begin with this; of the rules that give a key, the longest "
     "matching prefix wins"},
    {"rules[].linger", kReload, MaybeDurationValue{RULE(linger), 0s, 1s}, kNothing, "",
     "lease.linger for these locks"},
    {"rules[].lock", kReload, WhoValue{RULE(may_lock)}, kNothing, "",
     "who may take these locks, in addition to administrators; without a rule, everybody"},
    {"rules[].see", kReload, WhoValue{RULE(may_see)}, kNothing, "",
     "who may list, show and watch these locks, in addition to administrators; without a rule, "
     "everybody"},
    {"rules[].break", kReload, WhoValue{RULE(may_break)}, kNothing, "",
     "who may break these locks, in addition to administrators; without a rule, nobody"},
    {"rules[].audit", kReload, MaybeFlagValue{RULE(audit)}, kNothing, "",
     "whether the log has a line for each grant of these locks and for each end of a hold; without "
     "a rule, it has none"},
    {"rules[].quota.locks", kReload, MaybeCountValue{RULE(quota.locks), 1, 1000000}, kNothing, "",
     "number of these locks that all users together may hold or wait for"},
    {"rules[].quota.waits", kReload, MaybeCountValue{RULE(quota.waits), 1, 1000000}, kNothing, "",
     "number of requests that may wait for these locks, of all users together"},
    {"rules[].quota.new_names", kReload, MaybeCountValue{RULE(quota.new_names), 1, 100000},
     kNothing, "",
     "number of new names with this prefix that all users together may ask for, per second"},

    {"safety.drift", kRestart, FractionValue{CONFIG(safety.drift), 0.1}, kDefault, "0.001",
     "fraction by which the rates of two clocks may differ"},
    {"safety.fence_window", kRestart, DurationValue{CONFIG(safety.fence_window), 100ms, 1h},
     kDefault, "10s",
     "how far fences may run ahead of a node's clock; the same on every daemon of these nodes"},
    {"safety.fence_life", kRestart, DurationValue{CONFIG(safety.fence_life), 1s, 720h}, kDefault,
     "10m", "how long a node remembers the fence of a lock after its last use"},

    {"connections_per_node", kRestart, CountValue{CONFIG(connections_per_node), 1, 64}, kDefault,
     "2", "connections kept to each node; the locks are distributed over them"},
    {"retry_interval", kReload, DurationValue{CONFIG(retry_interval), 10ms, 5s}, kDefault, "100ms",
     "pause before another attempt to renew a lease, or to take a lock that is held elsewhere"},
    {"quorum_wait", kReload, DurationValue{CONFIG(quorum_wait), 1ms, 1h}, kDefault, "5s",
     "how long a client is kept waiting while no majority of the nodes can be reached"},
    {"key_prefix", kRestart, WordValue{CONFIG(key_prefix), 0, 128}, kDefault, "",
     "is put before the name of each lock to form its key on the nodes"},
    {"admin_group", kReload, WordValue{CONFIG(admin_group), 0, 32}, kDefault, "redlock-admin",
     "group whose members are administrators, in addition to root and the daemon's own user"},

    {"limits.sessions", kReload, CountValue{CONFIG(limits.sessions), 1, 1000000}, kDefault, "8192",
     "number of connected clients"},
    {"limits.sessions_per_uid", kReload, CountValue{CONFIG(limits.sessions_per_uid), 1, 1000000},
     kDefault, "2048", "number of connected clients of one user"},
    {"limits.locks_per_session", kReload, CountValue{CONFIG(limits.locks_per_session), 1, 1000000},
     kDefault, "1024", "number of locks that one client may hold or wait for"},
    {"limits.locks_per_uid", kReload, CountValue{CONFIG(limits.locks_per_uid), 1, 1000000},
     kDefault, "16384", "number of locks that the clients of one user may hold or wait for"},
    {"limits.new_names_per_uid", kReload, CountValue{CONFIG(limits.new_names_per_uid), 1, 100000},
     kDefault, "1000", "number of new names that one user may ask for, per second"},
    {"limits.unread_output", kReload, CountValue{CONFIG(limits.unread_output), 16384, 67108864},
     kDefault, "262144", "bytes that a client may leave unread before it is disconnected"},

    {"metrics.address", kRestart, ListenAddressValue{CONFIG(metrics.address)}, kNothing, "",
     "where to serve metrics over HTTP; if absent, nowhere"},
    {"metrics.status_page", kReload, FlagValue{CONFIG(metrics.status_page)}, kDefault, "false",
     "whether a page with locks, nodes and losses is served there, to everybody who reaches it"},

    {"drain_time", kReload, DurationValue{CONFIG(drain_time), 0s, 1min}, kDefault, "8s",
     "how long holders are given to release their locks when the daemon stops"},
    {"log_level", kReload, LevelValue{CONFIG(log_level)}, kDefault, "info",
     "lowest severity that is logged"},
};

#undef CONFIG
#undef NODE
#undef RULE

std::string DefaultOf(const Key& key) {
  const std::string fallback(key.fallback);
  switch (key.absent) {
    case kDefault:
      return "Default: " + (fallback.empty() ? "empty" : fallback) + ".";
    case kSameAs:
      return "Default: that of " + fallback + ".";
    case kNothing:
      return "Default: none.";
    case kMistake:
      break;
  }
  return "Must be given.";
}

}  // namespace

std::span<const Key> Keys() { return kKeys; }

const Key* FindKey(std::string_view path) {
  const auto found = std::find_if(std::begin(kKeys), std::end(kKeys),
                                  [=](const Key& key) { return key.path == path; });
  return found == std::end(kKeys) ? nullptr : found;
}

std::string_view ListOf(const Key& key) {
  const std::size_t bracket = key.path.find("[]");
  return key.path.substr(0, bracket == std::string_view::npos ? 0 : bracket);
}

std::vector<Target> Targets(const Key& key, Config& config) {
  if (ListOf(key).empty()) return {{config}};
  std::vector<Target> targets;
  if (ListOf(key) == "nodes") {
    for (Node& node : config.nodes) targets.push_back({config, &node, nullptr});
  } else {
    for (Rule& rule : config.rules) targets.push_back({config, nullptr, &rule});
  }
  return targets;
}

std::vector<std::string> NamesIn(std::string_view path) {
  const std::string prefix = path.empty() ? "" : std::string(path) + ".";
  std::vector<std::string> names;
  for (const Key& key : kKeys) {
    if (key.path.substr(0, prefix.size()) != prefix) continue;
    std::string_view rest = key.path.substr(prefix.size());
    rest = rest.substr(0, rest.find_first_of(".["));
    // A section's keys stand together, so that only the last name can be this one again.
    if (names.empty() || names.back() != rest) names.emplace_back(rest);
  }
  return names;
}

std::string PathIn(const Key& key, std::size_t place) {
  const std::size_t bracket = key.path.find("[]");
  std::string path(key.path);
  return bracket == std::string::npos ? path : path.insert(bracket + 1, std::to_string(place));
}

std::string Print(const Key& key, Target target) {
  return std::visit([=](const auto& value) { return value.Print(target); }, key.value);
}

std::string Facts(const Key& key) {
  const std::string takes =
      "Takes " + std::visit([](const auto& value) { return value.Expected(); }, key.value) + ". ";
  return takes + DefaultOf(key) +
         (key.change == kReload ? " A reload applies a change." : " A change needs a restart.");
}

}  // namespace redlockd::config
