#include "libclient/wire.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "libclient/include/redlock/redlock.h"
#include "protocol/duration.h"
#include "protocol/errors.h"
#include "protocol/limits.h"

namespace redlock::client {
namespace {

struct ErrorEntry {
  int number;
  std::optional<protocol::ErrorCode> code;  // on the wire; none: of this side
  const char* text;
};

constexpr std::array<ErrorEntry, 26> kErrors{{
    {REDLOCK_OK, {}, "no error"},
    {REDLOCK_EBADREQUEST, protocol::ErrorCode::kBadRequest, "bad request"},
    {REDLOCK_EBADNAME, protocol::ErrorCode::kBadName, "bad lock name"},
    {REDLOCK_EUNKNOWNVERB, protocol::ErrorCode::kUnknownVerb, "unknown verb"},
    {REDLOCK_EUNKNOWNOPTION, protocol::ErrorCode::kUnknownOption, "unknown option"},
    {REDLOCK_ELINETOOLONG, protocol::ErrorCode::kLineTooLong, "request too long"},
    {REDLOCK_ENOTHELD, protocol::ErrorCode::kNotHeld, "not held"},
    {REDLOCK_ELOST, protocol::ErrorCode::kLost, "lost"},
    {REDLOCK_EDEADLOCK, protocol::ErrorCode::kDeadlock, "deadlock"},
    {REDLOCK_ENOSUCHTAG, protocol::ErrorCode::kNoSuchTag, "no such request"},
    {REDLOCK_EBUSY, protocol::ErrorCode::kBusy, "busy"},
    {REDLOCK_ETIMEOUT, protocol::ErrorCode::kTimeout, "timed out"},
    {REDLOCK_ENOTURN, protocol::ErrorCode::kNoTurn, "no turn: the daemon has too much to do"},
    {REDLOCK_ECANCELLED, protocol::ErrorCode::kCancelled, "cancelled"},
    {REDLOCK_ENOQUORUM, protocol::ErrorCode::kNoQuorum, "no quorum of nodes"},
    {REDLOCK_ELIMIT, protocol::ErrorCode::kLimit, "limit of the daemon reached"},
    {REDLOCK_EDENIED, protocol::ErrorCode::kDenied, "denied"},
    {REDLOCK_EDRAINING, protocol::ErrorCode::kDraining, "the daemon is shutting down"},
    {REDLOCK_EUNKNOWN, {}, "an error that this library does not know"},
    {REDLOCK_EINVAL, {}, "invalid use"},
    {REDLOCK_ENOMEM, {}, "out of memory"},
    {REDLOCK_EFORK, {}, "used in a process other than the one that connected"},
    {REDLOCK_ECONNECT, {}, "cannot connect to the daemon"},
    {REDLOCK_ECLOSED, {}, "connection closed"},
    {REDLOCK_ENOANSWER, {}, "the daemon does not answer"},
    {REDLOCK_EPROTOCOL, {}, "the other side does not speak the line protocol"},
}};

static_assert(std::count_if(kErrors.begin(), kErrors.end(), [](const ErrorEntry& entry) {
                return entry.code.has_value();
              }) == protocol::kErrorCount);

}  // namespace

int ErrorNumber(std::string_view word) {
  const auto code = protocol::ErrorFromWord(word);
  if (!code) return REDLOCK_EUNKNOWN;
  const auto* const entry =
      std::find_if(kErrors.begin(), kErrors.end(),
                   [code](const ErrorEntry& candidate) { return candidate.code == code; });
  return entry->number;
}

const char* ErrorText(int error) {
  for (const ErrorEntry& entry : kErrors) {
    if (entry.number == error) return entry.text;
  }
  return "no such error";
}

bool ParseInteger(std::string_view text, std::int64_t* value) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, *value);
  return error == std::errc() && rest == end && *value >= 0;
}

std::int64_t IntegerField(const protocol::Reply& line, std::string_view key) {
  std::int64_t value = 0;
  const std::string* text = line.Find(key);
  return text != nullptr && ParseInteger(*text, &value) ? value : 0;
}

std::int64_t DurationField(const protocol::Reply& line, std::string_view key) {
  const std::string* text = line.Find(key);
  const auto value = text == nullptr ? std::nullopt : protocol::ParseDuration(*text);
  return value ? value->count() : 0;
}

bool HasWord(const std::string* list, const std::string& word) {
  return list != nullptr && ("," + *list + ",").find("," + word + ",") != std::string::npos;
}

std::string LossReason(const protocol::Reply& line) {
  if (line.word == "BROKEN") return "broken";
  const std::string* reason = line.Find("reason");
  return reason == nullptr ? "expired" : *reason;
}

bool IsGreeting(const protocol::Reply& line) {
  const std::vector<std::string> expected{"redlockd", std::to_string(protocol::kVersion)};
  return line.word == "HELLO" && line.words == expected;
}

std::int64_t ClockOffset(std::int64_t theirs, std::int64_t begin, std::int64_t now) {
  const bool is_ours = theirs == 0 || (begin <= theirs && theirs <= now);
  return is_ours ? 0 : theirs - begin;
}

std::int64_t ToOwnClock(std::int64_t deadline_ns, std::int64_t offset_ns) {
  if (offset_ns < 0 && deadline_ns > INT64_MAX + offset_ns) return INT64_MAX;
  return std::max<std::int64_t>(deadline_ns - offset_ns, 1);  // 0 is none
}

}  // namespace redlock::client
