#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "daemon/engine/node_op.h"

// What daemons say to each other by way of a node, in words (rule E5). Pure functions.
namespace redlockd::redis {

// The channel on which one daemon hears hints.
std::string ChannelOf(std::string_view instance);

// One of these, where KEY is that of a lock, with the prefix, and times are in microseconds:
//
//   wanted KEY, free KEY, next US KEY, broken ATTEMPT KEY
//   who INQUIRY ATTEMPT ASKER KEY
//   holder INQUIRY FENCE US PID UID NOTE, and nobody INQUIRY
//
// None if it is not that: anybody may publish there. Without its node.
std::optional<engine::Hint> HintOf(std::string_view text, std::string_view key_prefix);

// The answer to `who`.
std::string TextOf(const engine::NameHolderOp& op);

}  // namespace redlockd::redis
