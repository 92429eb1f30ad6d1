#pragma once

#include <string>

#include "daemon/engine/effects.h"
#include "daemon/engine/node_op.h"

// What the engine and the nodes say to each other and to clients, in a trace's words.
namespace redlockd::sim {

std::string ToText(const engine::NodeOp& op);
std::string ToText(const engine::NodeAnswer& answer);
std::string ToText(const engine::Hint& hint);
std::string ToText(const engine::NodeSet& nodes);  // "nodes 0 2"
std::string ToText(const engine::Answer& answer);
std::string ToText(const engine::Notice& notice);

}  // namespace redlockd::sim
