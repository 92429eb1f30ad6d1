#include "daemon/session/listener.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <string>

#include "protocol/reply.h"

namespace redlockd::session {
namespace {

using redlock::base::Descriptor;

using namespace std::chrono_literals;

constexpr int kAcceptsPerTurn = 8;
constexpr auto kPause = 100ms;  // where this process or the whole machine has no descriptor left

// The kernel gives out the lowest free number: all below it are in use.
bool IsReserved(const Descriptor& descriptor, std::size_t reserved) {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
         static_cast<rlim_t>(descriptor.get()) + reserved >= limit.rlim_cur;
}

void TurnAway(const Descriptor& client) {
  std::string line;
  redlock::protocol::ReplyLine::Err(line, "", redlock::protocol::ErrorCode::kLimit)
      .Text("the daemon has no file descriptor left for another session");
  // A client that has left already need not know.
  (void)send(client.get(), line.data(), line.size(), MSG_NOSIGNAL);
}

}  // namespace

Listener::Listener(event::Loop& loop, int fd, std::size_t reserved,
                   std::function<void(Descriptor)> accepted)
    : fd_(fd),
      reserved_(reserved),
      accepted_(std::move(accepted)),
      pause_(loop, [this] { watch_.Want(event::Watch::kRead); }),
      watch_(loop, fd, event::Watch::Trigger::kLevel, [this](unsigned) { OnReadable(); }) {
  watch_.Want(event::Watch::kRead);
}

void Listener::Stop() {
  pause_.Cancel();
  watch_.Want(event::Watch::kNothing);
}

void Listener::OnReadable() {
  for (int i = 0; i < kAcceptsPerTurn && AcceptOne(); ++i) {
  }
}

bool Listener::AcceptOne() {
  Descriptor client(accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (client) {
    if (IsReserved(client, reserved_)) {
      TurnAway(client);
    } else {
      accepted_(std::move(client));
    }
    return true;
  }
  switch (errno) {
    case EINTR:
    case ECONNABORTED:
      return true;
    case EAGAIN:
      return false;
    default:  // EMFILE, ENFILE, ENOBUFS, ENOMEM
      watch_.Want(event::Watch::kNothing);
      pause_.Start(kPause);
      return false;
  }
}

}  // namespace redlockd::session
