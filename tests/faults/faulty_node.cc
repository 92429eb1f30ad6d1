#include <filesystem>
#include <sstream>

#include "tests/faults/world.h"

namespace redlockd::test::faults {
namespace {

RedisNode::Options Options() {
  return {.args = {"--appendonly", "yes", "--bind", "0.0.0.0", "--protected-mode", "no"},
          .shifted_clock = true};
}

}  // namespace

FaultyNode::FaultyNode() : node_(Options()) {}

void FaultyNode::Begin(const Fault& fault) {
  switch (fault.kind) {
    case Kind::kKillEmpty:
    case Kind::kKillKept:
      return node_.Kill();
    case Kind::kFlushAll:
      node_.Command({"FLUSHALL"});
      return;
    case Kind::kHang:
      return node_.Freeze();
    case Kind::kPause:
      node_.Command({"CLIENT", "PAUSE", std::to_string((fault.end - fault.begin) / 1ms), "ALL"});
      return;
    case Kind::kDropClients:
      node_.Command({"CLIENT", "KILL", "TYPE", "normal"});
      return;
    case Kind::kDropScripts:
      node_.Command({"SCRIPT", "FLUSH"});
      return;
    case Kind::kClockForward:
      return Shift(fault.amount);
    case Kind::kClockBack:
    case Kind::kClockFarBack:
      return Shift(-fault.amount);
    case Kind::kClockDrift:
      ticked_ = BootTime();
      rate_ = fault.rate;
      return;
    default:
      return;
  }
}

void FaultyNode::End(const Fault& fault) {
  switch (fault.kind) {
    case Kind::kKillEmpty:
      return Restart(true);
    case Kind::kKillKept:
      return Restart(false);
    case Kind::kHang:
      return node_.Thaw();
    case Kind::kClockFarBack:
      node_.Kill();
      return Restart(fault.empty);
    case Kind::kClockDrift:
      rate_ = 0;
      return;
    default:
      return;
  }
}

void FaultyNode::Tick() {
  if (rate_ == 0) return;
  const Duration now = BootTime();
  Shift(std::chrono::duration_cast<Duration>((now - ticked_) * rate_));
  ticked_ = now;
}

void FaultyNode::Shift(Duration by) {
  shift_ += by;
  node_.ShiftClock(std::chrono::duration_cast<std::chrono::microseconds>(shift_));
}

// While it is down no lease lives that it could shorten by putting its clock right.
void FaultyNode::Restart(bool empty) {
  Shift(-shift_);
  if (empty) {
    const std::filesystem::path socket = node_.SocketPath();
    std::filesystem::remove_all(socket.parent_path() / "appendonlydir");
  }
  node_.Start();
}

std::vector<std::string> FaultyNode::LockKeys() const {
  std::istringstream all(node_.Command({"KEYS", "*"}));
  std::vector<std::string> keys;
  for (std::string key; std::getline(all, key);) {
    if (!key.empty() && !key.starts_with("redlockd:")) keys.push_back(key);
  }
  return keys;
}

}  // namespace redlockd::test::faults
