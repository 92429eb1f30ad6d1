// One session of a client: requests out, and every line of the daemon in its order, as it comes.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "tests/support/line_client.h"

namespace redlockd::test::faults {

class Session {
 public:
  explicit Session(const std::string& socket_path);  // throws where there is no daemon

  // False if the session has ended.
  bool Send(std::string_view line);
  // The next line; none if the patience or the session has ended, or a signal came.
  std::optional<Reply> Next(Duration patience);
  bool ended() const { return ended_ && lines_.empty(); }

  void HalfClose();
  void Close() { fd_.Close(); }

 private:
  void Read();

  Fd fd_;
  redlock::protocol::LineReader reader_{redlock::protocol::kReplyLineBytes};
  std::deque<Reply> lines_;
  bool ended_ = false;
};

}  // namespace redlockd::test::faults
