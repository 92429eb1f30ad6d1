#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "daemon/event/tls_context.h"

namespace redlockd::redis {

// Where a node listens: host and port, or the path of a Unix socket.
struct Address {
  std::string host;  // a name or a number; of no meaning if there is a path
  std::uint16_t port = 6379;
  std::string path;
  bool operator==(const Address&) const = default;
};

struct NodeOptions {
  Address address;
  std::string username;  // empty: AUTH with the password alone
  std::string password;  // empty: no AUTH. Never logged, never in an error text
  // The password as it is by now, in place of the one above; asked for each new connection.
  std::function<std::string()> password_now{};
  int database = 0;
  event::TlsSource tls{};  // empty: the connection is plain
  // How long a connection may take to be made, the handshake of TLS included but not the resolving of its
  // name, and made ready; how long it may be silent while answers are due, before it is given up; and after
  // what silence it is asked whether it still works. > 0.
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds(1);
  std::chrono::nanoseconds command_timeout = std::chrono::milliseconds(50);  // > 0
};

// The same for all nodes.
struct SetOptions {
  std::string key_prefix;                   // in front of a lock's name, on the nodes
  std::chrono::nanoseconds max_ttl{};       // rule D3
  std::chrono::nanoseconds fence_window{};  // rule A6
  std::chrono::nanoseconds fence_life{};    // rule A6
  std::chrono::nanoseconds quarantine{};    // rule D2
  // Rules E8.2, E8.3: how often a waiter polls, by its place in the queue.
  std::chrono::nanoseconds retry_interval{};
  std::chrono::nanoseconds max_interval{};
  std::chrono::nanoseconds first_poll{};
};

struct Options {
  std::vector<NodeOptions> nodes;    // by engine::NodeIndex
  std::size_t links = 1;             // connections to each node, >= 1
  std::size_t max_unsent = 1 << 20;  // bytes that wait on a connection for its node to read
  SetOptions set;
  // The instance of this daemon (rule A1), which subscribes to what nodes publish to it (rule E5).
  // Empty: it does not subscribe.
  std::string instance;
};

}  // namespace redlockd::redis
