#include "libclient/connection.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "libclient/permission.h"

namespace redlock::client {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;

std::int64_t Remaining(std::int64_t deadline) {
  return std::max<std::int64_t>(deadline - Now(), 0);
}

// A Unix socket's connect() waits only while the listener's queue is full; SO_SNDTIMEO bounds that.
void BoundConnect(int fd, std::int64_t deadline) {
  if (deadline == kNever) return;
  const std::int64_t us =
      std::max<std::int64_t>(Remaining(deadline) / 1000, 1);  // 0 would mean forever
  timeval limit{};
  limit.tv_sec = us / 1'000'000;
  limit.tv_usec = us % 1'000'000;
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

// Not one of 0 to 2, also if those are closed: what the program says to people must not reach the
// daemon.
base::Descriptor MakeSocket() {
  base::Descriptor made(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!made || made.get() > STDERR_FILENO) return made;
  return base::Descriptor(fcntl(made.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

}  // namespace

std::int64_t Now() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

std::int64_t DeadlineAfter(std::int64_t timeout_ns) {
  if (timeout_ns < 0) return kNever;
  const std::int64_t now = Now();
  return timeout_ns > kNever - now ? kNever : now + timeout_ns;
}

std::string SocketPath(const char* given) {
  if (given != nullptr) return given;
  const char* environment = std::getenv("REDLOCK_SOCKET");
  if (environment != nullptr && *environment != '\0') return environment;
  return "/run/redlockd/redlockd.sock";
}

std::string Connection::Open(const std::string& path, std::int64_t deadline) {
  was_denied_ = false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return "the socket path '" + path + "' has " + std::to_string(path.size()) +
           " bytes: expected 1 to " + std::to_string(sizeof(address.sun_path) - 1);
  }
  path.copy(address.sun_path, path.size());
  fd_ = MakeSocket();
  if (!fd_) return std::string("cannot make a socket: ") + std::strerror(errno);
  pid_ = getpid();
  int result = 0;
  do {
    BoundConnect(fd_.get(), deadline);
    result = connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  } while (result < 0 && errno == EINTR && Remaining(deadline) > 0);
  if (result < 0) {
    // EAGAIN is what SO_SNDTIMEO makes of a full queue, EINTR the same with a signal at the end.
    const bool is_late = errno == EAGAIN || errno == EINTR;
    const char* why = is_late ? "the daemon does not accept connections" : std::strerror(errno);
    was_denied_ = errno == EACCES || errno == EPERM;
    const std::string who = errno == EACCES ? WhoMayConnect(path) : "";
    Close();
    return path + ": " + why + who;
  }
  fcntl(fd_.get(), F_SETFL, fcntl(fd_.get(), F_GETFL) | O_NONBLOCK);
  return {};
}

base::Descriptor Connection::Release() {
  unsent_.clear();
  reader_ = protocol::LineReader(protocol::kReplyLineBytes);
  return std::move(fd_);
}

bool Connection::is_foreign() const { return is_open() && pid_ != getpid(); }

void Connection::Send(std::string_view bytes) {
  unsent_ += bytes;
  Flush();
}

void Connection::Flush() {
  while (!unsent_.empty()) {
    const ssize_t sent =
        send(fd_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      unsent_.erase(0, static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != EINTR) {
      // The other side is gone; what it said before is still to be read, and the end after it.
      unsent_.clear();
    }
  }
}

std::string Connection::Receive() {
  std::array<char, 16384> chunk;
  while (true) {
    const ssize_t got = recv(fd_.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (got > 0) {
      reader_.Append(std::string_view(chunk.data(), static_cast<std::size_t>(got)));
    } else if (got == 0) {
      return "the daemon closed the connection";
    } else if (errno == EAGAIN) {
      return {};
    } else if (errno != EINTR) {
      return std::string("the connection to the daemon broke: ") + std::strerror(errno);
    }
  }
}

short Connection::PollEvents() const {
  return static_cast<short>(has_unsent() ? POLLIN | POLLOUT : POLLIN);
}

bool Connection::WaitUntil(std::int64_t deadline) const {
  while (true) {
    pollfd entry{fd_.get(), PollEvents(), 0};
    timespec limit{};
    if (deadline != kNever) {
      const std::int64_t left = Remaining(deadline);
      limit.tv_sec = left / kNsPerSecond;
      limit.tv_nsec = left % kNsPerSecond;
    }
    const int ready = ppoll(&entry, 1, deadline == kNever ? nullptr : &limit, nullptr);
    if (ready > 0) return true;
    if (ready == 0 && Remaining(deadline) == 0) return false;
  }
}

}  // namespace redlock::client
