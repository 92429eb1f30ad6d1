#pragma once

#include <cstddef>
#include <functional>

#include "base/descriptor.h"
#include "daemon/event/timer.h"
#include "daemon/event/watch.h"

namespace redlockd::event {
class Loop;
}

namespace redlockd::session {

// Accepts connections from a listening, non-blocking socket, which it does not own, some in a turn
// so that a storm of them does not hold up the clients that are there.
//
// Leaves the last `reserved` descriptors of the process to others: a client that would get one of
// them gets an error and is closed. So a crowd of clients does not take what the nodes' connections need,
// and nobody waits in the queue while the loop spins.
class Listener {
 public:
  // `accepted` gets each connection, non-blocking and close-on-exec.
  Listener(event::Loop& loop, int fd, std::size_t reserved,
           std::function<void(redlock::base::Descriptor)> accepted);

  // Leaves who connects from now on in the socket's queue.
  void Stop();

 private:
  void OnReadable();
  bool AcceptOne();  // false: enough for this turn

  const int fd_;
  const std::size_t reserved_;
  std::function<void(redlock::base::Descriptor)> accepted_;
  event::Timer pause_;
  event::Watch watch_;
};

}  // namespace redlockd::session
