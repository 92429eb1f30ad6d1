#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "daemon/engine/types.h"

namespace redlockd::engine {

// The daemons that want one lock, as one node knows them (rules E6.1, E6.2).
class WantQueue {
 public:
  using Place = std::pair<Stamp, std::string>;  // stamp, instance: the order of the queue

  // Drops what is not fresh any more, or has a stamp from too far ahead.
  void Expire(NodeTime now);
  // Keeps the greater of the stamps that `instance` has come with.
  void Register(const std::string& instance, Stamp stamp, NodeTime fresh_until);
  bool Leave(const std::string& instance) { return entries_.erase(instance) > 0; }

  Stamp StampOf(const std::string& instance) const;      // 0: no entry
  Stamp GreatestBut(const std::string& instance) const;  // of the others; 0: there are none
  std::optional<Place> FirstBut(const std::string& instance) const;

 private:
  struct Entry {
    Stamp stamp = 0;
    NodeTime fresh_until = 0;
  };
  std::map<std::string, Entry> entries_;
};

}  // namespace redlockd::engine
