#include "tests/unit/libclient/cli_fake_daemon.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <stdexcept>
#include <variant>

#include "protocol/name.h"
#include "tests/support/wait.h"

namespace redlockd::test {

using redlock::protocol::LineReader;
using redlock::protocol::Request;

FakeSession::FakeSession(Fd fd) : fd_(std::move(fd)) {
  Send("* HELLO redlockd 1 caps=exclusive,renew line=4096 boot=0123456789abcdef now=" +
       std::to_string(BootTime().count()));
}

Request FakeSession::Read() {
  const Countdown countdown(kPatience);
  std::string_view line;
  while (reader_.Next(&line) != LineReader::Status::kLine) {
    if (!WaitReadable(fd_.get(), countdown)) throw std::runtime_error("no request came");
    std::array<char, 4096> bytes;
    const ssize_t got = read(fd_.get(), bytes.data(), bytes.size());
    if (got <= 0) throw std::runtime_error("the client closed, a request was expected");
    reader_.Append({bytes.data(), static_cast<std::size_t>(got)});
  }
  auto parsed = redlock::protocol::ParseRequest(line);
  if (!std::holds_alternative<Request>(parsed)) {
    throw std::runtime_error("no request: " + std::string(line));
  }
  return std::get<Request>(parsed);
}

void FakeSession::Send(const std::string& line) {
  const std::string bytes = line + "\n";
  if (send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(bytes.size())) {
    throw std::runtime_error("cannot send: " + line);
  }
}

void FakeSession::Answer(const Request& request, const std::string& line) {
  Send((request.tag.empty() ? "" : "#" + request.tag + " ") + line);
}

Duration FakeSession::Grant(Duration left, std::string_view ttl) {
  const Request request = Read();
  if (request.verb != "lock") throw std::runtime_error("expected lock, got " + request.verb);
  lock_ = redlock::protocol::PercentEncode(request.args.at(0));
  const Duration deadline = BootTime() + left;
  Answer(request, "OK lock=" + lock_ + " fence=" + std::to_string(kFence) + " deadline=" +
                      std::to_string(deadline.count()) + " ttl=" + std::string(ttl) + " votes=3/5");
  return deadline;
}

void FakeSession::Event(const std::string& word, Duration deadline) {
  Send("* " + word + " lock=" + lock_ + " fence=" + std::to_string(kFence) +
       " deadline=" + std::to_string(deadline.count()));
}

void FakeSession::Lost(const std::string& reason) {
  Send("* LOST lock=" + lock_ + " fence=" + std::to_string(kFence) + " reason=" + reason);
}

void FakeSession::TakeUnlock() {
  const Request request = Read();
  if (request.verb != "unlock") throw std::runtime_error("expected unlock, got " + request.verb);
  Answer(request, "OK lock=" + lock_ + " fence=" + std::to_string(kFence));
}

bool FakeSession::IsRead() {
  return Eventually([this] {
    int unread = -1;
    return ioctl(fd_.get(), SIOCOUTQ, &unread) == 0 && unread == 0;
  });
}

bool FakeSession::IsAtEnd(Duration patience) {
  std::array<char, 4096> bytes;
  const Countdown countdown(patience);
  while (WaitReadable(fd_.get(), countdown)) {
    if (read(fd_.get(), bytes.data(), bytes.size()) <= 0) return true;
  }
  return false;
}

bool FakeSession::IsAtEndWithoutAWord() {
  char byte;
  return WaitReadable(fd_.get(), Countdown(kPatience)) && read(fd_.get(), &byte, 1) == 0;
}

FakeDaemon::FakeDaemon()
    : socket_(dir_ / "s"), listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket_.copy(address.sun_path, sizeof(address.sun_path) - 1);
  if (bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) < 0 ||
      listen(listener_.get(), 8) < 0) {
    throw std::runtime_error("cannot listen on " + socket_);
  }
}

std::vector<std::string> FakeDaemon::Redlock(const std::vector<std::string>& args) const {
  std::vector<std::string> argv{REDLOCKD_TEST_REDLOCK, "--socket", socket_};
  argv.insert(argv.end(), args.begin(), args.end());
  return argv;
}

std::vector<std::string> FakeDaemon::RedlockAsNobody(const std::vector<std::string>& args) const {
  const std::filesystem::path program = REDLOCKD_TEST_REDLOCK;
  const std::string copy = *this / "redlock", library = *this / "libredlock.so.0";
  std::filesystem::copy_file(program, copy);
  std::filesystem::copy_file(program.parent_path() / "../libredlock.so.0", library);
  std::vector<std::string> argv = Redlock(args);
  argv[0] = copy;
  const std::vector<std::string> as_nobody{"setpriv",       "--reuid=65534",
                                           "--regid=65534", "--clear-groups",
                                           "env",           "LD_LIBRARY_PATH=" + (*this / "")};
  argv.insert(argv.begin(), as_nobody.begin(), as_nobody.end());
  return argv;
}

FakeSession FakeDaemon::Accept() {
  if (!WaitReadable(listener_.get(), Countdown(kPatience))) {
    throw std::runtime_error("nobody connected");
  }
  return FakeSession(Fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
}

}  // namespace redlockd::test
