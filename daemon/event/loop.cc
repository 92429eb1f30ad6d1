#include "daemon/event/loop.h"

#include <event2/event.h>

#include <stdexcept>

#include "base/check.h"
#include "daemon/event/end_of_turn.h"
#include "daemon/event/timer.h"
#include "daemon/event/timer_queue.h"

namespace redlockd::event {

Loop::Loop() : base_(event_base_new()) {
  if (base_ == nullptr) throw std::runtime_error("cannot create an event loop (libevent)");
  timers_ = std::make_unique<TimerQueue>(*this);
}

Loop::~Loop() {
  CHECK(scheduled_.empty());
  timers_.reset();
  event_base_free(base_);
}

void Loop::Run() {
  stopped_ = false;
  while (!stopped_) Turn();
}

bool Loop::RunUntil(const std::function<bool()>& done, std::chrono::nanoseconds at_most) {
  stopped_ = false;
  bool over = false;
  Timer timer(*this, [&over] { over = true; });
  timer.Start(at_most);
  while (!done()) {
    if (stopped_ || over) return false;
    Turn();
  }
  return true;
}

void Loop::Stop() { stopped_ = true; }

void Loop::Turn() {
  const int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;
  event_base_loop(base_, scheduled_.empty() ? flags : flags | EVLOOP_NONBLOCK);
  RunEndOfTurn();
}

void Loop::RunEndOfTurn() {
  if (scheduled_.empty()) return;
  ++turn_;
  at_end_of_turn_ = true;
  running_.swap(scheduled_);
  for (std::size_t i = 0; i < running_.size(); ++i) {  // more may come meanwhile
    EndOfTurn* task = running_[i];
    if (task == nullptr) continue;
    task->scheduled_ = false;
    task->ran_in_ = turn_;
    const auto call = task->task_;  // the task may destroy its EndOfTurn
    (*call)();
  }
  running_.clear();
  at_end_of_turn_ = false;
}

}  // namespace redlockd::event
