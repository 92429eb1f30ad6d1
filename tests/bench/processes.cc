#include "tests/bench/processes.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <stdexcept>

namespace redlockd::bench {
namespace {

using Work = std::function<std::string(int, const Start&)>;

void WriteAll(int fd, const void* data, std::size_t size) {
  const char* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = write(fd, bytes, size);
    if (written < 0) throw std::runtime_error("a pipe cannot be written to");
    bytes += written;
    size -= static_cast<std::size_t>(written);
  }
}

struct Pipe {
  Pipe() {
    std::array<int, 2> ends;
    if (pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
    from = ends[0];
    to = ends[1];
  }
  int from;
  int to;
};

// A process writes a byte when it is ready, is then told when to start, and writes its result.
struct Child {
  pid_t pid;
  int output;
  int go;
};

[[noreturn]] void BeChild(int output, int go, int number, const Work& work) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  int code = 0;
  try {
    const std::string result = work(number, [=] {
      WriteAll(output, "r", 1);
      Nanoseconds start = 0;
      if (read(go, &start, sizeof start) != sizeof start) throw std::runtime_error("not started");
      return start;
    });
    WriteAll(output, result.data(), result.size());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    code = 1;
  }
  _exit(code);
}

Child Begin(int number, const Work& work) {
  const Pipe output, go;
  const pid_t pid = fork();
  if (pid < 0) throw std::runtime_error("no process");
  if (pid == 0) {
    close(output.from);
    close(go.to);
    BeChild(output.to, go.from, number, work);
  }
  close(output.to);
  close(go.from);
  return {pid, output.from, go.to};
}

void AwaitReady(const Child& child) {
  char ready = 0;
  if (read(child.output, &ready, 1) != 1) throw std::runtime_error("a process is not ready");
}

std::string Finish(const Child& child) {
  std::string result;
  std::array<char, 65536> bytes;
  ssize_t n;
  while ((n = read(child.output, bytes.data(), bytes.size())) > 0) {
    result.append(bytes.data(), static_cast<std::size_t>(n));
  }
  close(child.output);
  close(child.go);
  int status = 0;
  waitpid(child.pid, &status, 0);
  if (status != 0) throw std::runtime_error("a process of the load failed");
  return result;
}

}  // namespace

Results InProcesses(int count, const Work& work) {
  Results results;
  if (count == 1) {
    results.of_processes.push_back(work(0, [&] { return results.start = Now(); }));
    return results;
  }
  std::vector<Child> children;
  for (int number = 0; number < count; ++number) children.push_back(Begin(number, work));
  for (const Child& child : children) AwaitReady(child);
  results.start = Now() + Seconds(0.005);
  for (const Child& child : children) WriteAll(child.go, &results.start, sizeof results.start);
  for (const Child& child : children) results.of_processes.push_back(Finish(child));
  return results;
}

void CheckDealing(int clients, int processes) {
  if (processes < 1 || clients < processes || clients % processes != 0) {
    throw std::runtime_error(std::to_string(clients) + " clients cannot be dealt out to " +
                             std::to_string(processes) + " processes");
  }
}

}  // namespace redlockd::bench
