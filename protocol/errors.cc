#include "protocol/errors.h"

#include <array>

#include "base/check.h"

namespace redlock::protocol {
namespace {

struct Entry {
  ErrorCode code;
  Fault fault;
  std::string_view word;
};

// In the order of the enumerators: ErrorWord() and FaultOf() index it.
constexpr std::array<Entry, 17> kErrors{{
    {ErrorCode::kBadRequest, Fault::kCaller, "bad-request"},
    {ErrorCode::kBadName, Fault::kCaller, "bad-name"},
    {ErrorCode::kUnknownVerb, Fault::kCaller, "unknown-verb"},
    {ErrorCode::kUnknownOption, Fault::kCaller, "unknown-option"},
    {ErrorCode::kLineTooLong, Fault::kCaller, "line-too-long"},
    {ErrorCode::kNotHeld, Fault::kCaller, "not-held"},
    {ErrorCode::kLost, Fault::kCaller, "lost"},
    {ErrorCode::kDeadlock, Fault::kCaller, "deadlock"},
    {ErrorCode::kNoSuchTag, Fault::kCaller, "no-such-tag"},
    {ErrorCode::kBusy, Fault::kContention, "busy"},
    {ErrorCode::kTimeout, Fault::kContention, "timeout"},
    {ErrorCode::kCancelled, Fault::kContention, "cancelled"},
    {ErrorCode::kNoQuorum, Fault::kBackend, "no-quorum"},
    {ErrorCode::kLimit, Fault::kServer, "limit"},
    {ErrorCode::kDenied, Fault::kServer, "denied"},
    {ErrorCode::kDraining, Fault::kServer, "draining"},
    {ErrorCode::kInternal, Fault::kServer, "internal"},
}};

const Entry& Find(ErrorCode code) {
  const Entry& entry = kErrors.at(static_cast<std::size_t>(code));
  CHECK(entry.code == code);
  return entry;
}

}  // namespace

std::string_view ErrorWord(ErrorCode code) { return Find(code).word; }

Fault FaultOf(ErrorCode code) { return Find(code).fault; }

std::optional<ErrorCode> ErrorFromWord(std::string_view word) {
  for (const Entry& entry : kErrors) {
    if (entry.word == word) return entry.code;
  }
  return std::nullopt;
}

}  // namespace redlock::protocol
