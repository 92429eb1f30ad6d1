#include "protocol/line_reader.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace redlock::protocol {
namespace {

constexpr std::size_t kBound = 16;

// All that the reader gives now: lines, and "<too long>".
std::vector<std::string> Drain(LineReader& reader) {
  std::vector<std::string> lines;
  std::string_view line;
  while (true) {
    switch (reader.Next(&line)) {
      case LineReader::Status::kLine:
        lines.emplace_back(line);
        break;
      case LineReader::Status::kTooLong:
        lines.emplace_back("<too long>");
        break;
      case LineReader::Status::kNeedMore:
        return lines;
    }
  }
}

using Lines = std::vector<std::string>;

TEST(LineReader, SplitsAtLfAndTakesACrBeforeIt) {
  const struct {
    const char* bytes;
    Lines lines;
    bool partial;
  } kCases[] = {
      {"ping\n", {"ping"}, false},
      {"ping\r\n", {"ping"}, false},
      {"a\nb\r\nc", {"a", "b"}, true},
      {"\n\r\n", {"", ""}, false},
      {"a\rb\n", {"a\rb"}, false},
      {"a\r\r\n", {"a\r"}, false},
      {"", {}, false},
  };
  for (const auto& c : kCases) {
    LineReader reader(kBound);
    reader.Append(c.bytes);
    EXPECT_EQ(Drain(reader), c.lines) << c.bytes;
    EXPECT_EQ(reader.has_partial_line(), c.partial) << c.bytes;
  }
}

TEST(LineReader, TheBoundCountsTheLineEnd) {
  LineReader reader(kBound);
  reader.Append("123456789012345\n1234567890123456\n12345678901234\r\n123456789012345\r\n");
  EXPECT_EQ(Drain(reader),
            (Lines{"123456789012345", "<too long>", "12345678901234", "<too long>"}));
}

TEST(LineReader, DropsALongLineToItsEndAndReportsItOnce) {
  LineReader reader(kBound);
  reader.Append("this is much too long");
  EXPECT_EQ(Drain(reader), Lines{"<too long>"});
  for (int i = 0; i < 1'000; ++i) {
    reader.Append("and it goes on and on");
    EXPECT_EQ(Drain(reader), Lines{});
    EXPECT_EQ(reader.buffered(), 0U);
  }
  EXPECT_TRUE(reader.has_partial_line());
  reader.Append(" to here\nping\n");
  EXPECT_EQ(Drain(reader), Lines{"ping"});
  EXPECT_FALSE(reader.has_partial_line());
}

TEST(LineReader, KeepsNoMoreThanTheBound) {
  LineReader reader(kBound);
  for (int i = 0; i < 10'000; ++i) {
    reader.Append("x");
    Drain(reader);
    ASSERT_LE(reader.buffered(), kBound);
  }
}

// The lines do not depend on how the bytes were cut on their way.
TEST(LineReader, CutsDoNotMatter) {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    std::string bytes;
    for (int i = 0; i < 200; ++i) bytes += "ab \r\n\n"[random() % 6];
    bytes += std::string(random() % 40, 'z') + "\nend\n";
    LineReader whole(kBound);
    whole.Append(bytes);
    const Lines expected = Drain(whole);
    LineReader cut(kBound);
    Lines lines;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t length = random() % 12 + 1;
      cut.Append(std::string_view(bytes).substr(at, length));
      at += length;
      for (std::string& line : Drain(cut)) lines.push_back(std::move(line));
    }
    ASSERT_EQ(lines, expected);
  }
}

}  // namespace
}  // namespace redlock::protocol
