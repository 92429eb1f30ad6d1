#include "daemon/redis/command.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <type_traits>

#include "daemon/redis/encoder.h"
#include "daemon/redis/hint.h"

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
std::int64_t Milliseconds(Duration duration) {
  return std::chrono::ceil<std::chrono::milliseconds>(duration).count();
}

std::int64_t Microseconds(Duration duration) {
  return std::chrono::ceil<std::chrono::microseconds>(duration).count();
}

std::string_view Word(engine::Queueing queueing) {
  switch (queueing) {
    case engine::Queueing::kNone:
      return "none";
    case engine::Queueing::kIfRefused:
      return "if-refused";
    case engine::Queueing::kAlways:
      return "always";
    case engine::Queueing::kStand:
      return "stand";
    case engine::Queueing::kIgnore:
      break;
  }
  return "ignore";
}

// Writes down the keys and the arguments of an op, and counts them.
class Writer {
 public:
  explicit Writer(const SetOptions& set) : set_(set) { words_.reserve(kRoom); }

  void operator()(const engine::AcquireOp& op) { (*this)(std::span(&op, 1)); }
  void operator()(std::span<const engine::AcquireOp> batch) {
    Key(kSentinelKey);
    for (const engine::AcquireOp& op : batch) OfLock(op.lock);
    OfQueues();
    for (const engine::AcquireOp& op : batch) OfWant(op, op);
  }
  void operator()(const engine::ClaimOp& op) {
    Key(kSentinelKey);
    for (const engine::ClaimOp::Name& name : op.names) OfLock(name.lock);
    OfQueues();
    for (const engine::ClaimOp::Name& name : op.names) OfWant(name, op);
  }
  void operator()(const engine::ShareOp& op) {
    (*this)(engine::AcquireOp{.lock = op.lock,
                              .owner = op.owner,
                              .ttl = op.ttl,
                              .proposal = op.proposal,
                              .queueing = op.queueing,
                              .stamp = op.stamp,
                              .grace = op.grace,
                              .most_life = op.most_life});
  }
  void operator()(const engine::RaiseOp& op) {
    LockKey(op.lock);
    FenceKey(op.lock);
    Key(kSentinelKey);
    Settings();
    Arg(op.owner);
    Arg(op.fence);
    Arg(Milliseconds(set_.fence_life));
  }
  void operator()(const engine::ConfirmOp& op) {
    LockKey(op.lock);
    FenceKey(op.lock);
    Key(kSentinelKey);
    Settings();
    Arg(op.owner);
    Arg(op.fence);
    Arg(op.block);
    Arg(Milliseconds(set_.fence_life));
  }
  void operator()(const engine::RenewOp& op) { (*this)(std::span(&op, 1)); }
  void operator()(std::span<const engine::RenewOp> batch) {
    Key(kSentinelKey);
    for (const engine::RenewOp& op : batch) OfLock(op.lock);
    Settings();
    Arg(Milliseconds(set_.fence_life));
    for (const engine::RenewOp& op : batch) {
      Arg(op.owner);
      Arg(Milliseconds(op.ttl));
    }
  }
  void operator()(const engine::ReleaseOp& op) { (*this)(std::span(&op, 1)); }
  void operator()(std::span<const engine::ReleaseOp> batch) {
    for (const engine::ReleaseOp& op : batch) {
      LockKey(op.lock);
      QueueKeys(op.lock);
    }
    for (const engine::ReleaseOp& op : batch) {
      Arg(op.owner);
      Arg(op.leave ? "1" : "0");
    }
  }
  void operator()(const engine::BreakOp& op) {
    LockKey(op.lock);
    QueueKeys(op.lock);
    Arg(op.owner);
    Arg(op.at_once ? "1" : "0");
    Arg(Milliseconds(op.ttl));
  }
  void operator()(const engine::InspectOp& op) {
    LockKey(op.lock);
    FenceKey(op.lock);
    Arg(op.asker);
    Arg(static_cast<std::int64_t>(op.inquiry));
  }
  void operator()(const engine::NameHolderOp& op) {
    Arg(ChannelOf(op.asker));
    Arg(TextOf(op));
  }
  void operator()(const engine::ProbeOp& op) {
    Key(kSentinelKey);
    Key(kTryKey);
    LockKey(kTryKey);
    Settings();
    Arg(op.may_write ? "1" : "0");
    Arg(op.node_id);
    Arg(op.set);
    Arg(op.counted);
    Arg(op.instance);
    Arg(set_.key_prefix);
    for (const engine::ProbeOp::Sighting& sighting : op.sightings) {
      Arg(sighting.node_id);
      Arg(sighting.run_id);
      sighting.heard_ago ? Arg(Microseconds(*sighting.heard_ago)) : Arg("");
    }
  }
  void operator()(const engine::SuspectOp& op) {
    OfNode();
    Arg(op.witness);
  }
  void operator()(const engine::TrustOp&) { OfNode(); }
  void operator()(const engine::AdoptOp& op) {
    OfNode();
    Arg(op.set);
    Arg(set_.key_prefix);
  }

