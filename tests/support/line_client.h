#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/limits.h"
#include "protocol/line_reader.h"
#include "protocol/reply.h"
#include "tests/support/fd.h"
#include "tests/support/wait.h"

namespace redlockd::test {

using redlock::protocol::Reply;

// A client on the daemon's socket that speaks lines and nothing more: what a person with socat
// would do. Events are set aside as they come, so that answers can be asked for in order.
// What does not come in time is thrown as std::runtime_error.
class LineClient {
 public:
  // Connects and takes the HELLO.
  explicit LineClient(const std::string& socket_path);
  // Leaves the greeting, or what comes in its place, to the calls below.
  static LineClient WithoutHello(const std::string& socket_path);

  const Reply& hello() const { return hello_; }
  int fd() const { return fd_.get(); }

  void Send(std::string_view line);        // adds the LF
  void SendBytes(std::string_view bytes);  // as they are
  // The next OK or ERR, as it came; the rows before it are in rows().
  Reply Answer(Duration patience = kPatience);
  const std::vector<Reply>& rows() const { return rows_; }
  Reply Ask(std::string_view line) {
    Send(line);
    return Answer();
  }
  // The same, as its first words: "OK", "ERR busy". For tests that want no more.
  std::string Brief(std::string_view line);

  // Takes the oldest event of this name from those that came or will come.
  Reply Event(std::string_view word, Duration patience = kPatience);
  // Whether such an event has come; does not wait.
  bool HasEvent(std::string_view word);
  // Whether the daemon has said something that no call above has taken. Does not wait.
  bool HasAnswer();

  void HalfClose();  // no more commands
  void ShutdownRead();
  void ShutdownBoth();
  void Close() { fd_.Close(); }
  // Waits for the daemon to close; lines before that are kept for the calls above.
  bool Closed(Duration patience = kPatience);

 private:
  explicit LineClient(Fd fd) : fd_(std::move(fd)) {}
  bool ReadSome(const Countdown& countdown);  // false at the end
  void ReadWhatIsThere();
  void Sort(std::string_view line);

  Fd fd_;
  redlock::protocol::LineReader reader_{redlock::protocol::kReplyLineBytes};
  std::deque<Reply> incoming_;  // rows and answers
  std::deque<Reply> events_;
  std::vector<Reply> rows_;
  Reply hello_;
  bool ended_ = false;
};

// A connection to a Unix socket, with nothing said or read; throws if there is none.
Fd ConnectTo(const std::string& socket_path);

// The value of a key that must be there.
std::string Get(const Reply& reply, std::string_view key);
std::uint64_t GetNumber(const Reply& reply, std::string_view key);
// The whole line as a person would read it, for messages.
std::string Line(const Reply& reply);
// "OK", "ERR busy", "* LOST".
std::string Brief(const Reply& reply);

}  // namespace redlockd::test
