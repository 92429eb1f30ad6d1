#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "daemon/engine/types.h"

namespace redlockd::engine {

// What a node stores under a lock's key: "INSTANCE:ATTEMPT:HOST" (rule A1). The node scripts read
// the instance of it, too (prelude.lua).
std::string OwnerValue(std::string_view instance, AttemptNumber attempt, std::string_view host);

// What a node stores in its place when an administrator has broken the lease (rule I3): this, and the
// owner value.
inline constexpr std::string_view kKept = "redlockd:kept:";
// What a node stores there while several owners share the lock (rule F1).
inline constexpr std::string_view kSharedValue = "redlockd:shared";
// Returns the owner value if that is one of these, else the value itself.
inline std::string_view WithoutKept(std::string_view value) {
  return value.starts_with(kKept) ? value.substr(kKept.size()) : value;
}

// The parts of an owner value that a redlockd wrote. Views into the text that was parsed.
struct OwnerParts {
  std::string_view instance;
  std::string_view host;
};
// Returns none for a value that another program wrote.
std::optional<OwnerParts> ParseOwnerValue(std::string_view owner);

// Whether a client that no redlockd knows has the lock whose key says that.
inline bool IsOfPlainClient(std::string_view value) {
  return value != kSharedValue && !ParseOwnerValue(WithoutKept(value));
}

}  // namespace redlockd::engine
