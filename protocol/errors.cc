#include "protocol/errors.h"

#include <array>

#include "base/check.h"

namespace redlock::protocol {
namespace {

struct Entry {
  ErrorCode code;
  std::string_view word;
};

// In the order of the enumerators: ErrorWord() indexes it.
constexpr std::array<Entry, kErrorCount> kErrors{{
    {ErrorCode::kBadRequest, "bad-request"},
    {ErrorCode::kBadName, "bad-name"},
    {ErrorCode::kUnknownVerb, "unknown-verb"},
    {ErrorCode::kUnknownOption, "unknown-option"},
    {ErrorCode::kLineTooLong, "line-too-long"},
    {ErrorCode::kNotHeld, "not-held"},
    {ErrorCode::kLost, "lost"},
    {ErrorCode::kDeadlock, "deadlock"},
    {ErrorCode::kNoSuchTag, "no-such-tag"},
    {ErrorCode::kBusy, "busy"},
    {ErrorCode::kTimeout, "timeout"},
    {ErrorCode::kNoTurn, "no-turn"},
    {ErrorCode::kCancelled, "cancelled"},
    {ErrorCode::kNoQuorum, "no-quorum"},
    {ErrorCode::kLimit, "limit"},
    {ErrorCode::kDenied, "denied"},
    {ErrorCode::kDraining, "draining"},
}};

}  // namespace

std::string_view ErrorWord(ErrorCode code) {
  const Entry& entry = kErrors.at(static_cast<std::size_t>(code));
  CHECK(entry.code == code);
  return entry.word;
}

std::optional<ErrorCode> ErrorFromWord(std::string_view word) {
  for (const Entry& entry : kErrors) {
    if (entry.word == word) return entry.code;
  }
  return std::nullopt;
}

}  // namespace redlock::protocol
