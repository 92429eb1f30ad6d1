#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "protocol/limits.h"
#include "protocol/line_reader.h"
#include "tests/support/daemon.h"

namespace redlockd::test {

// A connection to the daemon that is not used as it should be. What it says need not be lines, what
// it is told need not be read; it never blocks in a send.
class HostileClient {
 public:
  explicit HostileClient(const Daemon& daemon) : fd_(ConnectTo(daemon.socket())) {}

  int fd() const { return fd_.get(); }
  // Puts `bytes` behind what is unsent, and sends what the socket takes now. False once the daemon
  // has closed.
  bool Say(std::string_view bytes);
  std::size_t unsent() const { return unsent_.size(); }
  // Says no more, and waits until the daemon has taken all of it. Reads nothing.
  void SayAll();

  struct Answers {
    std::size_t ok = 0;
    std::size_t err = 0;
  };
  // Goes on saying what is unsent and reads until so many answers, OK or ERR, have come.
  Answers Hear(std::size_t answers);
  // Says it again and again without reading anything, until the daemon has closed.
  void SayUntilClosed(std::string_view bytes);

 private:
  void Wait(short events);
  void Read(Answers& answers);

  Fd fd_;
  std::string unsent_;
  bool closed_ = false;
  redlock::protocol::LineReader reader_{redlock::protocol::kReplyLineBytes};
};

}  // namespace redlockd::test
