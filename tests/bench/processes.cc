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

struct Child {
  pid_t pid;
  int output;
};

[[noreturn]] void BeChild(int output, int number, const std::function<std::string(int)>& work) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  int code = 0;
  try {
    const std::string result = work(number);
    std::size_t written = 0;
    while (written < result.size()) {
      const ssize_t n = write(output, result.data() + written, result.size() - written);
      if (n < 0) throw std::runtime_error("the result cannot be written");
      written += static_cast<std::size_t>(n);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    code = 1;
  }
  _exit(code);
}

Child Start(int number, const std::function<std::string(int)>& work) {
  std::array<int, 2> ends;
  if (pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
  const pid_t pid = fork();
  if (pid < 0) throw std::runtime_error("no process");
  if (pid == 0) {
    close(ends[0]);
    BeChild(ends[1], number, work);
  }
  close(ends[1]);
  return {pid, ends[0]};
}

std::string Finish(const Child& child) {
  std::string result;
  std::array<char, 65536> bytes;
  ssize_t n;
  while ((n = read(child.output, bytes.data(), bytes.size())) > 0) {
    result.append(bytes.data(), static_cast<std::size_t>(n));
  }
  close(child.output);
  int status = 0;
  waitpid(child.pid, &status, 0);
  if (status != 0) throw std::runtime_error("a process of the load failed");
  return result;
}

}  // namespace

std::vector<std::string> InProcesses(int count, const std::function<std::string(int)>& work) {
  if (count == 1) return {work(0)};
  std::vector<Child> children;
  for (int number = 0; number < count; ++number) children.push_back(Start(number, work));
  std::vector<std::string> results;
  for (const Child& child : children) results.push_back(Finish(child));
  return results;
}

void CheckDealing(int clients, int processes) {
  if (processes < 1 || clients < processes || clients % processes != 0) {
    throw std::runtime_error(std::to_string(clients) + " clients cannot be dealt out to " +
                             std::to_string(processes) + " processes");
  }
}

}  // namespace redlockd::bench
