// An answer as JSON, for programs:
//
//   {"ok": true, <fields of the last line>, "rows": [{<fields>}, ...]}
//   {"ok": false, "error": "in words", <fields>, "rows": [...]}
//
// Names and values are those of the line protocol. Fences, deadlines and `now` are strings (they do
// not fit a double), and so are durations, which carry their unit; counts, pids and the like are
// numbers. pid=12(gone) becomes "pid": 12, "gone": true.
//
// It is valid JSON whatever the values hold. A value that is no UTF-8 is shown with U+FFFD in place
// of what is not, and stands beside it as the line protocol writes it, percent-encoded:
//
//   "lock": "a\ufffd", "lock_encoded": "a%FF"
#pragma once

#include <string>

#include "libclient/cli/answer.h"

namespace redlock::cli {

// One object, indented, with a line end.
std::string ToJson(const Answer& answer);

// A row alone, in one line.
std::string ToJsonLine(const Row& row);

}  // namespace redlock::cli
