// Columns for people.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace redlock::cli {

struct Table {
  std::vector<std::string> heads;
  std::vector<std::vector<std::string>> rows;  // each as long as heads; Printable() text
};

// Two spaces between columns, the last not padded, columns without a value in any row left out; ""
// without rows. If a line would take more than `places` (0: never), the widest columns are cut.
std::string Format(const Table& table, std::size_t places);

}  // namespace redlock::cli
