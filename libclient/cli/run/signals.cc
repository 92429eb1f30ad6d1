#include "libclient/cli/run/signals.h"

#include <sys/signalfd.h>

#include <cerrno>
#include <system_error>

namespace redlock::cli {
namespace {

sigset_t SetOf(const std::vector<int>& signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  return set;
}

bool IsIgnored(int signal) {
  struct sigaction action {};
  sigaction(signal, nullptr, &action);
  return action.sa_handler == SIG_IGN;
}

}  // namespace

struct sigaction ReplaceHandler(int signal, void (*handler)(int)) {
  struct sigaction now {};
  struct sigaction before {};
  now.sa_handler = handler;
  sigaction(signal, &now, &before);
  return before;
}

Signals::Signals() {
  sigprocmask(SIG_SETMASK, nullptr, &inherited_mask_);
  // Ignored, SIGCHLD would throw the command's exit code away.
  inherited_chld_ = ReplaceHandler(SIGCHLD, SIG_DFL);
  inherited_pipe_ = ReplaceHandler(SIGPIPE, SIG_IGN);
  sigemptyset(&read_);
  Read({SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2});
}

void Signals::ReadAll() {
  // Taking the terminal back from the command must not stop us.
  const sigset_t held_off = SetOf({SIGTTOU});
  sigprocmask(SIG_BLOCK, &held_off, nullptr);
  Read({SIGWINCH, SIGTSTP, SIGCONT, SIGCHLD});
}

void Signals::Read(const std::vector<int>& more) {
  for (const int signal : more) {
    if (!IsIgnored(signal)) sigaddset(&read_, signal);
  }
  sigprocmask(SIG_BLOCK, &read_, nullptr);
  const int fd = signalfd(fd_.get(), &read_, SFD_NONBLOCK | SFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
  if (fd != fd_.get()) fd_ = base::Descriptor(fd);
}

std::vector<int> Signals::Take() {
  std::vector<int> taken;
  signalfd_siginfo info;
  while (read(fd_.get(), &info, sizeof(info)) == sizeof(info)) {
    taken.push_back(static_cast<int>(info.ssi_signo));
  }
  return taken;
}

void Signals::StopOwnGroup(int stop) {
  const sigset_t stops = SetOf({SIGTSTP, SIGTTIN, SIGTTOU});
  sigset_t before;
  sigprocmask(SIG_UNBLOCK, &stops, &before);
  // The whole group: a shell that waits for its job looks at each process of it.
  kill(0, stop);
  sigprocmask(SIG_SETMASK, &before, nullptr);
  const sigset_t cont = SetOf({SIGCONT});
  const timespec at_once{};
  sigtimedwait(&cont, nullptr, &at_once);
}

void Signals::RestoreInherited() const {
  sigaction(SIGCHLD, &inherited_chld_, nullptr);
  sigaction(SIGPIPE, &inherited_pipe_, nullptr);
  sigprocmask(SIG_SETMASK, &inherited_mask_, nullptr);
}

}  // namespace redlock::cli
