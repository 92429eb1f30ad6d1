#include "tests/support/daemon.h"

#include <gtest/gtest.h>

#include <iostream>
#include <stdexcept>

namespace redlockd::test {

std::string ToYaml(const DaemonOptions& options) {
  std::string yaml = "nodes:\n";
  for (const std::string& address : options.addresses) {
    yaml += "  - address: \"" + address + "\"\n";
    for (const auto& [key, value] : options.node_keys) yaml += "    " + key + ": " + value + '\n';
    if (const auto own = options.own_keys.find(address); own != options.own_keys.end()) {
      yaml += "    " + own->second + '\n';
    }
  }
  yaml += "lease: {ttl: " + options.ttl + ", max_ttl: " + options.max_ttl +
          ", linger: " + options.linger + ", tenure_max: " + options.tenure_max + "}\n";
  yaml += "safety: {fence_window: " + options.fence_window + "}\n";
  yaml += "timeouts: {connect: " + options.connect_timeout +
          ", command: " + options.command_timeout + "}\n";
  return yaml + options.more;
}

Daemon::Daemon(DaemonOptions options)
    : options_(std::move(options)), socket_(dir_ / "redlockd.sock") {
  WriteFile(dir_ / "redlockd.yaml", ToYaml(options_));
  Start();
}

Daemon::~Daemon() {
  EndAtOnce();
  if (testing::Test::HasFailure()) std::cerr << "--- log of redlockd\n" << Log() << "---\n";
}

void Daemon::Start() {
  std::vector<std::string> argv = options_.within;
  argv.insert(argv.end(),
              {REDLOCKD_TEST_REDLOCKD, "--config", dir_ / "redlockd.yaml", "--socket", socket_});
  process_.emplace(std::move(argv),
                   Process::Options{.env = options_.env, .output_file = dir_ / "log"});
  const auto answers = [&] {
    try {
      return Connect().Brief("ping") == "OK";
    } catch (const std::runtime_error&) {
      return false;
    }
  };
  if (!Eventually([&] { return answers() || !process_->Running(); }) || !process_->Running()) {
    throw std::runtime_error("redlockd did not start: " + Log());
  }
}

Exit Daemon::Stop() {
  process_->Signal(SIGTERM);
  return process_->Wait();
}

void Daemon::EndAtOnce() {
  if (!process_) return;
  if (process_->Running()) {
    if (StateOf(process_->pid()) == 'T') return;
    // The second one ends the drain. Two at once may arrive as one.
    EXPECT_TRUE(Eventually([&] {
      if (process_->Running()) process_->Signal(SIGTERM);
      return !process_->Running();
    }));
  }
  try {
    const Exit exit = process_->Wait();
    EXPECT_TRUE(exit == ExitCode(0) || exit == KilledBy(SIGKILL)) << "redlockd: " << exit;
  } catch (const std::runtime_error& error) {
    ADD_FAILURE() << error.what();
  }
}

void Daemon::Kill() {
  process_->Signal(SIGKILL);
  process_->Wait();
}

void Daemon::TrustEmpty() {
  LineClient operator_session = Connect();
  std::string answer;
  // Not at once: the daemon has to have reached all nodes. On a slow machine it may not hear of one
  // that took it, and is refused from then on; then their quarantine passes.
  const bool trusted = Eventually([&] {
    answer = Line(operator_session.Ask("trust-empty"));
    return answer.starts_with("OK") ||
           GetNumber(operator_session.Ask("nodes"), "up") == options_.addresses.size();
  });
  if (!trusted) throw std::runtime_error("trust-empty: " + answer);
  WaitForNodes(options_.addresses.size());
}

void Daemon::WaitForNodes(std::size_t voting) {
  LineClient client = Connect();
  if (!Eventually([&] { return GetNumber(client.Ask("nodes"), "up") == voting; })) {
    std::string rows;
    client.Ask("nodes");
    for (const Reply& row : client.rows()) rows += Line(row) + '\n';
    throw std::runtime_error("not " + std::to_string(voting) + " nodes vote:\n" + rows);
  }
}

Reply Daemon::NodeRow(std::size_t i) const {
  LineClient client = Connect();
  client.Ask("nodes");
  return client.rows().at(i);
}

bool Daemon::NodeIs(std::size_t i, std::string_view state) const {
  return Get(NodeRow(i), "state") == state;
}

std::uint64_t Daemon::Stat(std::string_view name) const {
  LineClient client = Connect();
  client.Ask("stats");
  for (const Reply& row : client.rows()) {
    if (Get(row, "name") == name) return GetNumber(row, "value");
  }
  throw std::runtime_error("no counter " + std::string(name));
}

namespace {
DaemonOptions With(DaemonOptions options, const Nodes& nodes) {
  if (options.addresses.empty()) options.addresses = nodes.Addresses();
  return options;
}
}  // namespace

World::World(std::size_t count, DaemonOptions options)
    : nodes(count), daemon(With(std::move(options), nodes)) {
  daemon.TrustEmpty();
}

}  // namespace redlockd::test
