#pragma once

#include <functional>
#include <memory>

namespace redlockd::event {

class Loop;

// Calls back in the loop when the process gets `signal`; while it lives the signal has no other
// effect. Signals that come together may be reported once.
class SignalWatch {
 public:
  SignalWatch(Loop& loop, int signal, std::function<void()> callback);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  struct Core;
  std::unique_ptr<Core> core_;
};

}  // namespace redlockd::event
