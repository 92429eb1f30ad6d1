#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "daemon/engine/effects.h"
#include "daemon/engine/types.h"

namespace redlockd::engine {

// Which tasks wait for which locks, to find those that wait for each other in a cycle (rule W1). Who
// holds a lock it asks the lock. Decides nothing.
class WaitsFor {
 public:
  // What a task may wait for.
  class Lockable {
   public:
    virtual const std::string& name() const = 0;  // asked for where somebody holds it
    // The tasks that hold it, until `visit` returns false; none of a hold that is for no task.
    using Visit = std::function<bool(TaskId)>;
    virtual void ForEachHolder(const Visit& visit) const = 0;

   protected:
    ~Lockable() = default;
  };

  // One request of a task that waits for a lock, for as long as the object lives. Both references
  // outlive it; it is not moved.
  class Wait {
   public:
    Wait(WaitsFor& all, const Lockable& lock, TaskId task, SessionId session, RequestId request);
    ~Wait();
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;

    // As long as the line of the lock passes it over (rule G5), it does not wait for its holders.
    void PassOver(bool is_passed_over) { is_passed_over_ = is_passed_over; }

   private:
    friend class WaitsFor;
    void ForEachHolder(const Lockable::Visit& visit) const {
      if (!is_passed_over_) lock_.ForEachHolder(visit);
    }

    WaitsFor& all_;
    const Lockable& lock_;
    const TaskId task_;
    const SessionId session_;
    const RequestId request_;
    const std::uint64_t number_;  // the greater, the younger
    bool is_passed_over_ = false;
    Wait* next_ = nullptr;   // in its bucket
    Wait** link_ = nullptr;  // to it, from the one before
  };

  struct Cycle {
    SessionId session;  // these two of its youngest request
    RequestId request;
    std::vector<InCycle> waits;  // from that request on
  };
  // The shortest cycle that this task is in; none if there is none, or if it is not among the waits
  // that are looked at: at most kMostWaits, those nearest to the task, and as many holders of the same lock.
  std::optional<Cycle> CycleOf(TaskId task) const;
  static constexpr std::size_t kMostWaits = 256;

 private:
  // A wait that was reached by way of an earlier one, whose lock its task holds.
  struct Reached {
    const Wait* wait;
    std::size_t before;  // kNone: a wait of the task itself
  };
  static constexpr std::size_t kNone = SIZE_MAX;
  std::size_t BucketOf(TaskId task) const;
  void Insert(Wait& wait);
  void Grow();
  template <typename Visit>
  void ForEachOf(TaskId task, Visit visit) const;
  bool Waits(TaskId task) const;
  static Cycle CycleTo(const std::vector<Reached>& reached, std::size_t last);
  bool AddWaits(TaskId task, std::size_t before, std::vector<Reached>& reached) const;

  // By task. Each request that waits is entered, so the waits are linked and nothing is allocated.
  std::vector<Wait*> buckets_;  // a power of two
  std::size_t count_ = 0;
  std::uint64_t last_number_ = 0;
};

}  // namespace redlockd::engine
