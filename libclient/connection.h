// The socket of a client: bytes out, lines in, never blocking but in WaitUntil(). It
// belongs to the process that opened it. It knows nothing of what the lines say.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/descriptor.h"
#include "libclient/socket.h"
#include "protocol/limits.h"
#include "protocol/line_reader.h"

namespace redlock::client {

// Nanoseconds on CLOCK_BOOTTIME.
std::int64_t Now();

// A point in time on it; kNever if `timeout_ns` is negative.
inline constexpr std::int64_t kNever = INT64_MAX;
std::int64_t DeadlineAfter(std::int64_t timeout_ns);
// `more` >= 0 after `time`.
std::int64_t After(std::int64_t time, std::int64_t more);

// The daemon's socket: the one that is given, that of $REDLOCK_SOCKET, or the default.
std::string SocketPath(const char* given);

class Connection {
 public:
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Connects to a Unix socket. "" if that went well, else what went wrong.
  std::string Open(const std::string& path);
  // The last Open failed as this user may not connect, or as too many wait to be accepted.
  bool was_denied() const { return was_denied_; }
  bool was_early() const { return was_early_; }
  void Close() { Release(); }

  // Gives the socket up, open and unread.
  Socket Release();

  bool is_open() const { return static_cast<bool>(fd_); }
  int fd() const { return fd_.get(); }
  // It was opened in another process, where it may still be open.
  bool is_foreign() const;

  // Queues and sends what the socket takes.
  void Send(std::string_view bytes);
  void Flush();
  bool has_unsent() const { return !unsent_.empty(); }

  // Reads what is there. "" or why nothing more will come; lines read before are still given by
  // NextLine().
  std::string Receive();
  // The last descriptor that came with the bytes that were read, if it was not taken yet.
  base::Descriptor TakeDescriptor() { return std::move(came_with_); }
  protocol::LineReader::Status NextLine(std::string_view* line) { return reader_.Next(line); }

  // Until there is something to do, or to be read from `wake` (true), or the deadline has come
  // (false). Signals do not end it.
  bool WaitUntil(std::int64_t deadline, int wake) const;
  // What to poll for.
  short PollEvents() const;

 private:
  void TakeControl(const msghdr& message);

  Socket fd_;
  pid_t pid_ = 0;  // that has opened it; 0: none
  bool was_denied_ = false;
  bool was_early_ = false;
  base::Descriptor came_with_;
  std::string unsent_;
  protocol::LineReader reader_{protocol::kReplyLineBytes};
};

}  // namespace redlock::client
