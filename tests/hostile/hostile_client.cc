#include "tests/hostile/hostile_client.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <stdexcept>

namespace redlockd::test {

using redlock::protocol::LineReader;

bool HostileClient::Say(std::string_view bytes) {
  unsent_ += bytes;
  while (!unsent_.empty() && !closed_) {
    const ssize_t sent =
        send(fd_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0) closed_ = true;
    if (sent > 0) unsent_.erase(0, static_cast<std::size_t>(sent));
  }
  return !closed_;
}

void HostileClient::Wait(short events) {
  pollfd one{.fd = fd_.get(), .events = events, .revents = 0};
  if (poll(&one, 1, Countdown(kPatience).left_ms()) <= 0) {
    throw std::runtime_error("the daemon neither reads nor answers");
  }
}

void HostileClient::SayAll() {
  while (Say("") && !unsent_.empty()) Wait(POLLOUT);
}

void HostileClient::SayUntilClosed(std::string_view bytes) {
  while (Say(unsent_.empty() ? bytes : "")) {
    if (!unsent_.empty()) Wait(POLLOUT);
  }
}

HostileClient::Answers HostileClient::Hear(std::size_t answers) {
  Answers got;
  while (got.ok + got.err < answers) {
    if (!Say("")) throw std::runtime_error("the daemon closed instead of answering");
    Wait(unsent_.empty() ? POLLIN : POLLIN | POLLOUT);
    Read(got);
  }
  return got;
}

void HostileClient::Read(Answers& answers) {
  std::array<char, 65536> bytes;
  const ssize_t got = recv(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got == 0 || (got < 0 && errno != EAGAIN)) closed_ = true;
  if (got <= 0) return;
  reader_.Append({bytes.data(), static_cast<std::size_t>(got)});
  std::string_view line;
  while (reader_.Next(&line) == LineReader::Status::kLine) {
    if (line.starts_with('#')) line.remove_prefix(line.find(' ') + 1);
    if (line.starts_with("OK")) ++answers.ok;
    if (line.starts_with("ERR")) ++answers.err;
  }
}

}  // namespace redlockd::test
