// The error words of the line protocol.
#pragma once

#include <optional>
#include <string_view>

namespace redlock::protocol {

enum class ErrorCode {
  // the caller's
  kBadRequest,
  kBadName,
  kUnknownVerb,
  kUnknownOption,
  kLineTooLong,
  kNotHeld,
  kLost,
  kDeadlock,
  kNoSuchTag,
  // contention
  kBusy,
  kTimeout,
  kNoTurn,
  kCancelled,
  // the Redis nodes'
  kNoQuorum,
  // the daemon's
  kLimit,
  kDenied,
  kDraining,
};
inline constexpr int kErrorCount = static_cast<int>(ErrorCode::kDraining) + 1;

// The word on the wire: "bad-request", "busy", ... Static storage.
std::string_view ErrorWord(ErrorCode code);

// The reverse; nothing for a word that this version does not know.
std::optional<ErrorCode> ErrorFromWord(std::string_view word);

}  // namespace redlock::protocol
