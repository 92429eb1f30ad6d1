#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/address.h"
#include "config/secret.h"

// What the administrator can configure, as plain values. The room `config` turns a YAML file into a
// Config, or into a list of every mistake in it. It knows the keys, their types, bounds and
// defaults (one table, keys.cc); it does not know what they mean to a lock: relations between them
// (min_ttl <= ttl) belong to the engine, which is asked by the app; see Loaded::AddError in load.h.
//
// Where a Config comes from: Load() in load.h, or Defaults() there. A Config made by hand is all
// zero, as the defaults stand in the table and nowhere else.
//
// All of this is plain data without threads or ownership tricks; copy it freely.
namespace redlockd::config {

using Duration = std::chrono::nanoseconds;  // in files: `250ms`, `10s`, `2m`

// How long a node may take until a connection is up, including AUTH, and to answer a command.
struct Timeouts {
  Duration connect{};
  Duration command{};
};

enum class TlsVersion { k1_2, k1_3 };

// How the connections to a node are encrypted. The files are read when a connection is made.
struct Tls {
  bool enabled{};
  std::string ca;    // file; empty: what the system trusts
  std::string cert;  // file, and key: both or neither
  std::string key;
  std::string server_name;  // empty: the host of the node's address
  TlsVersion min_version{};
  bool verify{};
};

// One independent Redis.
struct Node {
  Address address;
  std::string username;       // empty: the default user
  std::string password_file;  // empty: no AUTH
  Secret password;            // what stood in password_file, without the newline at its end
  std::uint32_t database{};
  Timeouts timeouts;  // the set's where the node names none
  Tls tls;            // likewise, key by key; never enabled for a Unix socket
};

struct Lease {
  Duration ttl{};      // of a lock that names none
  Duration max_ttl{};  // the most a client may ask for; the same on every daemon (rule D3)
  // How long a lock that was let go stays leased for the next taker on this host (rule E1), where
  // no Rule says otherwise; and how long that, and handing it on, may go on.
  Duration linger{};
  Duration tenure_max{};
};

// Some users and groups of this host, by name or number. Neither everybody nor any of them: nobody.
struct Who {
  bool everybody{};
  std::vector<std::string> users;
  std::vector<std::string> groups;
};

// What the locks of a rule may take together, of all users of this host.
struct Quota {
  std::optional<std::uint32_t> locks;  // that are held, kept or waited for; else without a bound
  std::optional<std::uint32_t> waits;  // requests that wait; likewise
  std::optional<std::uint32_t> new_names;  // a second; likewise
};

// What is different for the locks whose names begin with `prefix`. Where several rules that give the
// same key fit a name, the one with the longest prefix counts; what none gives is as without rules.
struct Rule {
  std::string prefix;  // 1..255 bytes
  std::optional<Duration> linger;
  std::optional<Who> may_lock;   // else everybody
  std::optional<Who> may_see;    // else everybody
  std::optional<Who> may_break;  // else nobody; administrators may do all of it
  std::optional<bool> audit;     // else not
  Quota quota;
};

// The settings behind the promises; see "Settings" in daemon/engine/RULES.md.
struct Safety {
  double drift{};  // how much faster or slower a clock may run, as a fraction: 0.001
  Duration fence_window{};
  Duration fence_life{};
};

// How much clients may make the daemon hold. A "lock" here is one that a session holds or waits
// for.
struct Limits {
  std::uint32_t sessions{};
  std::uint32_t sessions_per_uid{};
  std::uint32_t locks_per_session{};
  std::uint32_t locks_per_uid{};
  std::uint32_t new_names_per_uid{};  // a second
  std::uint32_t unread_output{};      // bytes, per session
};

enum class LogLevel { kError, kWarning, kInfo, kDebug };

struct Metrics {
  std::optional<Address> address;  // none: they are not served
  bool status_page{};              // served there as well; never without an address
};

struct Config {
  std::string socket;        // absolute path
  mode_t socket_mode{};      // of a socket that the daemon binds itself
  std::string socket_group;  // likewise; empty: the daemon's own group
  std::vector<Node> nodes;   // 1..kMaxNodes, no address twice
  Lease lease;
  std::vector<Rule> rules;  // at most kMaxRules, no prefix twice
  Safety safety;
  Timeouts timeouts;  // already applied to `nodes`
  Tls tls;            // likewise
  std::uint32_t connections_per_node{};
  Duration retry_interval{};
  Duration quorum_wait{};
  std::string key_prefix;   // of every lock's key on the nodes
  std::string admin_group;  // empty: only uid 0 and the daemon's own uid are administrators
  Limits limits;
  Metrics metrics;
  Duration drain_time{};
  LogLevel log_level{};
};

inline constexpr std::size_t kMaxNodes = 15;
inline constexpr std::size_t kMaxRules = 64;

}  // namespace redlockd::config
