#pragma once

#include <functional>

#include "daemon/event/timer.h"
#include "daemon/event/watch.h"
#include "daemon/session/descriptor.h"

namespace redlockd::event {
class Loop;
}

namespace redlockd::session {

// Accepts connections from a listening, non-blocking socket, which it does not own, some in a turn
// so that a storm of them does not hold up the clients that are there.
//
// When the process has no descriptor left, a spare one is given up to tell a client so and to close
// it: left in the queue, the client would wait and the loop would spin.
class Listener {
 public:
  // `accepted` gets each connection, non-blocking and close-on-exec.
  Listener(event::Loop& loop, int fd, std::function<void(Descriptor)> accepted);

 private:
  void OnReadable();
  bool AcceptOne();  // false: enough for this turn
  void TurnAway();

  const int fd_;
  std::function<void(Descriptor)> accepted_;
  Descriptor spare_;
  event::Timer pause_;
  event::Watch watch_;
};

}  // namespace redlockd::session
