#include "daemon/engine/counters.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

namespace redlockd::engine {
namespace {

TEST(Counters, EachFieldHasItsRow) {
  Counters counters;
  counters.holds = 1;
  counters.new_names = 2;
  EXPECT_EQ(CounterTable().front().value(counters), 1u);
  EXPECT_EQ(CounterTable().back().value(counters), 2u);
  if constexpr (sizeof(std::size_t) == sizeof(std::uint64_t)) {
    EXPECT_EQ(CounterTable().size(), sizeof(Counters) / sizeof(std::uint64_t));
  }
}

TEST(Counters, TheDocumentListsThem) {
  // The first row is the session room's own.
  std::string table = "|---|---|---|\n| `sessions` | gauge | connections of clients |\n";
  for (const CounterRow& row : CounterTable()) {
    table.append("| `").append(row.name).append("` | ");
    table.append(row.kind == CounterRow::Kind::kGauge ? "gauge" : "counter");
    table.append(" | ").append(row.help).append(" |\n");
  }
  std::stringstream document;
  document << std::ifstream(PROTOCOL_MD).rdbuf();
  EXPECT_NE(document.str().find(table + "\n"), std::string::npos) << "missing:\n" << table;
}

}  // namespace
}  // namespace redlockd::engine
