#include "protocol/errors.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

namespace redlock::protocol {
namespace {

constexpr int kErrorCount = static_cast<int>(ErrorCode::kInternal) + 1;

TEST(Errors, EveryCodeHasAWordThatLeadsBackToIt) {
  for (int i = 0; i < kErrorCount; ++i) {
    const auto code = static_cast<ErrorCode>(i);
    EXPECT_EQ(ErrorFromWord(ErrorWord(code)), code) << ErrorWord(code);
  }
  EXPECT_EQ(ErrorFromWord("busier"), std::nullopt);
  EXPECT_EQ(ErrorFromWord(""), std::nullopt);
}

// The table of PROTOCOL.md, section "Errors", has one line a fault with all its words, in order.
TEST(Errors, TheDocumentNamesEveryWordUnderItsFault) {
  std::string expected[4];
  for (int i = 0; i < kErrorCount; ++i) {
    const auto code = static_cast<ErrorCode>(i);
    std::string& words = expected[static_cast<int>(FaultOf(code))];
    words += words.empty() ? "`" : " `";
    words.append(ErrorWord(code)).append("`");
  }
  std::stringstream document;
  document << std::ifstream(PROTOCOL_MD).rdbuf();
  const char* const faults[] = {"caller", "contention", "nodes", "daemon"};
  for (int i = 0; i < 4; ++i) {
    const std::string row = "| " + std::string(faults[i]) + " | " + expected[i] + " |\n";
    EXPECT_NE(document.str().find(row), std::string::npos) << "missing: " << row;
  }
}

}  // namespace
}  // namespace redlock::protocol
