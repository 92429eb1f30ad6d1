#include <cstdint>
#include <utility>

#include "daemon/redis/hint.h"
#include "tests/contract/sides.h"

namespace redlockd::contract {
namespace {

using sim::Reply;

Reply ValueOf(sim::Store& store, engine::NodeTime now, std::string_view key) {
  const auto& value = store.Find(now, key)->value;
  if (const auto* text = std::get_if<std::string>(&value)) return Reply::String(*text);
  const auto* hash = std::get_if<sim::Store::Hash>(&value);
  if (hash == nullptr) {
    const std::string_view argv[] = {"ZRANGE", key, "0", "-1", "WITHSCORES"};
    return store.Execute(now, argv);
  }
  Reply fields{.kind = Reply::Kind::kArray};
  for (const auto& [field, text] : *hash) {
    fields.elements.push_back(Reply::String(field));
    fields.elements.push_back(Reply::String(text));
  }
  return fields;
}

struct Doer {
  sim::FakeNode& node;
  sim::Store& snapshot;
  engine::NodeTime now;
  bool drops_due;

  Reply operator()(const ScriptCall& step) const { return node.Call(now, step.script, step.call); }
  Reply operator()(const Command& step) const {
    const std::vector<std::string_view> argv(step.argv.begin(), step.argv.end());
    return node.store().Execute(now, argv);
  }
  Reply operator()(const Flush&) const {
    node.store().Clear();
    return Reply::Status("OK");
  }
  Reply operator()(const Restart&) const {
    // What has a millisecond more to live has ended by then.
    node.store().DropExpired(drops_due ? now + 1000 : now);
    return Reply::Status("PONG");
  }
  Reply operator()(const Save&) const {
    snapshot = node.store();
    return Reply::Status("OK");
  }
  Reply operator()(const Crash&) const {
    node.store() = snapshot;
    node.store().DropExpired(now);
    return Reply::Status("PONG");
  }
};

}  // namespace

FakeSide::FakeSide(bool drops_due) : drops_due_(drops_due) {
  node_.SetListeners(
      [](std::string_view channel) { return channel == redis::ChannelOf(kListener) ? 1 : 0; });
}

Seen FakeSide::Do(const Step& step) {
  Reply reply = std::visit(Doer{node_, snapshot_, step.now, drops_due_}, step.what);
  return {.reply = std::move(reply), .state = State(step.now)};
}

Reply FakeSide::State(engine::NodeTime now) {
  sim::Store& store = node_.store();
  Reply state{.kind = Reply::Kind::kArray};
  for (const std::string& key : store.Keys(now)) {
    const auto ask = [&](std::string_view command) {
      return store.Execute(now, std::vector<std::string_view>{command, key});
    };
    Reply pttl = ask("PTTL");
    // As Lua has it, which asks the real one.
    pttl.integer = static_cast<std::int64_t>(static_cast<double>(pttl.integer));
    state.elements.push_back(
        {.kind = Reply::Kind::kArray,
         .elements = {Reply::String(key), ask("TYPE"), std::move(pttl), ValueOf(store, now, key)}});
  }
  return state;
}

}  // namespace redlockd::contract
