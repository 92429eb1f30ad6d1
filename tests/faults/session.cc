#include "tests/faults/session.h"

#include <poll.h>
#include <sys/socket.h>

#include <stdexcept>
#include <variant>

namespace redlockd::test::faults {

using redlock::protocol::LineReader;

Session::Session(const std::string& socket_path) : fd_(ConnectTo(socket_path)) {}

bool Session::Send(std::string_view line) {
  const std::string bytes = std::string(line) + '\n';
  if (!ended_ && send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
                     static_cast<ssize_t>(bytes.size())) {
    return true;
  }
  ended_ = true;
  return false;
}

std::optional<Reply> Session::Next(Duration patience) {
  if (lines_.empty()) {
    // Also where there is nothing to read any more: who asks wants to wait.
    pollfd one{.fd = ended_ ? -1 : fd_.get(), .events = POLLIN, .revents = 0};
    const timespec timeout{.tv_sec = patience / 1s, .tv_nsec = (patience % 1s).count()};
    if (ppoll(&one, 1, &timeout, nullptr) > 0) Read();
  }
  if (lines_.empty()) return std::nullopt;
  Reply line = std::move(lines_.front());
  lines_.pop_front();
  return line;
}

void Session::Read() {
  char bytes[4096];
  const ssize_t got = recv(fd_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
  if (got <= 0) {
    ended_ = true;
    return;
  }
  reader_.Append({bytes, static_cast<std::size_t>(got)});
  std::string_view line;
  while (reader_.Next(&line) == LineReader::Status::kLine) {
    std::variant<Reply, std::string> parsed = redlock::protocol::ParseReply(line);
    if (const auto* wrong = std::get_if<std::string>(&parsed)) {
      throw std::runtime_error("the daemon wrote '" + std::string(line) + "': " + *wrong);
    }
    lines_.push_back(std::move(std::get<Reply>(parsed)));
  }
}

void Session::HalfClose() { shutdown(fd_.get(), SHUT_WR); }

}  // namespace redlockd::test::faults
