#include "tests/sim/sim_node.h"

#include <array>
#include <optional>
#include <sstream>
#include <utility>

#include "daemon/redis/command.h"

namespace redlockd::sim {
namespace {

constexpr std::size_t kDumps = 24;  // as old as a restart may find (MakeScenario), and no more

}  // namespace

SimNode::SimNode(const ScriptSet& scripts, Timeline& timeline, NodeClock clock, std::size_t index,
                 redis::SetOptions set)
    : timeline_(timeline),
      clock_(clock),
      index_(index),
      set_(std::move(set)),
      fake_(scripts, NewRunId()) {
  fake_.SetListeners([this](std::string_view channel) {
    return static_cast<std::int64_t>(subscribers_.contains(channel));
  });
}

std::string SimNode::NewRunId() {
  return "node" + std::to_string(index_) + "run" + std::to_string(process_);
}

void SimNode::Receive(ConnectionId connection, std::function<void()> command) {
  if (killed_.contains(connection)) return;
  if (timeline_.now() < hung_until_ || !waiting_.empty()) {
    waiting_.emplace_back(connection, std::move(command));
  } else {
    command();
  }
}

void SimNode::Unsubscribe(const std::string& channel, ConnectionId by) {
  const auto subscriber = subscribers_.find(channel);
  if (subscriber != subscribers_.end() && subscriber->second.by == by) {
    subscribers_.erase(subscriber);
  }
}

engine::NodeAnswer SimNode::Run(const std::string& run_id, const engine::NodeOp& op, bool hears) {
  ++(std::holds_alternative<engine::ProbeOp>(op) ? introduced_ : ran_);
  engine::NodeAnswer answer = fake_.Run(Time(), set_, run_id, op, hears);
  Deliver(fake_.published());
  return answer;
}

Reply SimNode::Eval(Lua& lua, std::size_t script, const test::ScriptWords& call) {
  ++ran_;
  Reply reply = lua.Run(script, call.keys, call.args, fake_.store(), Time());
  Deliver(fake_.store().TakePublished());
  return reply;
}

void SimNode::Deliver(const std::vector<Store::Message>& messages) {
  for (const Store::Message& message : messages) {
    ++published_;
    const auto subscriber = subscribers_.find(message.channel);
    if (subscriber != subscribers_.end()) subscriber->second.hear(message.text);
  }
}

bool SimNode::SetIfFree(const std::string& key, const std::string& value, Duration ttl) {
  if (fake_.store().Find(Time(), key) != nullptr) return false;
  const std::string ms = std::to_string(ttl / std::chrono::milliseconds(1));
  const std::array<std::string_view, 5> set = {"SET", key, value, "PX", ms};
  fake_.store().Execute(Time(), set);
  return true;
}

void SimNode::DeleteIf(const std::string& key, const std::string& value) {
  if (fake_.store().Get(Time(), key) == value) fake_.store().Erase(key);
}

void SimNode::Die(Memory memory, Duration age) {
  up_ = false;
  ++process_;
  waiting_.clear();
  subscribers_.clear();
  hung_until_ = Moment{};
  if (memory == Memory::kKept) return;
  Store old;
  for (Dump& dump : dumps_) {
    if (memory == Memory::kOld && dump.at <= timeline_.now() - age) old = dump.store;
  }
  fake_.store() = std::move(old);
}

void SimNode::Start() {
  up_ = true;
  fake_.Restart(NewRunId());
}

void SimNode::HangUntil(Moment end) {
  hung_until_ = std::max(hung_until_, end);
  timeline_.At(end, [this, process = process_] {
    if (process == process_ && timeline_.now() >= hung_until_) GoOn();
  });
}

void SimNode::GoOn() {
  auto commands = std::exchange(waiting_, {});
  for (auto& [connection, command] : commands) {
    if (!killed_.contains(connection)) command();
  }
}

void SimNode::SetPolicy(const std::string& policy) { fake_.facts().maxmemory_policy = policy; }

void SimNode::Evict() {
  for (const std::string& key : Keys()) {
    if (!key.starts_with("redlockd:")) fake_.store().Erase(key);
  }
  ++fake_.facts().evicted_keys;
}

void SimNode::KeepDump() {
  if (!up_) return;
  dumps_.push_back({timeline_.now(), fake_.store()});
  if (dumps_.size() > kDumps) dumps_.pop_front();
}

std::vector<std::string> SimNode::Keys() const { return fake_.store().Keys(Time()); }

std::string SimNode::FirstBut(const std::string& instance, const std::string& lock) const {
  const Store::Entry* queue = fake_.store().Find(Time(), std::string(redis::kQueuePrefix) + lock);
  if (queue == nullptr) return {};
  std::optional<std::pair<double, std::string>> first;
  for (const auto& [member, score] : std::get<Store::SortedSet>(queue->value)) {
    const std::pair entry(score, member);
    if (member != instance && (!first || entry < *first)) first = entry;
  }
  return first ? first->second : std::string();
}

bool SimNode::HasWant(const std::string& lock, const std::string& instance) const {
  const auto key_of = [&](std::string_view prefix) { return std::string(prefix) + lock; };
  const Store::Entry* queue = fake_.store().Find(Time(), key_of(redis::kQueuePrefix));
  const Store::Entry* wait = fake_.store().Find(Time(), key_of(redis::kWaitPrefix));
  if (queue == nullptr || wait == nullptr) return false;
  if (!std::get<Store::SortedSet>(queue->value).contains(instance)) return false;
  const auto& entries = std::get<Store::Hash>(wait->value);
  const auto entry = entries.find(instance);
  if (entry == entries.end()) return false;
  std::istringstream words(entry->second);
  engine::NodeTime fresh_until = 0;
  words >> fresh_until;
  return fresh_until > Time();
}

}  // namespace redlockd::sim
