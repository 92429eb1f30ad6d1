#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace redlockd::redis {

// Where a node listens: host and port, or the path of a Unix socket.
struct Address {
  std::string host;  // a name or a number; of no meaning if there is a path
  std::uint16_t port = 6379;
  std::string path;
};

struct NodeOptions {
  Address address;
  std::string username;  // empty: AUTH with the password alone
  std::string password;  // empty: no AUTH. Never logged, never in an error text
  // The password as it is by now, in place of the one above; asked for each new connection.
  std::function<std::string()> password_now{};
  int database = 0;
  // Of a connection to be made (without the resolving of its name) and made ready; and how long a
  // connection may be silent while answers are due, before it is given up; and when one on which
  // nothing was heard for as long is asked whether it still works. > 0.
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
};

struct Options {
  std::vector<NodeOptions> nodes;    // by engine::NodeIndex
  std::size_t links = 1;             // connections to each node, >= 1
  std::size_t max_unsent = 1 << 20;  // bytes that wait on a connection for its node to read
  SetOptions set;
  // Of this daemon (rule A1): it listens for what nodes publish to it (rule E5). Empty: it does
  // not.
  std::string instance;
};

}  // namespace redlockd::redis
