#include "daemon/event/timer.h"

#include <event2/event.h>

#include <algorithm>
#include <new>
#include <utility>

#include "daemon/event/loop.h"

namespace redlockd::event {

struct Timer::Core {
  explicit Core(std::function<void()> callback)
      : callback(std::make_shared<std::function<void()>>(std::move(callback))) {}
  ~Core() {
    if (timer != nullptr) event_free(timer);
  }

  static void OnTimer(evutil_socket_t, short, void* core) {
    const auto call = static_cast<Core*>(core)->callback;  // it may destroy the timer
    (*call)();
  }

  std::shared_ptr<std::function<void()>> callback;
  ::event* timer = nullptr;
};

Timer::Timer(Loop& loop, std::function<void()> callback)
    : core_(std::make_unique<Core>(std::move(callback))) {
  core_->timer = evtimer_new(loop.base(), &Core::OnTimer, core_.get());
  if (core_->timer == nullptr) throw std::bad_alloc();
}

Timer::~Timer() = default;

void Timer::Start(std::chrono::nanoseconds after) {
  // Rounded up: a timer never fires early.
  const auto us = std::chrono::ceil<std::chrono::microseconds>(
      std::max(after, std::chrono::nanoseconds::zero()));
  timeval at{};
  at.tv_sec = static_cast<time_t>(us.count() / 1'000'000);
  at.tv_usec = static_cast<suseconds_t>(us.count() % 1'000'000);
  evtimer_add(core_->timer, &at);
}

void Timer::Cancel() { evtimer_del(core_->timer); }

bool Timer::running() const { return evtimer_pending(core_->timer, nullptr) != 0; }

}  // namespace redlockd::event
