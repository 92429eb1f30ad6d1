#include "daemon/session/listener.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <string>

#include "protocol/reply.h"

namespace redlockd::session {
namespace {

using namespace std::chrono_literals;

constexpr int kAcceptsPerTurn = 32;
constexpr auto kPause = 100ms;  // where not even the spare descriptor helps

Descriptor Spare() { return Descriptor(open("/dev/null", O_RDONLY | O_CLOEXEC)); }

}  // namespace

Listener::Listener(event::Loop& loop, int fd, std::function<void(Descriptor)> accepted)
    : fd_(fd),
      accepted_(std::move(accepted)),
      spare_(Spare()),
      pause_(loop, [this] { watch_.Want(event::Watch::kRead); }),
      watch_(loop, fd, event::Watch::Trigger::kLevel, [this](unsigned) { OnReadable(); }) {
  watch_.Want(event::Watch::kRead);
}

void Listener::OnReadable() {
  for (int i = 0; i < kAcceptsPerTurn && AcceptOne(); ++i) {
  }
}

bool Listener::AcceptOne() {
  Descriptor client(accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (client) {
    accepted_(std::move(client));
    return true;
  }
  switch (errno) {
    case EINTR:
    case ECONNABORTED:
      return true;
    case EAGAIN:
      return false;
    default:  // EMFILE, ENFILE, ENOBUFS, ENOMEM
      TurnAway();
      return false;
  }
}

void Listener::TurnAway() {
  spare_.Reset();
  const Descriptor client(accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (client) {
    std::string line;
    redlock::protocol::ReplyLine::Err(line, "", redlock::protocol::ErrorCode::kLimit)
        .Text("the daemon has no file descriptor left for one more session");
    // A client that has left already need not be told.
    (void)send(client.get(), line.data(), line.size(), MSG_NOSIGNAL);
  } else {
    watch_.Want(event::Watch::kNothing);
    pause_.Start(kPause);
  }
  spare_ = Spare();
}

}  // namespace redlockd::session
