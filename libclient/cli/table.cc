#include "libclient/cli/table.h"

#include <algorithm>
#include <numeric>

#include "libclient/cli/text.h"

namespace redlock::cli {
namespace {

constexpr std::size_t kGap = 2;
// No column is cut to less: a fence is shown whole.
constexpr std::size_t kLeast = 16;

// Returns the width of each column; 0: it is empty.
std::vector<std::size_t> Widths(const Table& table) {
  std::vector<std::size_t> widths(table.heads.size(), 0);
  for (std::size_t i = 0; i < widths.size(); ++i) {
    for (const auto& row : table.rows) widths[i] = std::max(widths[i], Places(row[i]));
    if (widths[i] > 0) widths[i] = std::max(widths[i], Places(table.heads[i]));
  }
  return widths;
}

std::size_t LineWidth(const std::vector<std::size_t>& widths) {
  const auto add = [](std::size_t sum, std::size_t w) { return w == 0 ? sum : sum + w + kGap; };
  const std::size_t sum = std::accumulate(widths.begin(), widths.end(), std::size_t{0}, add);
  return sum == 0 ? 0 : sum - kGap;
}

void Narrow(std::size_t places, std::vector<std::size_t>* widths) {
  while (LineWidth(*widths) > places) {
    const auto widest = std::max_element(widths->begin(), widths->end());
    if (*widest <= kLeast) return;
    --*widest;
  }
}

std::string FormatLine(const std::vector<std::string>& cells,
                       const std::vector<std::size_t>& widths) {
  std::string line;
  std::size_t column = 0;  // where the next cell begins
  std::size_t places = 0;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (widths[i] == 0) continue;
    const std::string cell = Cut(cells[i], widths[i]);
    if (!cell.empty()) {
      line.append(column - places, ' ').append(cell);
      places = column + Places(cell);
    }
    column += widths[i] + kGap;
  }
  return line + "\n";
}

}  // namespace

std::string Format(const Table& table, std::size_t places) {
  if (table.rows.empty()) return {};
  std::vector<std::size_t> widths = Widths(table);
  if (places > 0) Narrow(places, &widths);
  std::string text = FormatLine(table.heads, widths);
  for (const auto& row : table.rows) text += FormatLine(row, widths);
  return text;
}

}  // namespace redlock::cli
