// The socket of a session. The daemon keeps a session, and its locks, as long as any process has a copy
// of its socket; so a child that is forked must not have one.
#pragma once

#include <memory>

#include "base/descriptor.h"

namespace redlock::client {

// Not one of 0 to 2, also if those are closed: what the program says to people must not reach others.
base::Descriptor AboveStandard(base::Descriptor made);

// Owns a socket, and closes it; also in each child of this process, as soon as that is forked. Then the
// object is without a socket there.
class Socket {
 public:
  Socket() = default;
  // A stream socket of AF_UNIX, close-on-exec and non-blocking. If there is none, errno says why.
  static Socket Make();
  // Sockets may be made, moved and closed while a mutex is taken that a pthread_atfork() function
  // takes as well, if this was called before that one was registered.
  static void WatchForks();

  int get() const { return socket_ ? socket_->get() : -1; }
  explicit operator bool() const { return get() >= 0; }

 private:
  struct Close {
    void operator()(base::Descriptor* socket) const;
  };
  std::unique_ptr<base::Descriptor, Close> socket_;
};

}  // namespace redlock::client
