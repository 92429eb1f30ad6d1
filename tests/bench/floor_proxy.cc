#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "tests/bench/floor.h"
#include "tests/bench/floor_rounds.h"

namespace redlockd::bench {
namespace {

[[noreturn]] void Fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

int Listen(const std::string& path) {
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (listener < 0 || bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener, 16) != 0) {
    Fail(path);
  }
  return listener;
}

// One client after the other, each with one request under way: a line that begins with l takes the
// next lock, any other lets go of it.
class Proxy {
 public:
  explicit Proxy(const ProxyOptions& options)
      : rounds_(options.ports, 1, [this](std::size_t) { Finish(); }) {}

  void Serve(int client) {
    client_ = client;
    Answer("* HELLO\n");
    while (!rounds_.Turn(client_) || Read()) {
    }
    while (busy_) rounds_.Turn();  // the answer to what this one asked for is not the next one's
    close(client_);
  }

 private:
  bool Read() {
    std::array<char, 4096> line;
    if (recv(client_, line.data(), line.size(), 0) <= 0) return false;
    busy_ = true;
    if (line.front() == 'l') {
      rounds_.Acquire(0);
    } else {
      rounds_.Release(0);
    }
    return true;
  }
  void Finish() {
    busy_ = false;
    Answer("OK\n");
  }
  void Answer(std::string_view line) { send(client_, line.data(), line.size(), MSG_NOSIGNAL); }

  FloorRounds rounds_;
  int client_ = -1;
  bool busy_ = false;  // with a request of the client's
};

}  // namespace

void ServeFloor(const ProxyOptions& options) {
  Proxy proxy(options);
  const int listener = Listen(options.socket);
  while (true) {
    const int client = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) Fail("accepting a client");
    proxy.Serve(client);
  }
}

}  // namespace redlockd::bench
