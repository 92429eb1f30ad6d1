#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "daemon/engine/node_op.h"
#include "daemon/engine/timing.h"
#include "daemon/engine/types.h"

namespace redlockd::engine {

inline NodeTime Us(Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

// The daemons that want one lock, as one node knows them (rules E6.1, E8), by that node's clock. A
// call of a script may drop and call any number here: a test has few daemons.
class WantQueue {
 public:
  using Place = std::pair<Stamp, std::string>;  // stamp, instance: the order of the queue

  // How an entry hears that it is called.
  enum class Mode : std::uint8_t { kDeaf, kHears, kCalled };
  struct Entry {
    NodeTime until = 0;  // fresh so long
    NodeTime at = 0;     // a call does not shorten that to less
    NodeTime grace = 0;
    Mode mode = Mode::kDeaf;
    bool shares = false;  // it wants to share the lock (rule F6)
  };
  // The first other that is fresh, and the greatest stamp of all others.
  struct Other {
    Place place;
    Stamp greatest = 0;
  };
  // Sends a hint, and returns whether it is heard.
  using Publish = std::function<bool(NodeHint::Kind, const std::string& instance, Duration rest)>;

  // Forgets all of it, once nobody has come for long.
  void Expire(NodeTime now);
  // The stamp takes the place of one that `instance` came with before. Returns its place, from 1.
  std::uint32_t Register(NodeTime now, const Timing& timing, const std::string& instance,
                         const AcquireOp& op, bool shares, bool hears);
  void Put(NodeTime now, const Place& place, const Entry& entry);
  bool Leave(const std::string& instance);
  void NoteGrant();  // rule E8.8

  // Drops those before it that are not fresh.
  std::optional<Other> FirstBut(NodeTime now, const std::string& instance);
  // The first other that is fresh and does not want to share the lock. Drops none.
  std::optional<Place> FirstAlone(NodeTime now, const std::string& instance) const;
  // Rule E8.4: calls `first`, which is the first but `instance`, and who is called with it; while the
  // lock is shared, only those who want to share it (rule F7). Returns the first by then, and how
  // long it may take to come, 0 if it was not called.
  std::pair<std::optional<Other>, Duration> Call(NodeTime now, const std::string& instance,
                                                 std::optional<Other> first, bool is_shared,
                                                 const Publish& publish);

  bool empty() const { return entries_.empty(); }
  Stamp StampOf(const std::string& instance) const;          // 0: no entry
  std::uint32_t PlaceOf(const std::string& instance) const;  // from 1; it has an entry
  bool IsFresh(NodeTime now, const std::string& instance) const;
  bool IsFirst(const std::string& instance) const;

 private:
  using Entries = std::map<Place, Entry>;

  Entries::const_iterator Find(const std::string& instance) const;
  void Live(NodeTime now, NodeTime life);
  void Drop(Entries::iterator entry, bool was_called);
  static bool CallOne(NodeTime now, Entries::value_type& entry, const Publish& publish);
  void CallBeside(NodeTime now, const std::string& instance, const Place& first,
                  const Publish& publish);
  void CallAhead(NodeTime now, const std::string& instance, const Place& first, Duration rest,
                 bool next_knows, const Publish& publish);

  Entries entries_;
  int ahead_ = 1;             // how many are called at a time
  std::int64_t last_ms_ = 0;  // the queue is there so long
};

}  // namespace redlockd::engine
