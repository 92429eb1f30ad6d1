#include "tests/faults/world.h"

#include <stdexcept>

namespace redlockd::test::faults {
namespace {

DaemonOptions OptionsOf(std::size_t daemon, std::size_t nodes, const Links& links) {
  DaemonOptions options{.more = "drain_time: 300ms\n"};
  for (std::size_t node = 0; node < nodes; ++node) {
    options.addresses.push_back(links.Address({daemon, node}));
  }
  return options;
}

std::string DaemonName(std::size_t daemon) { return "d" + std::to_string(daemon + 1); }

}  // namespace

World::World(const Plan& plan, const Journal& journal)
    : journal_(journal), nodes_(plan.nodes), is_down_(plan.daemons) {
  std::vector<std::uint16_t> ports;
  for (const FaultyNode& node : nodes_) ports.push_back(node.port());
  if (plan.packet_filter) {
    links_ = std::make_unique<FilteredLinks>(ports);
  } else {
    links_ = std::make_unique<ProxyLinks>(plan.daemons, ports);
  }
  for (std::size_t daemon = 0; daemon < plan.daemons; ++daemon) {
    daemons_.emplace_back(OptionsOf(daemon, plan.nodes, *links_));
  }
  daemons_[0].TrustEmpty();
  for (Daemon& daemon : daemons_) daemon.WaitForNodes(plan.nodes);
}

void World::Begin(const Fault& fault) {
  if (IsOfNode(fault.kind)) return nodes_[fault.target].Begin(fault);
  if (IsOfLinks(fault.kind)) return links_->Begin(fault);
  if (fault.kind == Kind::kStopDaemon) return daemons_[fault.target].process().Freeze();
  EndDaemon(fault.target, fault.kind == Kind::kKillDaemon ? SIGKILL : SIGTERM);
}

void World::End(const Fault& fault) {
  if (IsOfNode(fault.kind)) return nodes_[fault.target].End(fault);
  if (IsOfLinks(fault.kind)) return links_->End(fault);
  if (fault.kind == Kind::kStopDaemon) return daemons_[fault.target].process().Resume();
  daemons_[fault.target].Start();
  is_down_[fault.target] = false;
}

void World::EndDaemon(std::size_t daemon, int signal) {
  is_down_[daemon] = true;
  Process& process = daemons_[daemon].process();
  process.Signal(signal);
  const Exit exit = process.Wait();
  const Exit expected = signal == SIGKILL ? KilledBy(SIGKILL) : ExitCode(0);
  if (exit == expected) return;
  Problem(DaemonName(daemon) + " ended with exit code " + std::to_string(exit.code) + ", signal " +
          std::to_string(exit.signal));
}

void World::Tick() {
  for (FaultyNode& node : nodes_) node.Tick();
  for (std::size_t daemon = 0; daemon < daemons_.size(); ++daemon) {
    if (is_down_[daemon] || daemons_[daemon].process().Running()) continue;
    is_down_[daemon] = true;
    Problem(DaemonName(daemon) + " ended by itself");
  }
}

void World::ExpectAllNodesVote() {
  for (std::size_t daemon = 0; daemon < daemons_.size(); ++daemon) {
    try {
      daemons_[daemon].WaitForNodes(nodes_.size());
    } catch (const std::runtime_error& error) {
      Problem(DaemonName(daemon) + ": " + error.what());
    }
  }
}

void World::ExpectLocksCanBeHad() {
  for (std::size_t daemon = 0; daemon < daemons_.size(); ++daemon) {
    LineClient client = daemons_[daemon].Connect();
    const Reply answer = client.Ask("lock last");
    if (Brief(answer) != "OK") Problem(DaemonName(daemon) + ": lock last: " + Line(answer));
    client.Ask("unlock last");
  }
}

void World::ExpectNothingIsHeld() {
  for (std::size_t daemon = 0; daemon < daemons_.size(); ++daemon) {
    LineClient client = daemons_[daemon].Connect();
    Reply list;
    const bool empty = Eventually([&] {
      list = client.Ask("list");
      return Get(list, "holds") == "0" && Get(list, "waits") == "0";
    });
    if (!empty) Problem(DaemonName(daemon) + " still has " + Line(list));
  }
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    if (Eventually([&] { return nodes_[node].LockKeys().empty(); })) continue;
    Problem("node" + std::to_string(node + 1) + " still has " + nodes_[node].LockKeys().front());
  }
}

void World::StopDaemons() {
  for (std::size_t daemon = 0; daemon < daemons_.size(); ++daemon) EndDaemon(daemon, SIGTERM);
}

void World::SaveLogs(const std::string& directory) const {
  for (std::size_t daemon = 0; daemon < daemons_.size(); ++daemon) {
    WriteFile(directory + '/' + DaemonName(daemon) + ".log", daemons_[daemon].Log());
  }
}

}  // namespace redlockd::test::faults
