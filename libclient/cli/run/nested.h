// The locks under which this process runs already: those of the `redlock run`s around it. A lock
// that is asked for again by what it runs would be waited for by the one who has it.
#pragma once

#include <redlock/redlock.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace redlock::cli {

// The environment variable, and what stands in it: "NAME=FENCE NAME=FENCE", names encoded as in the
// line protocol.
inline constexpr char kHeldVariable[] = "REDLOCK_HELD";

// `held` with one more lock, for the command that runs under it.
std::string WithHeld(std::string_view held, std::string_view name, std::uint64_t fence);

// The fence of the last hold of `name` in it.
std::optional<std::uint64_t> HeldFence(std::string_view held, std::string_view name);

// Whether a `redlock run` around this process still holds `name`, by the daemon's word. What the
// environment says may be over: a process may outlive its lock. Waits for that word for a second at
// most, and not beyond `answer_by`, a time of redlock_now().
bool IsHeldAround(redlock_client* client, const std::string& name, std::int64_t answer_by);

}  // namespace redlock::cli
