// main() of tests with real nodes: runs them with each server that REDLOCKD_TEST_REDIS_SERVERS
// names, in a process of its own; else with the one that the build found.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "tests/support/server.h"

namespace {

bool PassesWith(const std::string& server, char** argv) {
  std::cout << "=== With " << server << std::endl;
  const pid_t child = fork();
  if (child == 0) {
    setenv("REDLOCKD_TEST_REDIS_SERVERS", server.c_str(), 1);
    execv("/proc/self/exe", argv);
    _exit(127);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
         WEXITSTATUS(status) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto servers = redlockd::test::ServersAskedFor();
  if (servers.size() > 1) {
    bool passed = true;
    for (const std::string& server : servers) passed = PassesWith(server, argv) && passed;
    return passed ? 0 : 1;
  }
  testing::InitGoogleTest(&argc, argv);
  if (!GTEST_FLAG_GET(list_tests)) {
    const auto& server = redlockd::test::ServerUnderTest();
    std::cout << "Nodes: " << server.ToText() << ", " << server.program << std::endl;
  }
  return RUN_ALL_TESTS();
}
