#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/engine/node_op.h"
#include "daemon/redis/options.h"
#include "tests/sim/reply.h"
#include "tests/sim/script_set.h"
#include "tests/sim/store.h"
#include "tests/support/redis_call.h"

namespace redlockd::sim {

// One Redis server as the daemon's link sees it: keys, what INFO says, and the real scripts run on
// it. It has no time of its own, it is told the node's, which stands still while a script runs. (So
// it does in Redis from 7.2 on; before, each command of a script reads the clock anew.) What it
// cannot do: run out of memory, refuse to write as a replica does.
class FakeNode {
 public:
  FakeNode(const ScriptSet& scripts, std::string run_id);  // scripts outlive it; one thread

  // What INFO says: without the sentinel's id and set. May be changed: a replica, another policy.
  engine::NodeFacts& facts() { return facts_; }
  const engine::NodeFacts& Facts() const { return facts_; }

  Store& store() { return store_; }
  const Store& store() const { return store_; }

  // What the daemon gets for this op at the node's time `now`. `run_id`: as learned on the
  // connection; `hears`: it hears what is published to it. Node and ticket are for the caller to
  // fill in.
  engine::NodeAnswer Run(engine::NodeTime now, const redis::SetOptions& set,
                         std::string_view run_id, const engine::NodeOp& op, bool hears = false);
  // The same one level below: the raw reply of a script.
  Reply Call(engine::NodeTime now, redis::ScriptId script, const test::ScriptWords& call);
  // How many hear what is published on a channel; without it, nobody.
  void SetListeners(Store::Listeners listeners) { listeners_ = std::move(listeners); }
  // What the last script published. Whom it reaches is the caller's to know.
  const std::vector<Store::Message>& published() const { return published_; }

  // maxmemory was reached: false if there is no such key.
  bool Evict(std::string_view key);
  // Another process. What it remembers is the caller's choice: assign to store().
  void Restart(std::string run_id);

 private:
  const ScriptSet& scripts_;
  engine::NodeFacts facts_;
  Store store_;
  Store::Listeners listeners_;
  std::vector<Store::Message> published_;
};

}  // namespace redlockd::sim
