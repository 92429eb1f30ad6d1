#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <utility>

#include "daemon/engine/types.h"

namespace redlockd::engine {

class Alarm;

// All that is to happen at a time. Alarms of one time run in the order in which they were made, so
// that a run can be replayed.
class Agenda {
 public:
  std::optional<Time> Next() const;
  // Runs what is due by `now`, earliest first. What a running alarm sets for `now` or before runs
  // as well.
  void Run(Time now);

 private:
  friend class Alarm;
  struct Entry {
    Time at;
    std::uint64_t id;
    Alarm* alarm;
    bool operator<(const Entry& other) const {
      return std::pair(at, id) < std::pair(other.at, other.id);
    }
  };
  std::set<Entry> entries_;
  std::uint64_t next_id_ = 1;
};

// One thing to do at a time. Belongs to its owner, whose destruction takes it off the agenda; it
// may be destroyed while it runs.
class Alarm {
 public:
  Alarm(Agenda& agenda, std::function<void(Time now)> ring)
      : agenda_(agenda), id_(agenda.next_id_++), ring_(std::move(ring)) {}
  ~Alarm() { Clear(); }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  void Set(Time at);
  void Clear();
  std::optional<Time> at() const { return at_; }

 private:
  friend class Agenda;
  Agenda& agenda_;
  const std::uint64_t id_;
  std::function<void(Time now)> ring_;
  std::optional<Time> at_;
};

}  // namespace redlockd::engine
