#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/line_reader.h"
#include "tests/fuzz/check.h"

// LineReader against what its header says, said once more in the simplest way.
namespace redlockd::fuzz {

using Line = std::optional<std::string>;  // none: it was too long

inline std::vector<Line> LinesOf(std::string_view text, std::size_t most) {
  std::vector<Line> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const bool whole = end != std::string_view::npos;
    const std::size_t length = whole ? end + 1 : text.size();
    if (length > most) {
      lines.emplace_back();
    } else if (whole) {
      std::string_view line = text.substr(0, end);
      if (line.ends_with('\r')) line.remove_suffix(1);
      lines.emplace_back(line);
    }
    text.remove_prefix(length);
  }
  return lines;
}

inline std::vector<Line> ReadLines(const std::vector<std::string>& pieces, std::size_t most) {
  using Status = redlock::protocol::LineReader::Status;
  redlock::protocol::LineReader reader(most);
  std::vector<Line> lines;
  for (const std::string& piece : pieces) {
    reader.Append(piece);
    std::string_view line;
    for (Status status; (status = reader.Next(&line)) != Status::kNeedMore;) {
      lines.push_back(status == Status::kLine ? Line(line) : Line());
    }
    FUZZ_CHECK(reader.buffered() <= most, "it keeps more than a line");
  }
  return lines;
}

// The lines of `pieces`, after looking whether they are the same however they come.
inline std::vector<Line> CheckedLines(const std::vector<std::string>& pieces, std::size_t most) {
  std::string whole;
  for (const std::string& piece : pieces) whole += piece;
  std::vector<Line> lines = ReadLines(pieces, most);
  FUZZ_CHECK(lines == LinesOf(whole, most), "other lines than stand there");
  return lines;
}

}  // namespace redlockd::fuzz
