#include "libclient/cli/run/child.h"

#include <fcntl.h>
#include <redlock/redlock.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "libclient/cli/exit_code.h"

namespace redlock::cli {
namespace {

[[noreturn]] void Throw(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

Child::Child(const Setup& setup) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) Throw("cannot make a pipe");
  exec_error_ = base::Descriptor(ends[0]);
  const base::Descriptor exec_error_writer(ends[1]);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) Throw("cannot start a process");
  if (pid_ == 0) BecomeCommand(setup, parent, exec_error_writer.get());
  // The child does the same: whichever comes first, the group is there before it is needed.
  setpgid(pid_, pid_);
}

// All signals that matter are still blocked here; those that come meanwhile are delivered when the
// mask is restored.
void Child::BecomeCommand(const Setup& setup, pid_t parent, int exec_error_fd) const {
  setpgid(0, 0);
  setup.keeper.Watch(getpid());
  if (setup.socket >= 0) {
    fcntl(setup.socket, F_SETFD, 0);
  } else {
    // Then the lock does not outlive us if the keeper is killed as well.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
  }
  if (getppid() != parent) _exit(kExitLost);  // it died before those calls
  if (setup.terminal != nullptr) setup.terminal->GiveTo(getpid());
  for (const auto& [key, value] : setup.environment) setenv(key.c_str(), value.c_str(), 1);
  std::vector<char*> argv;
  for (const std::string& word : setup.argv) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  setup.signals.RestoreInherited();
  if (redlock_now() >= setup.start_by.count()) _exit(kExitLost);  // we were stopped meanwhile
  execvp(argv[0], argv.data());
  const int error = errno;
  const ssize_t reported = write(exec_error_fd, &error, sizeof(error));
  _exit(reported < 0 || error != ENOENT ? kExitNotExecutable : kExitNotFound);
}

bool Child::Signal(int signal) const {
  if (has_ended() && IsGroupGone()) return true;
  return kill(-pid_, signal) == 0 || errno != EPERM;
}

void Child::Reap() {
  siginfo_t info{};
  while (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG) == 0 && info.si_pid != 0) {
    if (info.si_pid == pid_) {
      if (info.si_code == CLD_STOPPED) {
        stopped_by_ = info.si_status;
      } else {
        exit_code_ = info.si_code == CLD_EXITED ? info.si_status : kExitSignal + info.si_status;
        stopped_by_.reset();
      }
    }
    info = {};
  }
}

bool Child::IsGroupGone() const {
  siginfo_t info{};
  return waitid(P_PGID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) < 0 &&
         errno == ECHILD;
}

int Child::ExecError() const {
  int error = 0;
  const ssize_t got = read(exec_error_.get(), &error, sizeof(error));
  return got == sizeof(error) ? error : 0;
}

}  // namespace redlock::cli
