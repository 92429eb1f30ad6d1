#include "daemon/event/signal_watch.h"

#include <event2/event.h>

#include <stdexcept>
#include <string>
#include <utility>

#include "daemon/event/loop.h"

namespace redlockd::event {

struct SignalWatch::Core {
  ~Core() {
    if (watch != nullptr) event_free(watch);
  }

  static void OnSignal(evutil_socket_t, short, void* core) {
    const auto call = static_cast<Core*>(core)->callback;  // it may destroy the watch
    (*call)();
  }

  std::shared_ptr<std::function<void()>> callback;
  ::event* watch = nullptr;
};

SignalWatch::SignalWatch(Loop& loop, int signal, std::function<void()> callback)
    : core_(std::make_unique<Core>()) {
  core_->callback = std::make_shared<std::function<void()>>(std::move(callback));
  core_->watch = evsignal_new(loop.base(), signal, &Core::OnSignal, core_.get());
  if (core_->watch == nullptr || evsignal_add(core_->watch, nullptr) != 0) {
    throw std::runtime_error("cannot watch signal " + std::to_string(signal));
  }
}

SignalWatch::~SignalWatch() = default;

}  // namespace redlockd::event
