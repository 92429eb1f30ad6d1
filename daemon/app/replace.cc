#include "daemon/app/replace.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "base/descriptor.h"
#include "protocol/printable.h"

namespace redlockd::app {
namespace {

int Fail(const std::string& why) {
  std::fprintf(stderr, "redlockd: %s\n", redlock::protocol::Printable(why).c_str());
  return EXIT_FAILURE;
}

std::string CommandOf(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::string command;
  std::getline(file, command);
  return command;
}

// Whether it has a handler. Without one the signal could end it.
bool Catches(pid_t pid, int signal) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("SigCgt:")) continue;
    return (std::stoull(line.substr(7), nullptr, 16) >> (signal - 1) & 1) != 0;
  }
  return false;
}

}  // namespace

int AskToReplace(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Fail("the path of the socket is too long");
  std::memcpy(address.sun_path, path.data(), path.size());
  const redlock::base::Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ucred who{};
  socklen_t size = sizeof who;
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) {
    return Fail("no daemon listens on " + path + ": " + std::strerror(errno));
  }
  // Who listens may be a service manager, and in another pid namespace it has no pid here.
  const std::string command = who.pid > 0 ? CommandOf(who.pid) : "";
  if (command != "redlockd") {
    return Fail("expected redlockd to listen on " + path + ", found " +
                (command.empty() ? "a process that is not visible here" : command) +
                "; where that is systemd, use systemctl restart redlockd");
  }
  if (!Catches(who.pid, SIGUSR2)) {
    return Fail("redlockd (pid " + std::to_string(who.pid) +
                ") is of a version that cannot be replaced, or is just starting");
  }
  if (kill(who.pid, SIGUSR2) != 0) {
    return Fail("cannot signal redlockd (pid " + std::to_string(who.pid) +
                "): " + std::strerror(errno));
  }
  std::printf("redlockd (pid %d) is told to replace itself; its log says what comes of it\n",
              static_cast<int>(who.pid));
  return 0;
}

}  // namespace redlockd::app
