#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace redlockd::host {

// What a line of the log is about. In the journal lines are found by it; elsewhere there is only the
// text of the line, so that says the same.
struct LogField {
  std::string_view name;  // capitals, digits and '_'; the journal takes no '_' at the beginning
  std::string value;
};
using LogFields = std::vector<LogField>;

}  // namespace redlockd::host
