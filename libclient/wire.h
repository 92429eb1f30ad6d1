// What both kinds of session (client.h, session/core.h) read out of the protocol's lines. Times are
// ns of CLOCK_BOOTTIME.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/reply.h"

namespace redlock::client {

// The number of a wire error, REDLOCK_EUNKNOWN for a word that is not known.
int ErrorNumber(std::string_view word);

// What redlock_strerror() returns.
const char* ErrorText(int error);

// A decimal integer >= 0; false if it is none.
bool ParseInteger(std::string_view text, std::int64_t* value);

// The value of that key; 0 if there is none, or it cannot be read.
std::int64_t IntegerField(const protocol::Reply& line, std::string_view key);
std::int64_t DurationField(const protocol::Reply& line, std::string_view key);  // in ns

// Whether the word is in a list with commas; null is an empty one.
bool HasWord(const std::string* list, const std::string& word);

// Why a hold ended: of LOST, BROKEN, and the error `lost`.
std::string LossReason(const protocol::Reply& line);

// Whether it is the greeting of a redlockd that speaks this version of the protocol.
bool IsGreeting(const protocol::Reply& line);

// The daemon's clock minus ours. The daemon looked at its clock, which showed `theirs` (0: it did
// not say), between `begin` and `now` on ours. If that may have been the same time on both, the
// clocks are the same one. If not, of all offsets that are possible it is the one with the earliest
// deadlines.
std::int64_t ClockOffset(std::int64_t theirs, std::int64_t begin, std::int64_t now);

// A deadline of the daemon's clock on ours.
std::int64_t ToOwnClock(std::int64_t deadline_ns, std::int64_t offset_ns);

}  // namespace redlock::client
