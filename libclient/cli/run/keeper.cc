#include "libclient/cli/run/keeper.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <system_error>

namespace redlock::cli {
namespace {

[[noreturn]] void Throw(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

ssize_t Read(int fd, void* to, std::size_t size) {
  ssize_t got = 0;
  do {
    got = read(fd, to, size);
  } while (got < 0 && errno == EINTR);
  return got;
}

// Whether all that /proc shows of a group is dead and not reaped: in many containers nobody reaps
// what is orphaned.
bool HasZombiesOnly(pid_t group) {
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(opendir("/proc"), closedir);
  if (proc == nullptr) return false;
  bool found = false;  // some may be hidden, or all
  while (const dirent* entry = readdir(proc.get())) {
    std::ifstream file(std::string("/proc/") + entry->d_name + "/stat");
    std::string stat;
    if (!std::isdigit(entry->d_name[0]) || !std::getline(file, stat, '\0')) continue;
    char state = 0;
    pid_t parent = 0;
    pid_t its_group = 0;
    std::istringstream fields(stat.substr(stat.rfind(')') + 1));  // any byte may be in its name
    fields >> state >> parent >> its_group;
    if (its_group != group) continue;
    if (state != 'Z' && state != 'X') return false;
    found = true;
  }
  return found;
}

bool IsAlive(pid_t group) {
  const bool exists = kill(-group, 0) == 0 || errno == EPERM;
  return exists && !HasZombiesOnly(group);
}

// What it inherits it keeps open, as any other process of the tree would: among it may be the
// socket of a `redlock run` around this one. But a reader of our output must not wait for it.
[[noreturn]] void KeepWatch(int news) {
  setpgid(0, 0);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) close(fd);
  pid_t group = 0;
  if (Read(news, &group, sizeof(group)) != sizeof(group)) _exit(0);  // it ended before a command
  char byte = 0;
  if (Read(news, &byte, sizeof(byte)) == 1) _exit(0);
  // Once, and from then on only a look, lest the number should have come to be another group's.
  // None of a group gets away from SIGKILL by a fork; one that may not be signalled (it has become
  // another user's) is waited for.
  kill(-group, SIGKILL);
  constexpr timespec kMoment{0, 5'000'000};
  while (IsAlive(group)) nanosleep(&kMoment, nullptr);
  _exit(0);
}

}  // namespace

Keeper::Keeper() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) Throw("cannot make a pipe");
  const base::Descriptor reader(ends[0]);
  news_ = base::Descriptor(ends[1]);
  const pid_t pid = fork();
  if (pid < 0) Throw("cannot start a process");
  if (pid == 0) {
    news_ = base::Descriptor();
    KeepWatch(reader.get());
  }
  setpgid(pid, pid);  // it does the same: one of the two is in time
}

Keeper::~Keeper() {
  const char all_is_well = 0;
  if (write(news_.get(), &all_is_well, 1) < 0) return;  // it is gone
}

void Keeper::Watch(pid_t group) const {
  if (write(news_.get(), &group, sizeof(group)) < 0) return;  // it is gone
}

}  // namespace redlock::cli
