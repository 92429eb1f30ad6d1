#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>

#include "tests/fuzz/check.h"

namespace redlockd::fuzz {

// Listens on a Unix socket of this process's own that has no file: its name begins with a NUL.
class LocalListener {
 public:
  LocalListener() : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    const auto address = Address();
    const auto* name = reinterpret_cast<const sockaddr*>(&address);
    FUZZ_CHECK(bind(fd_, name, sizeof address) == 0 && listen(fd_, 16) == 0, "cannot listen");
  }
  ~LocalListener() { close(fd_); }
  LocalListener(const LocalListener&) = delete;
  LocalListener& operator=(const LocalListener&) = delete;

  int fd() const { return fd_; }
  std::string path() const {
    return std::string(1, '\0') + "redlockd-fuzz-" + std::to_string(getpid());
  }
  // A connection to it, non-blocking.
  int Connect() const {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const auto address = Address();
    const auto* name = reinterpret_cast<const sockaddr*>(&address);
    FUZZ_CHECK(connect(fd, name, sizeof address) == 0, "cannot connect");
    return fd;
  }

 private:
  sockaddr_un Address() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path);
    return address;
  }

  int fd_;
};

}  // namespace redlockd::fuzz