  Call Take(ScriptId script) const {
    Call call;
    call.text.reserve(kRoom);
    BeginCommand(call.text, 3 + keys_ + args_);
    AppendBulk(call.text, "EVALSHA");
    AppendBulk(call.text, Get(script).sha);
    AppendBulk(call.text, std::to_string(keys_));
    if (run_id_at_ != Call::kNowhere) call.run_id_at = call.text.size() + run_id_at_;
    if (hears_at_ != Call::kNowhere) call.hears_at = call.text.size() + hears_at_;
    call.text.append(words_);
    return call;
  }

 private:
  static constexpr std::size_t kRoom = 1024;  // enough for most ops

  void Key(std::string_view a, std::string_view b = {}, std::string_view c = {}) {
    ++keys_;
    AppendBulk(words_, a, b, c);
  }
  void LockKey(std::string_view lock) { Key(set_.key_prefix, lock); }
  void FenceKey(std::string_view lock) { Key(kFencePrefix, set_.key_prefix, lock); }
  void QueueKeys(std::string_view lock) {
    Key(kQueuePrefix, set_.key_prefix, lock);
    Key(kWaitPrefix, set_.key_prefix, lock);
  }

  void OfLock(std::string_view lock) {
    LockKey(lock);
    FenceKey(lock);
    QueueKeys(lock);
  }

  void Arg(std::string_view text) {
    ++args_;
    AppendBulk(words_, text);
  }
  void Arg(std::int64_t number) {
    std::array<char, 24> text;
    char* const end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
    Arg(std::string_view(text.data(), end));
  }
  void OfQueues() {
    Settings();
    Arg(Milliseconds(set_.fence_life));
    Arg(Microseconds(set_.retry_interval));
    Arg(Microseconds(set_.max_interval));
    Arg(Microseconds(set_.first_poll));
    Hears();
  }
  // One lock that is asked for: itself, and what all that are asked for by the op have in common.
  void OfWant(const auto& lock, const auto& op) {
    Arg(lock.owner);
    Arg(Milliseconds(op.ttl));
    Arg(lock.proposal);
    Arg(lock.block);
    Arg(Word(op.queueing));
    Arg(op.stamp);
    Arg(Microseconds(op.grace));
    Arg(Microseconds(op.most_life));
  }
  void Settings() {
    ++args_;
    run_id_at_ = words_.size();
    Arg(Microseconds(set_.quarantine));
    Arg(Microseconds(set_.max_ttl));
    Arg(Microseconds(set_.fence_window));
  }
  void Hears() {
    Arg("0");
    hears_at_ = words_.size() - std::string_view("0\r\n").size();
  }
  void OfNode() {
    Key(kSentinelKey);
    Settings();
  }

  const SetOptions& set_;
  std::string words_;
  std::size_t keys_ = 0;
  std::size_t args_ = 0;
  std::size_t run_id_at_ = Call::kNowhere;
  std::size_t hears_at_ = Call::kNowhere;
};

}  // namespace

ScriptId ScriptOf(const engine::NodeOp& op) {
  return std::visit(Overloaded{
                        [](const engine::AcquireOp&) { return ScriptId::kAcquire; },
                        [](const engine::ClaimOp&) { return ScriptId::kClaim; },
                        [](const engine::ShareOp&) { return ScriptId::kShare; },
                        [](const engine::ConfirmOp&) { return ScriptId::kConfirm; },
                        [](const engine::RaiseOp&) { return ScriptId::kRaise; },
                        [](const engine::RenewOp&) { return ScriptId::kRenew; },
                        [](const engine::ReleaseOp&) { return ScriptId::kRelease; },
                        [](const engine::BreakOp&) { return ScriptId::kBreak; },
                        [](const engine::InspectOp&) { return ScriptId::kInspect; },
                        [](const engine::NameHolderOp&) { return ScriptId::kPublish; },
                        [](const engine::ProbeOp&) { return ScriptId::kIntroduce; },
                        [](const engine::SuspectOp&) { return ScriptId::kSuspect; },
                        [](const engine::TrustOp&) { return ScriptId::kTrust; },
                        [](const engine::AdoptOp&) { return ScriptId::kAdopt; },
                    },
                    op);
}

Call CallOf(const engine::NodeOp& op, const SetOptions& set) {
  Writer writer(set);
  std::visit(writer, op);
  return writer.Take(ScriptOf(op));
}

Call CallOf(std::span<const engine::AcquireOp> batch, const SetOptions& set) {
  Writer writer(set);
  writer(batch);
  return writer.Take(ScriptId::kAcquire);
}

Call CallOf(std::span<const engine::RenewOp> batch, const SetOptions& set) {
  Writer writer(set);
  writer(batch);
  return writer.Take(ScriptId::kRenew);
}

Call CallOf(std::span<const engine::ReleaseOp> batch, const SetOptions& set) {
  Writer writer(set);
  writer(batch);
  return writer.Take(ScriptId::kRelease);
}

ReplyForm FormOf(const engine::NodeOp& op) {
  if (std::holds_alternative<engine::ClaimOp>(op)) return ReplyForm::kNames;
  const bool has_letter =
      std::holds_alternative<engine::RenewOp>(op) || std::holds_alternative<engine::ReleaseOp>(op);
  return has_letter ? ReplyForm::kLetters : ReplyForm::kWhole;
}

std::size_t PartsOf(const engine::NodeOp& op) {
  const auto* claim = std::get_if<engine::ClaimOp>(&op);
  return claim == nullptr ? 1 : claim->names.size();
}

}  // namespace redlockd::redis
