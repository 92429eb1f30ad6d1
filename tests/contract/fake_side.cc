#include <utility>

#include "tests/contract/sides.h"

namespace redlockd::contract {
namespace {

using sim::Reply;

Reply ValueOf(const sim::Store::Entry& entry) {
  if (const auto* text = std::get_if<std::string>(&entry.value)) return Reply::String(*text);
  Reply fields{.kind = Reply::Kind::kArray};
  for (const auto& [field, value] : std::get<sim::Store::Hash>(entry.value)) {
    fields.elements.push_back(Reply::String(field));
    fields.elements.push_back(Reply::String(value));
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

Seen FakeSide::Do(const Step& step) {
  Reply reply = std::visit(Doer{node_, snapshot_, step.now, drops_due_}, step.what);
  return {.reply = std::move(reply), .state = State(step.now)};
}

Reply FakeSide::State(engine::NodeTime now) {
  Reply state{.kind = Reply::Kind::kArray};
  for (const std::string& key : node_.store().Keys(now)) {
    const auto ask = [&](std::string_view command) {
      return node_.store().Execute(now, std::vector<std::string_view>{command, key});
    };
    state.elements.push_back({.kind = Reply::Kind::kArray,
                              .elements = {Reply::String(key), ask("TYPE"), ask("PTTL"),
                                           ValueOf(*node_.store().Find(now, key))}});
  }
  return state;
}

}  // namespace redlockd::contract
