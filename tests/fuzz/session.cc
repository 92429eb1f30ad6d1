#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/event/loop.h"
#include "daemon/session/sessions.h"
#include "protocol/limits.h"
#include "protocol/reply.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/lines.h"
#include "tests/fuzz/local_socket.h"
#include "tests/fuzz/session_port.h"
#include "tests/fuzz/turns.h"

// The real session room, over a real socket: a client sends any bytes, cut anywhere. It gets lines
// that can be read, one answer for each of its own, and the same however its bytes were cut.
namespace redlockd::fuzz {
namespace {

using namespace redlock::protocol;

session::Options RoomOptions() {
  session::Options options;
  options.max_sessions = options.max_sessions_per_uid = 10;
  options.max_unread_output = 1 << 20;
  options.locks_per_session = 8;
  options.key_prefix = "red";
  options.instance = "b007";
  options.node_addresses = {"10.0.0.1:6379", "10.0.0.2:6379", "10.0.0.3:6379"};
  return options;
}

struct Room {
  event::Loop loop;
  Turns turns{loop};
  LocalListener listener;
  Port port;
  session::Sessions sessions{loop, listener.fd(), RoomOptions(), port};
};

class Client {
 public:
  explicit Client(Room& room) : room_(room), fd_(room.listener.Connect()) { Turn(); }
  ~Client() { Close(); }

  void Send(std::string_view bytes) {
    while (!bytes.empty() && !closed_) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
      Turn();
    }
  }
  void HalfClose() {
    shutdown(fd_, SHUT_WR);
    Turn();
  }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
    Turn();
  }
  // Until everything is answered.
  void Listen() {
    while (room_.port.AnswerOne(room_.sessions)) Turn();
  }

  bool closed() const { return closed_; }
  const std::string& got() const { return got_; }

 private:
  void Turn() {
    room_.turns.UntilQuiet([this] {
      Read();
      return got_.size() + room_.port.posted() + room_.sessions.count();
    });
  }
  void Read() {
    std::array<char, 65536> bytes;
    for (ssize_t size; fd_ >= 0 && (size = read(fd_, bytes.data(), bytes.size())) >= 0;) {
      got_.append(bytes.data(), static_cast<std::size_t>(size));
      closed_ = size == 0;
      if (closed_) return;
    }
  }

  Room& room_;
  int fd_;
  std::string got_;
  bool closed_ = false;
};

std::string Talk(Room& room, const std::vector<std::string>& pieces, bool half_close) {
  std::string got;
  {
    Client client(room);
    for (const std::string& piece : pieces) client.Send(piece);
    if (half_close) client.HalfClose();
    client.Listen();
    FUZZ_CHECK(client.closed() || !half_close, "all is answered, and it is not closed");
    got = client.got();
  }
  while (room.port.AnswerOne(room.sessions)) {
  }
  FUZZ_CHECK(room.sessions.count() == 0, "a session without a client");
  FUZZ_CHECK(room.port.open_sessions() == 0, "a session that the engine was not told is over");
  return got;
}

// How many requests were answered; none if the rest of what was sent is not looked at.
std::size_t CheckOutput(std::string_view got) {
  std::size_t answers = 0;
  while (!got.empty()) {
    const std::size_t end = got.find('\n');
    FUZZ_CHECK(end != std::string_view::npos, "half a line");
    FUZZ_CHECK(end < kReplyLineBytes, "a line that is too long");
    const auto parsed = ParseReply(got.substr(0, end));
    const auto* reply = std::get_if<Reply>(&parsed);
    FUZZ_CHECK(reply != nullptr, "cannot be read: " + std::string(got.substr(0, end)));
    if (reply->kind == Reply::Kind::kOk || reply->kind == Reply::Kind::kErr) ++answers;
    got.remove_prefix(end + 1);
  }
  return answers;
}

// Whether one of the lines is this request.
bool Has(const std::vector<Line>& lines, std::string_view verb) {
  for (const Line& line : lines) {
    if (!line) continue;
    const auto parsed = ParseRequest(*line);
    const auto* request = std::get_if<Request>(&parsed);
    if (request != nullptr && request->verb == verb) return true;
  }
  return false;
}

}  // namespace
}  // namespace redlockd::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace redlockd::fuzz;
  static Room room;
  const auto pieces = Pieces({data, size});
  const std::string whole = Join(pieces);
  const auto lines = LinesOf(whole, kLineBytes);
  const std::string got = Talk(room, pieces, true);
  const std::size_t answers = CheckOutput(got);
  // The rows of a list are written bit by bit, and tagged requests overtake it.
  if (!Has(lines, "list")) {
    FUZZ_CHECK(Talk(room, {whole}, true) == got, "other answers when cut:\n" + got);
  }
  const bool to_the_end = !Has(lines, "quit") && !got.ends_with("found HTTP\n");
  const bool is_cut_off = !whole.empty() && !whole.ends_with('\n');
  FUZZ_CHECK(answers == lines.size() + is_cut_off || !to_the_end, "one answer for each:\n" + got);
  Talk(room, pieces, false);  // and without a good-bye
  return 0;
}
