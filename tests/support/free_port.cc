#include "tests/support/free_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>

namespace redlockd::test {
namespace {

constexpr int kFirst = 20000;
constexpr int kLast = 31999;

// The reservation is a name in the abstract socket namespace: the kernel lets one process have it
// and takes it back when that process ends, however it ends.
Fd Reserve(int port) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = "redlockd-test-port-" + std::to_string(port);
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) fd.Close();
  return fd;
}

bool CanBind(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

FreePort::FreePort() {
  std::random_device random;
  std::uniform_int_distribution<int> ports(kFirst, kLast);
  for (int tries = 0; tries < 1000; ++tries) {
    const int port = ports(random);
    Fd reservation = Reserve(port);
    if (!reservation || !CanBind(port)) continue;
    reservation_ = std::move(reservation);
    number_ = static_cast<std::uint16_t>(port);
    return;
  }
  throw std::runtime_error("no free TCP port between 20000 and 31999");
}

}  // namespace redlockd::test
