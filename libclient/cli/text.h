// Values as people read them.
#pragma once

#include <time.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "protocol/printable.h"

namespace redlock::cli {

// About two digits of it: "80us", "250ms", "9.2s", "48s", "3m12s", "26h04m"; "-3ms".
std::string HumanDuration(std::chrono::nanoseconds duration);

// The same of a duration as it stands in the protocol; what is none is given back as it is.
std::string HumanDuration(std::string_view wire);

// A time as strftime() formats it; `split` is localtime_r, for where the user is, or gmtime_r. At
// most 31 characters.
std::string FormatTime(time_t time, const char* format, tm* (*split)(const time_t*, tm*));

// For a terminal: whatever it would obey instead of showing it is escaped. Everything that came
// from the daemon or the command line goes through this before it is printed.
using protocol::Printable;

// How many places the text takes on a terminal, one for each character; of what Printable() gave.
std::size_t Places(std::string_view text);

// At most `places` (>= 3) of it, cut with "...".
std::string Cut(std::string text, std::size_t places);

}  // namespace redlock::cli
