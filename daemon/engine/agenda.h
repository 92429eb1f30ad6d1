#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/engine/types.h"

namespace redlockd::engine {

class Alarm;

// All that is to happen at a time. Alarms of one time run in the order in which they were made, so
// that a run can be replayed.
//
// A heap, of which each alarm has one entry at most. One that is cleared or put off keeps its entry
// until that comes to the top: most alarms are put off again and again, and never ring.
class Agenda {
 public:
  std::optional<Time> Next();
  // Runs the first alarm that is due by `now`; returns false if there is none.
  bool RunNext(Time now);

 private:
  friend class Alarm;
  struct Entry {
    Time at;  // that of the alarm, or earlier
    std::uint64_t id;
    Alarm* alarm;
    bool operator<(const Entry& other) const {
      return std::pair(at, id) < std::pair(other.at, other.id);
    }
  };
  // Brings the first alarm that is set to the top, at its time.
  void Prune();
  void Insert(Entry entry);
  void Remove(std::size_t place);
  void Rise(std::size_t place, Entry entry);
  void Sink(std::size_t place, Entry entry);
  void Put(std::size_t place, const Entry& entry);

  std::vector<Entry> heap_;
  std::uint64_t next_id_ = 1;
};

// One thing to do at a time. Belongs to its owner, whose destruction takes it off the agenda; it
// may be destroyed while it runs.
class Alarm {
 public:
  Alarm(Agenda& agenda, std::function<void(Time now)> ring)
      : agenda_(agenda), id_(agenda.next_id_++), ring_(std::move(ring)) {}
  ~Alarm();
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  void Set(Time at);
  void Clear() { at_ = kNever; }
  std::optional<Time> at() const { return at_ == kNever ? std::nullopt : std::optional(at_); }

 private:
  friend class Agenda;
  static constexpr Time kNever = Time::max();
  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);

  Agenda& agenda_;
  const std::uint64_t id_;
  std::function<void(Time now)> ring_;
  Time at_ = kNever;
  std::size_t place_ = kNowhere;  // of its entry
};

}  // namespace redlockd::engine
