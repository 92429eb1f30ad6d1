#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <variant>

#include "daemon/host/listen_socket.h"

// activated_program COUNT: runs itself again as a service manager would run a daemon with COUNT
// descriptors from 3 on, and says what ListenSocket made of them.
namespace {

using redlockd::host::ListenSocket;

void Describe(const ListenSocket& listener) {
  const bool is_nonblocking = (fcntl(listener.fd(), F_GETFL) & O_NONBLOCK) != 0;
  const bool is_cloexec = (fcntl(listener.fd(), F_GETFD) & FD_CLOEXEC) != 0;
  std::printf("socket fd=%d path=%s nonblocking=%d cloexec=%d env=%d inherited=%d\n", listener.fd(),
              listener.path().c_str(), is_nonblocking, is_cloexec,
              std::getenv("LISTEN_FDS") != nullptr, listener.is_inherited());
}

int Activated() {
  auto inherited = redlockd::host::Inherited::Take();
  const std::optional<ListenSocket::OrError> made = ListenSocket::Of(inherited);
  if (!made) {
    std::puts("none");
  } else if (const auto* error = std::get_if<ListenSocket::Error>(&*made)) {
    std::printf("error: %s\n", error->text.c_str());
  } else {
    Describe(std::get<ListenSocket>(*made));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  if (std::string(argv[1]) == "activated") return Activated();
  // Without sockets a service manager says nothing of them.
  if (std::string(argv[1]) != "0") setenv("LISTEN_FDS", argv[1], 1);
  setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
  execl(argv[0], argv[0], "activated", nullptr);
  return 127;
}
