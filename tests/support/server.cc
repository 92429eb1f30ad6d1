#include "tests/support/server.h"

#include <cstdlib>
#include <regex>
#include <sstream>
#include <stdexcept>

#include "tests/support/process.h"

namespace redlockd::test {

std::string Server::ToText() const {
  return name + ' ' + std::to_string(major) + '.' + std::to_string(minor);
}

Server ReadServer(const std::string& program) {
  const std::string version = RunProgram({program, "--version"}).output;
  static const std::regex kVersion(R"((Redis|Valkey) server v=(\d+)\.(\d+))");
  std::smatch found;
  if (!std::regex_search(version, found, kVersion)) {
    throw std::runtime_error(program +
                             " --version: expected 'Redis server v=...' or 'Valkey server " +
                             "v=...', found: " + version);
  }
  return {program, found[1], std::stoi(found[2]), std::stoi(found[3])};
}

const Server& ServerUnderTest() {
  static const Server server = [] {
    const auto asked_for = ServersAskedFor();
    return ReadServer(asked_for.empty() ? REDLOCKD_TEST_REDIS_SERVER : asked_for.front());
  }();
  return server;
}

std::vector<std::string> ServersAskedFor() {
  const char* text = std::getenv("REDLOCKD_TEST_REDIS_SERVERS");
  std::istringstream list(text == nullptr ? "" : text);
  std::vector<std::string> programs;
  for (std::string program; std::getline(list, program, ':');) {
    if (!program.empty()) programs.push_back(program);
  }
  return programs;
}

}  // namespace redlockd::test
