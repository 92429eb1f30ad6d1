#pragma once

#include <functional>
#include <string>

#include "daemon/engine/events.h"

namespace redlockd::redis {

// What comes back from the nodes. Called in the loop, never from within Nodes::Ask, which they may
// call. They must not destroy the Nodes.
struct Callbacks {
  // NodeLinkUp, NodeDown, NodeAnswer, NodeAnswers, NodeSilence, NodeSubscribed, and hints: to be fed to
  // Engine::Step as they come.
  std::function<void(const engine::Event& event)> on_event;
  // For the log: something that a node refuses and that can be lived without (rules C7, E5).
  std::function<void(engine::NodeIndex node, const std::string& note)> on_note;
};

}  // namespace redlockd::redis
