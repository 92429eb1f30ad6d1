#include "daemon/host/tcp_socket.h"

#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace redlockd::host {
namespace {

using redlock::base::Descriptor;

constexpr int kBacklog = 16;

std::string Failed(const std::string& ip, std::uint16_t port, const char* why) {
  return "cannot listen on " + ip + " port " + std::to_string(port) + ": " + why;
}

}  // namespace

std::variant<Descriptor, std::string> ListenOnTcp(const std::string& ip, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(ip.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) return Failed(ip, port, gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> address(found, &freeaddrinfo);

  Descriptor fd(socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;  // a daemon that is started again need not wait for old connections to end
  if (!fd || setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(fd.get(), address->ai_addr, address->ai_addrlen) != 0 ||
      listen(fd.get(), kBacklog) != 0) {
    return Failed(ip, port, std::strerror(errno));
  }
  return fd;
}

}  // namespace redlockd::host
