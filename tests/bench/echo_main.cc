// bench_echo SOCKET: gives back what it reads, on a Unix socket, with libevent's plain events. What
// a daemon on libevent cannot be faster than.
#include <event2/event.h>
#include <event2/listener.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>

namespace {

struct Connection {
  event* readable;
};

void OnReadable(evutil_socket_t fd, short, void* argument) {
  auto* connection = static_cast<Connection*>(argument);
  std::array<char, 4096> bytes;
  const ssize_t got = read(fd, bytes.data(), bytes.size());
  if (got > 0 && write(fd, bytes.data(), static_cast<std::size_t>(got)) == got) return;
  event_free(connection->readable);
  close(fd);
  delete connection;
}

void OnAccept(evconnlistener* listener, evutil_socket_t fd, sockaddr*, int, void*) {
  auto* connection = new Connection;
  connection->readable = event_new(evconnlistener_get_base(listener), fd, EV_READ | EV_PERSIST,
                                   OnReadable, connection);
  event_add(connection->readable, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: bench_echo SOCKET\n");
    return 64;
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string(argv[1]).copy(address.sun_path, sizeof address.sun_path - 1);
  event_base* base = event_base_new();
  if (evconnlistener_new_bind(base, OnAccept, nullptr, LEV_OPT_CLOSE_ON_FREE, 16,
                              reinterpret_cast<sockaddr*>(&address), sizeof address) == nullptr) {
    std::perror(argv[1]);
    return 1;
  }
  event_base_dispatch(base);
}
