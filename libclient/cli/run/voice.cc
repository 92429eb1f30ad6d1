#include "libclient/cli/run/voice.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "libclient/cli/run/signals.h"

namespace redlock::cli {
namespace {

constexpr std::size_t kMostUnsaid = 16384;

// Within its life a write neither blocks nor kills. What blocks is interrupted by a signal that
// does nothing, again and again, for the first may come before the call. (O_NONBLOCK is no way: it
// belongs to the open file, which we share with the command and with the shell.) A reader that is
// gone, or a file that may not grow, is an error and not a signal.
class Interrupter {
 public:
  Interrupter() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMAX);
    sigprocmask(SIG_UNBLOCK, &set, &mask_before_);
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGRTMAX;
    is_armed_ = timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
    if (!is_armed_) return;
    constexpr timespec kMoment{0, 5'000'000};
    const itimerspec spec{kMoment, kMoment};
    timer_settime(timer_, 0, &spec, nullptr);
  }
  ~Interrupter() {
    if (is_armed_) timer_delete(timer_);
    sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
    sigaction(SIGRTMAX, &interrupt_before_, nullptr);
    sigaction(SIGPIPE, &pipe_before_, nullptr);
    sigaction(SIGXFSZ, &file_size_before_, nullptr);
  }
  Interrupter(const Interrupter&) = delete;
  Interrupter& operator=(const Interrupter&) = delete;

  bool is_armed() const { return is_armed_; }

 private:
  const struct sigaction interrupt_before_ = ReplaceHandler(SIGRTMAX, [](int) {});
  const struct sigaction pipe_before_ = ReplaceHandler(SIGPIPE, SIG_IGN);
  const struct sigaction file_size_before_ = ReplaceHandler(SIGXFSZ, SIG_IGN);
  sigset_t mask_before_{};
  timer_t timer_{};
  bool is_armed_ = false;
};

bool IsWritable(int fd) {
  pollfd entry{fd, POLLOUT, 0};
  return poll(&entry, 1, 0) > 0;  // also of one that is closed or broken: write() says so at once
}

// As write(), but that it does not block: EAGAIN.
ssize_t WriteNow(int fd, std::string_view text) {
  const ssize_t sent = send(fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0 || errno != ENOTSOCK) return sent;
  errno = EAGAIN;
  if (!IsWritable(fd)) return -1;
  // Another process may fill it between the question and the write.
  const Interrupter interrupter;
  errno = EAGAIN;
  return interrupter.is_armed() ? write(fd, text.data(), text.size()) : -1;
}

}  // namespace

void Voice::Say(const std::string& text) const {
  if (unsaid_.size() + text.size() < kMostUnsaid) unsaid_ += "redlock: " + text + "\n";
  Flush();
}

// A pipe takes this much in one piece or not at all, so that the lines of several processes do not
// mix.
void Voice::Flush() const {
  while (!unsaid_.empty()) {
    const std::size_t size = std::min<std::size_t>(unsaid_.size(), PIPE_BUF);
    const ssize_t written = WriteNow(STDERR_FILENO, std::string_view(unsaid_).substr(0, size));
    if (written < 0 && (errno == EAGAIN || errno == EINTR)) return;
    // If nobody listens, so be it.
    unsaid_.erase(0, written < 0 ? unsaid_.size() : static_cast<std::size_t>(written));
  }
}

void Voice::Complain(const std::string& text) const {
  if (!quiet_) Say(text);
}

void Voice::Tell(const std::string& text) const {
  if (verbose_) Say(text);
}

}  // namespace redlock::cli
