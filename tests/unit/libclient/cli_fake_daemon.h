// A daemon whose every line the test says, so that it can do what a real one never should: keep
// silent, lie, vanish. It acts only when it is called, in the test's own thread. What does not come
// in time is thrown as std::runtime_error.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/limits.h"
#include "protocol/line_reader.h"
#include "protocol/request.h"
#include "tests/support/fd.h"
#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/wait.h"

namespace redlockd::test {

inline constexpr std::uint64_t kFence = 1764010002123456;

// One connection.
class FakeSession {
 public:
  explicit FakeSession(Fd fd);

  redlock::protocol::Request Read();
  // A line, or the answer to a request, with its tag in front.
  void Send(const std::string& line);
  void Answer(const redlock::protocol::Request& request, const std::string& line);

  // Reads the lock request and grants it for `left` from now; gives the deadline.
  Duration Grant(Duration left, std::string_view ttl);
  void Renew(Duration deadline) { Event("RENEWED", deadline); }
  void Event(const std::string& word, Duration deadline);
  void Lost(const std::string& reason);
  // Reads the unlock, which must be the next request, and answers it.
  void TakeUnlock();

  // The client has read all that was sent.
  bool IsRead();
  // The client has closed.
  bool IsAtEnd(Duration patience = kPatience);
  // ... and has sent nothing before that.
  bool IsAtEndWithoutAWord();
  void Close() { fd_ = Fd(); }

 private:
  Fd fd_;
  redlock::protocol::LineReader reader_{redlock::protocol::kLineBytes};
  std::string lock_;
};

class FakeDaemon {
 public:
  FakeDaemon();

  // `redlock --socket ... args...`
  std::vector<std::string> Redlock(const std::vector<std::string>& args) const;
  // The same, run by root as nobody, by a copy: the build may be where nobody may not look, as in
  // root's home. Once for each daemon; its directory must be open to others.
  std::vector<std::string> RedlockAsNobody(const std::vector<std::string>& args) const;
  // The next session, greeted.
  FakeSession Accept();

  const std::string& socket() const { return socket_; }
  // For files of the test.
  std::string operator/(std::string_view name) const { return dir_ / name; }

 private:
  TempDir dir_;
  std::string socket_;
  Fd listener_;
};

}  // namespace redlockd::test
