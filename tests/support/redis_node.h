#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/clock_file.h"
#include "tests/support/files.h"
#include "tests/support/free_port.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

namespace redlockd::test {

// A real redis-server without persistence (unless its args turn it on), on a free port of 127.0.0.1
// and on a Unix socket in a private directory. Runs once constructed.
class RedisNode {
 public:
  struct Options {
    std::vector<std::string> args{};         // more of redis-server's, e.g. {"--requirepass", "x"}
    bool shifted_clock = false;              // needed for ShiftClock and StopClock
    std::chrono::microseconds stopped_at{};  // not 0: StopClock, before it starts
    std::string program = ServerUnderTest().program;
  };

  RedisNode() : RedisNode(Options{}) {}
  explicit RedisNode(Options options);

  std::uint16_t port() const { return port_.number(); }
  std::string Address() const { return "127.0.0.1:" + std::to_string(port()); }
  std::string UnixAddress() const { return "unix:" + SocketPath(); }
  std::string SocketPath() const { return dir_ / "redis.sock"; }

  // Start returns once it answers; Stop is SIGTERM, Kill is SIGKILL, both return once it is gone.
  // It starts on the same port each time, empty unless it left a file with its keys.
  void Start();
  void Stop();
  void Kill();
  void RestartEmpty();
  // Hung: connections are taken by the kernel, nothing is answered.
  void Freeze() { process_->Freeze(); }
  void Thaw() { process_->Resume(); }
  bool Running() const { return process_ && process_->Running(); }
  pid_t pid() const { return process_->pid(); }

  // Sets how far its wall clock is ahead of the host's, at once.
  void ShiftClock(std::chrono::microseconds shift) { clock_->Shift(shift); }
  // Its wall clock shows this time and stands still, from now on and after restarts.
  void StopClock(std::chrono::microseconds since_1970) { clock_->Stop(since_1970); }

  // One command over a connection of its own. The answer as text: integers in digits, nil as
  // "(nil)", an error with its word in front, the elements of an array each on a line. Throws if
  // there is no answer.
  std::string Command(const std::vector<std::string>& args) const;

 private:
  const Options options_;
  TempDir dir_;
  FreePort port_;
  std::optional<ClockFile> clock_;
  std::optional<Process> process_;
};

// Some of them.
class Nodes {
 public:
  explicit Nodes(std::size_t count, const RedisNode::Options& options = {});

  RedisNode& operator[](std::size_t i) { return *nodes_[i]; }
  std::size_t size() const { return nodes_.size(); }
  std::vector<std::string> Addresses() const;
  // How many of them have this key. Stopped and hung ones do not.
  std::size_t CountWith(const std::string& key) const;

 private:
  std::vector<std::unique_ptr<RedisNode>> nodes_;
};

}  // namespace redlockd::test
