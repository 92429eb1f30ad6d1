#include "protocol/errors.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace redlock::protocol {
namespace {

TEST(Errors, EveryCodeHasAWordThatLeadsBackToIt) {
  for (int i = 0; i < kErrorCount; ++i) {
    const auto code = static_cast<ErrorCode>(i);
    EXPECT_EQ(ErrorFromWord(ErrorWord(code)), code) << ErrorWord(code);
  }
  EXPECT_EQ(ErrorFromWord("busier"), std::nullopt);
  EXPECT_EQ(ErrorFromWord(""), std::nullopt);
}

// The table of PROTOCOL.md, section "Errors", has all of them in order, by whose fault they are.
TEST(Errors, TheDocumentNamesEveryWord) {
  std::string expected;
  for (int i = 0; i < kErrorCount; ++i) {
    expected.append("`").append(ErrorWord(static_cast<ErrorCode>(i))).append("` ");
  }
  std::ifstream document(PROTOCOL_MD);
  std::string line, words;
  while (line != "| fault | codes |" && std::getline(document, line)) continue;
  std::getline(document, line);
  while (std::getline(document, line) && !line.empty()) {
    words += line.substr(line.find('`'), line.rfind('`') + 2 - line.find('`'));
  }
  EXPECT_EQ(words, expected);
}

}  // namespace
}  // namespace redlock::protocol
