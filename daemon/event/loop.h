#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

struct event_base;

// The event room: the daemon's one loop, and what one can wait for in it: Timer, BootAlarm, Watch,
// SignalWatch, EndOfTurn, Stream. Each of these is bound to one callback at construction and stops
// when it is destroyed. Rules that hold for all of them:
//
// - One thread. Nothing here is thread-safe.
// - They must be destroyed before their Loop.
// - A callback may destroy the object it belongs to, or any other; an object that is destroyed
//   calls back no more, not even for what had already happened in this turn.
// - A callback never runs from within a call into this room, only from Loop::Run.
namespace redlockd::event {

class EndOfTurn;
class TimerQueue;

// One turn: wait for something to happen, run the callbacks of all that has happened, then run the
// EndOfTurn tasks that were scheduled.
class Loop {
 public:
  Loop();  // throws std::runtime_error if the kernel gives no epoll or no timer
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void Run();   // until Stop
  void Stop();  // ends Run after the present turn; before Run it has no effect

  // Turns until `done()`, asked before each turn, or Stop, or until `at_most` has passed. Returns
  // the last answer of `done`. For what must come to an end: draining, tests.
  bool RunUntil(const std::function<bool()>& done, std::chrono::nanoseconds at_most);

  // For this room only.
  event_base* base() { return base_; }
  TimerQueue& timers() { return *timers_; }

 private:
  friend class EndOfTurn;
  void Turn();
  void RunEndOfTurn();

  event_base* base_;
  std::unique_ptr<TimerQueue> timers_;
  bool stopped_ = false;
  std::uint64_t turn_ = 0;
  bool at_end_of_turn_ = false;
  std::vector<EndOfTurn*> scheduled_;
  std::vector<EndOfTurn*> running_;  // of the end of this turn; those destroyed meanwhile are null
};

}  // namespace redlockd::event
