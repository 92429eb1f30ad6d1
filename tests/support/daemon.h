#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/line_client.h"
#include "tests/support/process.h"
#include "tests/support/redis_node.h"

namespace redlockd::test {

// What a test's redlockd.yaml says. The times are small, so that a test can wait for a lease to
// end; the quarantine that follows from them is 3 s.
struct DaemonOptions {
  std::vector<std::string> addresses{};            // of the nodes
  std::map<std::string, std::string> node_keys{};  // more keys of every node: {"username", "x"}
  std::map<std::string, std::string> own_keys{};   // more YAML of one node, by its address
  std::string ttl = "2s";
  std::string max_ttl = "2s";
  std::string linger = "20ms";
  std::string tenure_max = "1s";
  std::string fence_window = "500ms";
  // Twice the default: a test machine's schedulers are slow, sanitizers slower.
  std::string command_timeout = "100ms";
  // Also how long a daemon whose nodes are new waits for them before it serves.
  std::string connect_timeout = "250ms";
  std::string more{};                        // YAML of further sections: "limits: {sessions: 3}\n"
  std::map<std::string, std::string> env{};  // of the daemon, on top of the test's own
  // A command that becomes the one in its arguments, as env(1) does.
  std::vector<std::string> within{};
};
std::string ToYaml(const DaemonOptions& options);

// A redlockd of the test's own, on a socket in a private directory. Runs and answers once
// constructed. With the object it ends as it should, so that a sanitizer has its say and what it
// covered is written. What it logged is printed if the test fails.
class Daemon {
 public:
  explicit Daemon(DaemonOptions options);
  explicit Daemon(const std::vector<std::string>& addresses)
      : Daemon(DaemonOptions{.addresses = addresses}) {}
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon();

  // After an end of the process: the same configuration and socket again, a new log.
  void Start();
  Exit Stop();  // SIGTERM, and until it has drained and gone
  void Kill();  // SIGKILL
  Process& process() { return *process_; }
  const Process& process() const { return *process_; }

  const std::string& socket() const { return socket_; }
  const TempDir& dir() const { return dir_; }
  std::string Log() const { return ReadFile(dir_ / "log"); }
  LineClient Connect() const { return LineClient(socket_); }

  // What an operator does with a new set of nodes (rule D7); returns once all of them vote.
  void TrustEmpty();
  // Waits until so many nodes vote.
  void WaitForNodes(std::size_t voting);
  // The row of `nodes` for node i, counted from 0.
  Reply NodeRow(std::size_t i) const;
  bool NodeIs(std::size_t i, std::string_view state) const;
  // What `stats` says of it.
  std::uint64_t Stat(std::string_view name) const;

 private:
  void EndAtOnce();

  const DaemonOptions options_;
  TempDir dir_;
  std::string socket_;
  std::optional<Process> process_;
};

// The usual world of a test: nodes, all trusted, and a daemon on them.
struct World {
  explicit World(std::size_t count = 5, DaemonOptions options = {});
  Nodes nodes;
  Daemon daemon;
  LineClient Connect() const { return daemon.Connect(); }
};

}  // namespace redlockd::test
