#include "config/keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>
#include <string>

#include "config/load.h"
#include "config/reader.h"
#include "tests/support/files.h"

namespace redlockd::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Keys, HaveDefaultsThatTheyTake) {
  for (const Key& key : Keys()) {
    Config config = Defaults();
    Node node;
    Rule rule;
    const Target target{config, &node, &rule};
    if (key.absent == Key::Absent::kSameAs) {
      const Key* const other = FindKey(key.fallback);
      ASSERT_NE(other, nullptr) << key.path;
      EXPECT_EQ(other->value.index(), key.value.index()) << key.path;
    }
    if (key.absent != Key::Absent::kDefault) continue;
    EXPECT_TRUE(std::visit([&](const auto& v) { return v.Read(target, key.fallback); }, key.value))
        << key.path;
  }
}

// A row that sets the member of another one would be found here: each is set to something else than
// its default, and only its own text may change.
TEST(Keys, GoEachToTheirOwnMember) {
  for (const Key& key : Keys()) {
    Config config = Defaults();
    Node node;
    Rule rule;
    const Target target{config, &node, &rule};
    for (const Key& each : Keys()) SetAbsent(each, target);
    std::map<std::string_view, std::string> before;
    for (const Key& each : Keys()) before[each.path] = Print(each, target);

    bool changed = false;
    for (const std::string_view other : {"/x", "777ms", "17777", "0.05", "x:1", "127.0.0.1:1",
                                         "0123", "debug", "true", "false", "1.3"}) {
      std::visit([&](const auto& v) { v.Read(target, other); }, key.value);
      changed = Print(key, target) != before[key.path];
      if (changed) break;
    }
    if (!changed) {  // too large for it
      for (const std::string_view other : {"17", "2s"}) {
        changed =
            changed || std::visit([&](const auto& v) { return v.Read(target, other); }, key.value);
      }
    }
    ASSERT_TRUE(changed) << key.path;
    for (const Key& each : Keys()) {
      EXPECT_EQ(Print(each, target) != before[each.path], &each == &key)
          << key.path << " and " << each.path;
    }
  }
}

TEST(Keys, AreNamedOnceAndStandTogether) {
  std::set<std::string_view> paths;
  for (const Key& key : Keys()) EXPECT_TRUE(paths.insert(key.path).second) << key.path;
  for (const std::string section : {"", "nodes[]", "nodes[].timeouts", "tls", "nodes[].tls",
                                    "lease", "rules[]", "rules[].quota", "limits"}) {
    const std::vector<std::string> names = NamesIn(section);
    EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size()) << section;
  }
}

TEST(Keys, KnowWhatASectionHolds) {
  EXPECT_THAT(NamesIn("lease"), ElementsAre("ttl", "max_ttl", "linger", "tenure_max"));
  EXPECT_THAT(NamesIn("rules[]"),
              ElementsAre("prefix", "linger", "lock", "see", "break", "audit", "quota"));
  EXPECT_THAT(NamesIn("rules[].quota"), ElementsAre("locks", "waits", "new_names"));
  EXPECT_THAT(NamesIn("nodes[]"),
              ElementsAre("address", "username", "password_file", "database", "timeouts", "tls"));
  EXPECT_THAT(NamesIn("lease.ttl"), IsEmpty());
  EXPECT_THAT(NamesIn("lea"), IsEmpty());
}

TEST(Facts, AreSentences) {
  EXPECT_EQ(Facts(*FindKey("lease.ttl")),
            "Takes a duration from 1ms to 24h. Default: 10s. A reload applies a change.");
  EXPECT_EQ(Facts(*FindKey("socket_group")),
            "Takes at most 32 ASCII characters without blanks. Default: empty. "
            "A change needs a restart.");
  EXPECT_EQ(Facts(*FindKey("nodes[].timeouts.connect")),
            "Takes a duration from 1ms to 1m. Default: that of timeouts.connect. "
            "A reload applies a change.");
  EXPECT_EQ(Facts(*FindKey("nodes[].password_file")),
            "Takes the absolute path of a file. Default: none. A reload applies a change.");
  EXPECT_EQ(Facts(*FindKey("nodes[].address")),
            "Takes HOST:PORT, [IPV6]:PORT or unix:/PATH. Must be given. A change needs a restart.");
}

// The man page has, for each key, its path in bold, and beneath it the facts of the table word by
// word.
TEST(ManPage, TellsOfEveryKey) {
  const std::string page = test::ReadFile(CONFIG_DIR "/redlockd.yaml.5.scd");
  for (const Key& key : Keys()) {
    EXPECT_THAT(page, HasSubstr("\n*" + std::string(key.path) + "*\n\t" + Facts(key) + "\n"));
  }
}

TEST(ManPage, TellsOfNoOtherKey) {
  std::istringstream page(test::ReadFile(CONFIG_DIR "/redlockd.yaml.5.scd"));
  std::string line;
  std::string last;
  while (std::getline(page, line)) {
    if (line.rfind("\tTakes ", 0) == 0) {
      EXPECT_NE(FindKey(last.substr(1, last.size() - 2)), nullptr) << last;
    }
    last = line;
  }
}

}  // namespace
}  // namespace redlockd::config
