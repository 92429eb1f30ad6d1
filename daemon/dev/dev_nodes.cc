#include "daemon/dev/dev_nodes.h"

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <system_error>

namespace redlockd::dev {
namespace {

constexpr auto kPatience = std::chrono::seconds(10);
constexpr int kNotFound = 127;

std::string MakeDirectory() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  std::string path = runtime != nullptr && *runtime != '\0' ? runtime : "/tmp";
  path += "/redlockd-dev.XXXXXX";
  if (mkdtemp(path.data()) == nullptr) {
    throw std::runtime_error("cannot make a directory " + path + ": " + std::strerror(errno));
  }
  return path;
}

// In the child: becomes redis-server, bound to the life of `parent`.
[[noreturn]] void BecomeServer(pid_t parent, const std::string& socket) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // it died before that was set
  setpgid(0, 0);                      // ^C on the terminal is for the daemon, which takes us down
  const int null = open("/dev/null", O_RDWR);
  for (const int fd : {0, 1, 2}) dup2(null, fd);
  execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket.c_str(),
         "--unixsocketperm", "700", "--save", "", "--appendonly", "no", "--maxmemory-policy",
         "noeviction", static_cast<char*>(nullptr));
  _exit(kNotFound);
}

bool Answers(const std::string& socket) {
  const timeval patience{.tv_sec = 1, .tv_usec = 0};
  const std::unique_ptr<redisContext, decltype(&redisFree)> context(
      redisConnectUnixWithTimeout(socket.c_str(), patience), &redisFree);
  if (!context || context->err != 0) return false;
  redisSetTimeout(context.get(), patience);
  const std::unique_ptr<void, decltype(&freeReplyObject)> reply(redisCommand(context.get(), "PING"),
                                                                &freeReplyObject);
  return reply && static_cast<redisReply*>(reply.get())->type == REDIS_REPLY_STATUS;
}

}  // namespace

DevNodes::DevNodes(unsigned count) : directory_(MakeDirectory()) {
  try {
    for (unsigned i = 1; i <= count; ++i) Start(directory_ + "/" + std::to_string(i) + ".sock");
    for (std::size_t i = 0; i < pids_.size(); ++i) WaitUntilAnswering(i);
  } catch (...) {
    TakeDown();
    throw;
  }
}

DevNodes::~DevNodes() { TakeDown(); }

void DevNodes::Start(const std::string& socket) {
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid == 0) BecomeServer(parent, socket);
  sockets_.push_back(socket);
  pids_.push_back(pid);
}

void DevNodes::WaitUntilAnswering(std::size_t node) const {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!Answers(sockets_[node])) {
    int status = 0;
    if (waitpid(pids_[node], &status, WNOHANG) == pids_[node]) {
      throw std::runtime_error(WIFEXITED(status) && WEXITSTATUS(status) == kNotFound
                                   ? "redis-server cannot be run; is it installed?"
                                   : "a redis-server of --dev exited during its start");
    }
    if (std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error("a redis-server of --dev does not answer");
    }
    poll(nullptr, 0, 5);
  }
}

void DevNodes::TakeDown() {
  for (const pid_t pid : pids_) {
    // One that was waited for is gone already, and its number might be another's by now.
    if (waitpid(pid, nullptr, WNOHANG) != 0) continue;
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  std::error_code ignored;  // what cannot be removed is harmless
  std::filesystem::remove_all(directory_, ignored);
}

}  // namespace redlockd::dev
