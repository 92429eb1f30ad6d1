#include "daemon/engine/busy.h"

#include <gmock/gmock.h>

#include <fstream>

namespace redlockd::engine {
namespace {

using namespace std::chrono_literals;

// The first column of the table of PROTOCOL.md.
std::vector<std::string> Documented() {
  std::ifstream document(PROTOCOL_MD);
  std::string line;
  while (line != "| the text of `busy`, or of `no-turn` | what it means |" &&
         std::getline(document, line))
    continue;
  std::getline(document, line);
  std::vector<std::string> texts;
  while (std::getline(document, line) && line.starts_with("| ")) {
    texts.push_back(line.substr(2, line.find(" |", 2) - 2));
  }
  return texts;
}

TEST(Busy, TheDocumentHasEveryText) {
  std::vector<std::string> texts;
  for (int i = 0; i < kBusyCount; ++i) texts.push_back(ToText(static_cast<Busy>(i), 3s));
  for (auto& text : texts) {
    if (const auto at = text.find("3s"); at != std::string::npos) text.replace(at, 2, "DUR");
  }
  EXPECT_EQ(Documented(), texts);
}

}  // namespace
}  // namespace redlockd::engine
