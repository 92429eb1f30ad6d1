#include "tests/bench/line_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace redlockd::bench {
namespace {

[[noreturn]] void Fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

}  // namespace

LineSocket::LineSocket(const std::string& path, Greeting greeting)
    : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (fd_ < 0 || connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    Fail("connecting to " + path);
  }
  if (greeting == Greeting::kNone) return;
  while (buffer_.find('\n') == std::string::npos) Fill();
  if (!buffer_.starts_with("* HELLO")) throw std::runtime_error("greeted by: " + buffer_);
}

LineSocket::LineSocket(LineSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      buffer_(std::move(other.buffer_)),
      taken_(std::exchange(other.taken_, 0)) {}

LineSocket::~LineSocket() {
  if (fd_ >= 0) close(fd_);
}

void LineSocket::Send(std::string_view lines) {
  while (!lines.empty()) {
    const ssize_t sent = send(fd_, lines.data(), lines.size(), MSG_NOSIGNAL);
    if (sent < 0) Fail("sending");
    lines.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void LineSocket::Fill() {
  buffer_.erase(0, std::exchange(taken_, 0));
  std::array<char, 16384> bytes;
  const ssize_t got = recv(fd_, bytes.data(), bytes.size(), 0);
  if (got < 0) Fail("reading");
  if (got == 0) throw std::runtime_error("the daemon closed the connection");
  buffer_.append(bytes.data(), static_cast<std::size_t>(got));
}

bool LineSocket::Next(std::string_view& line) {
  for (;;) {
    const std::size_t end = buffer_.find('\n', taken_);
    if (end == std::string::npos) return false;
    line = std::string_view(buffer_).substr(taken_, end - taken_);
    taken_ = end + 1;
    if (!line.starts_with("* ")) return true;
  }
}

std::string_view LineSocket::Line() {
  std::string_view line;
  while (!Next(line)) Fill();
  return line;
}

long long Number(std::string_view line, std::string_view key) {
  const std::size_t at = line.find(" " + std::string(key) + "=");
  long long number = 0;
  if (at == std::string_view::npos) return number;
  std::from_chars(line.data() + at + key.size() + 2, line.data() + line.size(), number);
  return number;
}

}  // namespace redlockd::bench
