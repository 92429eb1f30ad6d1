#include "tests/support/line_client.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <variant>

namespace redlockd::test {

using redlock::protocol::LineReader;

Fd ConnectTo(const std::string& socket_path) {
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket_path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("connect " + socket_path + ": " + std::strerror(errno));
  }
  return fd;
}

LineClient::LineClient(const std::string& socket_path) : fd_(ConnectTo(socket_path)) {
  hello_ = Event("HELLO");
}

LineClient LineClient::WithoutHello(const std::string& socket_path) {
  return LineClient(ConnectTo(socket_path));
}

void LineClient::Send(std::string_view line) { SendBytes(std::string(line) + '\n'); }

void LineClient::SendBytes(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) throw std::runtime_error(std::string("send: ") + std::strerror(errno));
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

Reply LineClient::Answer(Duration patience) {
  const Countdown countdown(patience);
  rows_.clear();
  for (;;) {
    while (!incoming_.empty()) {
      Reply reply = std::move(incoming_.front());
      incoming_.pop_front();
      if (reply.kind != Reply::Kind::kRow) return reply;
      rows_.push_back(std::move(reply));
    }
    if (!ReadSome(countdown)) throw std::runtime_error("the daemon closed instead of answering");
  }
}

std::string LineClient::Brief(std::string_view line) { return test::Brief(Ask(line)); }

Reply LineClient::Event(std::string_view word, Duration patience) {
  const Countdown countdown(patience);
  for (;;) {
    const auto found = std::find_if(events_.begin(), events_.end(),
                                    [&](const Reply& event) { return event.word == word; });
    if (found != events_.end()) {
      Reply event = std::move(*found);
      events_.erase(found);
      return event;
    }
    if (!ReadSome(countdown)) throw std::runtime_error("closed without " + std::string(word));
  }
}

bool LineClient::HasEvent(std::string_view word) {
  ReadWhatIsThere();
  return std::any_of(events_.begin(), events_.end(),
                     [&](const Reply& event) { return event.word == word; });
}

bool LineClient::HasAnswer() {
  ReadWhatIsThere();
  return !incoming_.empty();
}

void LineClient::HalfClose() { shutdown(fd_.get(), SHUT_WR); }
void LineClient::ShutdownRead() { shutdown(fd_.get(), SHUT_RD); }
void LineClient::ShutdownBoth() { shutdown(fd_.get(), SHUT_RDWR); }

bool LineClient::Closed(Duration patience) {
  const Countdown countdown(patience);
  while (!ended_) {
    if (!WaitReadable(fd_.get(), countdown)) return false;
    ReadSome(countdown);
  }
  return true;
}

bool LineClient::ReadSome(const Countdown& countdown) {
  if (ended_) return false;
  if (!WaitReadable(fd_.get(), countdown)) {
    throw std::runtime_error("no answer in time");
  }
  char bytes[4096];
  const ssize_t got = recv(fd_.get(), bytes, sizeof bytes, 0);
  if (got <= 0) {
    ended_ = true;
    return false;
  }
  reader_.Append({bytes, static_cast<std::size_t>(got)});
  std::string_view line;
  for (;;) {
    switch (reader_.Next(&line)) {
      case LineReader::Status::kLine:
        Sort(line);
        break;
      case LineReader::Status::kTooLong:
        throw std::runtime_error("the daemon wrote a line that is too long");
      case LineReader::Status::kNeedMore:
        return true;
    }
  }
}

void LineClient::ReadWhatIsThere() {
  const Countdown now(Duration::zero());
  while (!ended_ && WaitReadable(fd_.get(), now)) ReadSome(now);
}

void LineClient::Sort(std::string_view line) {
  std::variant<Reply, std::string> parsed = redlock::protocol::ParseReply(line);
  if (const auto* wrong = std::get_if<std::string>(&parsed)) {
    throw std::runtime_error("the daemon wrote '" + std::string(line) + "': " + *wrong);
  }
  Reply& reply = std::get<Reply>(parsed);
  (reply.kind == Reply::Kind::kEvent ? events_ : incoming_).push_back(std::move(reply));
}

std::string Get(const Reply& reply, std::string_view key) {
  const std::string* value = reply.Find(key);
  if (value == nullptr) throw std::runtime_error("no " + std::string(key) + " in " + Line(reply));
  return *value;
}

std::uint64_t GetNumber(const Reply& reply, std::string_view key) {
  return std::stoull(Get(reply, key));
}

std::string Brief(const Reply& reply) {
  switch (reply.kind) {
    case Reply::Kind::kOk:
      return "OK";
    case Reply::Kind::kErr:
      return "ERR " + reply.word;
    case Reply::Kind::kRow:
      return "-";
    case Reply::Kind::kEvent:
      return "* " + reply.word;
  }
  return {};
}

std::string Line(const Reply& reply) {
  std::string line = (reply.tag.empty() ? "" : '#' + reply.tag + ' ') + Brief(reply);
  for (const std::string& word : reply.words) line += ' ' + word;
  for (const auto& [key, value] : reply.fields) line += ' ' + key + '=' + value;
  if (!reply.text.empty()) line += " :" + reply.text;
  return line;
}

}  // namespace redlockd::test
