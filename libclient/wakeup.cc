#include "libclient/wakeup.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "libclient/socket.h"

namespace redlock::client {

static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

Wakeup::~Wakeup() {
  if (fd() >= 0) close(fd());
}

std::string Wakeup::Open() {
  if (fd() >= 0) return {};
  base::Descriptor made = AboveStandard(base::Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
  if (!made) return std::string("cannot make a descriptor: ") + std::strerror(errno);
  pid_ = getpid();
  fd_ = made.Release();
  return {};
}

// First the descriptor: one who requests writes to it last, and is seen here or next time.
bool Wakeup::Take() {
  std::uint64_t count = 0;
  while (read(fd(), &count, sizeof(count)) < 0 && errno == EINTR) {
  }
  return is_requested_.exchange(false);
}

void Wakeup::Request() {
  const int before = errno;
  if (fd() >= 0 && pid_ != getpid()) return;
  is_requested_ = true;
  const std::uint64_t one = 1;
  while (fd() >= 0 && write(fd(), &one, sizeof(one)) < 0 && errno == EINTR) {
  }
  errno = before;
}

}  // namespace redlock::client
