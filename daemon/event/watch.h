#pragma once

#include <functional>
#include <memory>

namespace redlockd::event {

class Loop;

// Waits for a descriptor, which it does not own: destroy the Watch before close() (epoll goes on
// reporting a descriptor that is closed while a copy of it lives elsewhere).
class Watch {
 public:
  // What can be watched, and is reported; or-ed together.
  enum What : unsigned {
    kNothing = 0,
    kRead = 1,    // something to read, or the end, or an error: read() says which
    kWrite = 2,   // room to write, or an error
    kClosed = 4,  // the peer has shut its side down, or is gone: LookAt says which
  };
  enum class Trigger {
    kLevel,  // reported again each turn while it is so
    kEdge,   // reported once for each change, and once for what is so when it is wanted: read or
             // write until EAGAIN. The only one that can go on waiting for a full close after a
             // half-close.
  };

  // Wants nothing yet. kClosed cannot be wanted with Trigger::kLevel.
  Watch(Loop& loop, int fd, Trigger trigger, std::function<void(unsigned what)> callback);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // Replaces what is wanted. Nothing happens (no system call) if it is the same.
  void Want(unsigned what);
  unsigned wanted() const;
  int fd() const;

 private:
  struct Core;
  std::unique_ptr<Core> core_;
};

// How much of a connected stream socket is left.
enum class PeerState {
  kOpen,
  kHalfClosed,  // sends no more, may still read
  kGone,        // closed, or reset
};
PeerState LookAt(int fd);

}  // namespace redlockd::event
