#include "libclient/connection.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
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

}  // namespace

std::int64_t Now() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

std::int64_t DeadlineAfter(std::int64_t timeout_ns) {
  return timeout_ns < 0 ? kNever : After(Now(), timeout_ns);
}

std::int64_t After(std::int64_t time, std::int64_t more) {
  return more > kNever - time ? kNever : time + more;
}

std::string SocketPath(const char* given) {
  if (given != nullptr) return given;
  const char* environment = std::getenv("REDLOCK_SOCKET");
  if (environment != nullptr && *environment != '\0') return environment;
  return "/run/redlockd/redlockd.sock";
}

std::string Connection::Open(const std::string& path) {
  was_denied_ = was_early_ = false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return "the socket path '" + path + "' has " + std::to_string(path.size()) +
           " bytes: expected 1 to " + std::to_string(sizeof(address.sun_path) - 1);
  }
  path.copy(address.sun_path, path.size());
  fd_ = Socket::Make();
  if (!fd_) return std::string("cannot make a socket: ") + std::strerror(errno);
  pid_ = getpid();
  // A Unix socket is connected at once, or not at all, if the listener's queue is full.
  if (connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    return {};
  }
  was_early_ = errno == EAGAIN;
  was_denied_ = errno == EACCES || errno == EPERM;
  const char* why = was_early_ ? "the daemon does not accept connections" : std::strerror(errno);
  const std::string who = errno == EACCES ? WhoMayConnect(path) : "";
  Close();
  return path + ": " + why + who;
}

Socket Connection::Release() {
  pid_ = 0;
  came_with_.Reset();
  unsent_.clear();
  reader_ = protocol::LineReader(protocol::kReplyLineBytes);
  return std::move(fd_);
}

bool Connection::is_foreign() const { return pid_ != 0 && pid_ != getpid(); }

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

void Connection::TakeControl(const msghdr& message) {
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return;
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
  came_with_.Reset(fd);
}

std::string Connection::Receive() {
  std::array<char, 16384> chunk;
  iovec to{chunk.data(), chunk.size()};
  while (true) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control;
    msghdr message{};
    message.msg_iov = &to;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = recvmsg(fd_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got > 0) {
      TakeControl(message);
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

bool Connection::WaitUntil(std::int64_t deadline, int wake) const {
  while (true) {
    std::array<pollfd, 2> entries{{{fd_.get(), PollEvents(), 0}, {wake, POLLIN, 0}}};
    timespec limit{};
    if (deadline != kNever) {
      const std::int64_t left = Remaining(deadline);
      limit.tv_sec = left / kNsPerSecond;
      limit.tv_nsec = left % kNsPerSecond;
    }
    const int ready =
        ppoll(entries.data(), entries.size(), deadline == kNever ? nullptr : &limit, nullptr);
    if (ready > 0) return true;
    if (ready == 0 && Remaining(deadline) == 0) return false;
  }
}

}  // namespace redlock::client
