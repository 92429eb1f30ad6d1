#include "daemon/redis/command.h"

#include <chrono>
#include <type_traits>
#include <utility>

#include "daemon/redis/encoder.h"

namespace redlockd::redis {
namespace {

using engine::Duration;

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;  // clang 14 does not deduce it by itself

// Rounded up: a key lives at least as long as its lease is counted.
std::string Milliseconds(Duration duration) {
  return std::to_string(std::chrono::ceil<std::chrono::milliseconds>(duration).count());
}

std::string Microseconds(Duration duration) {
  return std::to_string(std::chrono::ceil<std::chrono::microseconds>(duration).count());
}

std::vector<std::string> Settings(const SetOptions& set, std::string_view run_id) {
  return {std::string(run_id), Microseconds(set.quarantine), Microseconds(set.max_ttl),
          Microseconds(set.fence_window)};
}

template <class... Args>
std::vector<std::string> SettingsAnd(const SetOptions& set, std::string_view run_id,
                                     Args&&... args) {
  auto all = Settings(set, run_id);
  (all.emplace_back(std::forward<Args>(args)), ...);
  return all;
}

std::string_view Word(engine::Queueing queueing) {
  switch (queueing) {
    case engine::Queueing::kNone:
      return "none";
    case engine::Queueing::kIfRefused:
      return "if-refused";
    case engine::Queueing::kAlways:
      return "always";
    case engine::Queueing::kIgnore:
      break;
  }
  return "ignore";
}

}  // namespace

std::string LockKey(std::string_view prefix, std::string_view lock) {
  return std::string(prefix).append(lock);
}

std::string FenceKey(std::string_view prefix, std::string_view lock) {
  return std::string("redlockd:fence:").append(prefix).append(lock);
}

std::string WantKey(std::string_view prefix, std::string_view lock) {
  return std::string("redlockd:want:").append(prefix).append(lock);
}

ScriptId ScriptOf(const engine::NodeOp& op) {
  return std::visit(Overloaded{
                        [](const engine::AcquireOp&) { return ScriptId::kAcquire; },
                        [](const engine::ConfirmOp&) { return ScriptId::kConfirm; },
                        [](const engine::RenewOp&) { return ScriptId::kRenew; },
                        [](const engine::ReleaseOp&) { return ScriptId::kRelease; },
                        [](const engine::InspectOp&) { return ScriptId::kInspect; },
                        [](const engine::ProbeOp&) { return ScriptId::kIntroduce; },
                        [](const engine::SuspectOp&) { return ScriptId::kSuspect; },
                        [](const engine::TrustOp&) { return ScriptId::kTrust; },
                        [](const engine::AdoptOp&) { return ScriptId::kAdopt; },
                    },
                    op);
}

Call CallOf(const engine::NodeOp& op, const SetOptions& set, std::string_view run_id) {
  const std::string sentinel(kSentinelKey);
  const auto lock_key = [&](const auto& op) { return LockKey(set.key_prefix, op.lock); };
  const auto fence_key = [&](const auto& op) { return FenceKey(set.key_prefix, op.lock); };
  const auto want_key = [&](const auto& op) { return WantKey(set.key_prefix, op.lock); };
  return std::visit(
      Overloaded{
          [&](const engine::AcquireOp& op) -> Call {
            return {{lock_key(op), fence_key(op), want_key(op), sentinel},
                    SettingsAnd(set, run_id, op.owner, Milliseconds(op.ttl),
                                std::to_string(op.proposal), std::to_string(op.block),
                                Milliseconds(set.fence_life), Word(op.queueing),
                                std::to_string(op.stamp), Milliseconds(set.want_life))};
          },
          [&](const engine::ConfirmOp& op) -> Call {
            return {{lock_key(op), fence_key(op), sentinel},
                    SettingsAnd(set, run_id, op.owner, std::to_string(op.fence),
                                std::to_string(op.block), Milliseconds(set.fence_life))};
          },
          [&](const engine::RenewOp& op) -> Call {
            Call call{{sentinel}, SettingsAnd(set, run_id, Milliseconds(set.fence_life))};
            for (const engine::RenewOp::Lease& lease : op.leases) {
              call.keys.push_back(lock_key(lease));
              call.keys.push_back(fence_key(lease));
              call.keys.push_back(want_key(lease));
              call.args.push_back(lease.owner);
              call.args.push_back(Milliseconds(lease.ttl));
            }
            return call;
          },
          [&](const engine::ReleaseOp& op) -> Call {
            return {{lock_key(op), want_key(op)}, {op.owner, op.leave ? "1" : "0"}};
          },
          [&](const engine::InspectOp& op) -> Call {
            return {{lock_key(op), fence_key(op)}, {}};
          },
          [&](const engine::ProbeOp& op) -> Call {
            return {{sentinel}, SettingsAnd(set, run_id, op.node_id, op.set)};
          },
          [&](const engine::SuspectOp&) -> Call {
            return {{sentinel}, Settings(set, run_id)};
          },
          [&](const engine::TrustOp&) -> Call {
            return {{sentinel}, Settings(set, run_id)};
          },
          [&](const engine::AdoptOp& op) -> Call {
            return {{sentinel}, SettingsAnd(set, run_id, op.set)};
          },
      },
      op);
}

void AppendCall(std::string& out, ScriptId script, const Call& call) {
  const std::string key_count = std::to_string(call.keys.size());
  std::vector<std::string_view> argv = {"EVALSHA", Get(script).sha, key_count};
  argv.insert(argv.end(), call.keys.begin(), call.keys.end());
  argv.insert(argv.end(), call.args.begin(), call.args.end());
  AppendCommand(out, argv);
}

}  // namespace redlockd::redis
