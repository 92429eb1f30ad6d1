#include "tests/sim/earlier_daemon.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "daemon/engine/node_set.h"
#include "daemon/engine/owner_value.h"
#include "tests/sim/settings.h"

namespace redlockd::sim {
namespace {

using namespace std::chrono_literals;

const std::string kLock = "all";
const std::vector<std::string> kLockKeys = {kLock, "redlockd:fence:" + kLock,
                                            "redlockd:want:" + kLock};
constexpr Duration kHold = 10ms;  // at most

std::string Read(const std::string& name) {
  const std::string path = std::string(REDLOCKD_TEST_EARLIER) + "/" + name + ".lua";
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path + ": cannot read it");
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Milliseconds(Duration time) { return std::to_string(time / 1ms); }
std::string Microseconds(Duration time) { return std::to_string(time / 1us); }

}  // namespace

EarlierScripts::EarlierScripts() {
  const auto load = [this, prelude = Read("prelude")](const std::string& name) {
    return lua.Load("earlier " + name, prelude + Read(name));
  };
  acquire = load("acquire");
  confirm = load("confirm");
  release = load("release");
}

EarlierDaemon::EarlierDaemon(const Parts& parts)
    : parts_(parts),
      chance_(parts.seed, 'e', parts.index),
      connection_(++parts.last_connection),
      instance_("earlier" + std::to_string(parts.index)) {}

void EarlierDaemon::Begin() {
  Listen();
  ComeAgain();
}

Duration EarlierDaemon::OneWay() { return chance_.Between(Duration(20us), Duration(300us)); }

std::string EarlierDaemon::Owner() const {
  return engine::OwnerValue(instance_, attempt_, "earlier-host");
}

// The words that come first in every script that looks at the sentinel.
std::vector<std::string> EarlierDaemon::Settings(const SimNode& node) const {
  const engine::Timing timing = WorldTiming();
  return {node.Facts().run_id, Microseconds(timing.Quarantine()), Microseconds(timing.max_ttl),
          Microseconds(timing.fence_window)};
}

// The nodes' hints that the lock is free, from a daemon of either version.
void EarlierDaemon::Listen() {
  for (SimNode& node : parts_.nodes) {
    node.Subscribe("redlockd:to:" + instance_, connection_, [this](const std::string& message) {
      if (message != "free " + kLock) return;
      parts_.timeline.After(OneWay(), [this] { Poll(); });
    });
  }
}

void EarlierDaemon::ComeAgain() {
  if (!is_on_ || is_draining_) return;
  parts_.timeline.After(chance_.UpTo(kHold), [this] {
    stamp_ = kYear2025 + parts_.timeline.now() / 1us;
    Poll();
  });
}

void EarlierDaemon::Poll() {
  if (!is_on_ || is_draining_ || is_asking_) return;
  is_asking_ = true;
  ++attempt_;
  attempt_asked_ = parts_.timeline.now();
  round_ = {.number = ++rounds_, .asked = attempt_asked_};
  const engine::Timing timing = WorldTiming();
  const engine::Fence proposal =
      std::max<engine::Fence>(kYear2025 + parts_.timeline.now() / 1us, last_ + 1);
  Ask(parts_.scripts.acquire,
      {.keys = {"redlockd:node", kLockKeys[0], kLockKeys[1], kLockKeys[2]},
       .args = {Milliseconds(timing.fence_life), Owner(), Milliseconds(timing.ttl),
                std::to_string(proposal), "1", "if-refused", std::to_string(stamp_),
                Milliseconds(6 * timing.retry_interval)}});
}

// `call` lacks the settings, which are each node's own.
void EarlierDaemon::Ask(std::size_t script, const test::ScriptWords& call) {
  for (SimNode& node : parts_.nodes) {
    parts_.timeline.After(OneWay(), [this, &node, script, call, round = round_.number] {
      if (!node.up()) return;
      node.Receive(connection_, [this, &node, script, call, round] {
        test::ScriptWords whole{call.keys, Settings(node)};
        whole.args.insert(whole.args.end(), call.args.begin(), call.args.end());
        const Reply reply = node.Eval(parts_.scripts.lua, script, whole);
        parts_.timeline.After(OneWay(), [this, round, reply] { Answered(round, reply); });
      });
    });
  }
  parts_.timeline.After(WorldTiming().command_timeout, [this, round = round_.number] {
    if (round == round_.number) Judge();
  });
}

void EarlierDaemon::Answered(std::uint64_t round, const Reply& reply) {
  if (round != round_.number) return;
  ++round_.answers;
  if (reply.elements.at(0).text == "ok") round_.votes.push_back(reply.elements.at(2).integer);
  if (round_.answers == parts_.nodes.size()) Judge();
}

// Rules A3, A4: a majority for one fence, or a majority that is then asked to confirm one.
void EarlierDaemon::Judge() {
  round_.number = 0;  // what comes now comes late
  if (!is_on_) return;
  std::vector<engine::Fence> votes = std::move(round_.votes);
  const std::size_t m = engine::Majority(parts_.nodes.size());
  std::sort(votes.begin(), votes.end());
  for (const engine::Fence fence : votes) {
    last_ = std::max(last_, fence);
    if (std::count(votes.begin(), votes.end(), fence) >= static_cast<std::ptrdiff_t>(m)) {
      return Hold(fence);
    }
  }
  if (votes.size() >= m && !round_.confirms) return Confirm(votes[m - 1]);
  End(false);
}

void EarlierDaemon::Confirm(engine::Fence fence) {
  round_ = {.number = ++rounds_, .confirms = true, .asked = attempt_asked_};
  Ask(parts_.scripts.confirm,
      {.keys = {kLockKeys[0], kLockKeys[1], "redlockd:node"},
       .args = {Owner(), std::to_string(fence), "1", Milliseconds(WorldTiming().fence_life)}});
}

void EarlierDaemon::Hold(engine::Fence fence) {
  const engine::Timing timing = WorldTiming();
  const Moment deadline = attempt_asked_ + timing.ttl - timing.DriftAllowance(timing.ttl);
  if (parts_.timeline.now() >= deadline) return End(true);
  ++grants_;
  parts_.checker.Leased(kLock, Owner());
  parts_.checker.Granted(kLock, fence, 1000 + parts_.index, deadline);
  parts_.timeline.After(chance_.UpTo(kHold), [this, fence] {
    if (!is_on_) return;  // its host has died: the lock is held until the deadline
    parts_.checker.LetGo(kLock, fence);
    End(true);
  });
}

void EarlierDaemon::End(bool is_served) {
  Release(is_served || is_draining_);
  is_asking_ = false;
  if (is_served || is_draining_) return ComeAgain();
  const Duration interval = WorldTiming().retry_interval;
  parts_.timeline.After(chance_.Between(interval / 2, interval), [this, attempt = attempt_] {
    if (attempt == attempt_) Poll();
  });
}

void EarlierDaemon::Release(bool leaves) {
  const test::ScriptWords call = {.keys = {kLockKeys[0], kLockKeys[2]},
                                  .args = {Owner(), leaves ? "1" : "0"}};
  for (SimNode& node : parts_.nodes) {
    parts_.timeline.After(OneWay(), [this, &node, call] {
      if (!node.up()) return;
      node.Receive(connection_, [this, &node, call] {
        node.Eval(parts_.scripts.lua, parts_.scripts.release, call);
      });
    });
  }
}

}  // namespace redlockd::sim
