#pragma once

#include <string>
#include <vector>

#include "config/config.h"

// What a reload makes of the configuration in force, by the table of keys (Key::change), and what is
// in force as text. Values alone: reads no file, and applies nothing.
namespace redlockd::config {

// A change in the file that waits for a restart.
struct Pending {
  std::string key;  // "lease.max_ttl", "nodes[2].database", or "nodes" if others are listed
  std::string in_force;
  std::string in_file;
  bool operator==(const Pending&) const = default;
};

struct Merged {
  // The values of the file where a reload applies them, and those in force for all other keys. The
  // nodes are those in force, in their order; one that the file does not list stays as it is.
  Config config;
  std::vector<Pending> pending;
};
Merged Merge(Config in_force, Config file);

// A key and its value, in the syntax of the file. Never a secret.
struct Setting {
  std::string key;  // "lease.ttl", "nodes[2].address"
  std::string value;
  bool operator==(const Setting&) const = default;
};

// All of them, but for what is not used, and for what a node has from the rest of the file. In the
// order of the table; the keys of one node stand together.
std::vector<Setting> SettingsOf(Config config);

}  // namespace redlockd::config
