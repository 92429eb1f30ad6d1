#include "config/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "config/keys.h"
#include "config/load.h"
#include "tests/unit/config/file_dir.h"

namespace redlockd::config {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Config Read(const std::string& text) {
  const Loaded loaded = LoadText(text, "c.yaml");
  EXPECT_THAT(loaded.errors, IsEmpty()) << text;
  return loaded.config;
}

const std::string kThree = "nodes: [{address: a:1}, {address: b:1}, {address: c:1}]\n";

// Gives the key some other value than it has; true if one was found.
bool ChangeOne(const Key& key, Target target) {
  const std::string before = Print(key, target);
  for (const std::string_view other : {"/x", "777ms", "2s", "17777", "17", "0.05", "x:1",
                                       "127.0.0.1:1", "0123", "debug", "true", "false", "1.3"}) {
    std::visit([&](const auto& value) { value.Read(target, other); }, key.value);
    if (Print(key, target) != before) return true;
  }
  return false;
}

// The table says of each key whether a reload applies it; this is what is done.
TEST(Merge, AppliesEachKeyOrNamesIt) {
  const Config before = Read(kThree + "rules: [{prefix: x, linger: 1ms}]\n");
  for (const Key& key : Keys()) {
    Config file = before;
    ASSERT_TRUE(ChangeOne(key, Targets(key, file)[0])) << key.path;
    const std::string wanted = Print(key, Targets(key, file)[0]);
    Config in_force = before;
    const std::string old = Print(key, Targets(key, in_force)[0]);

    Merged merged = Merge(before, file);
    const bool is_applied = key.change == Key::Change::kReload;
    EXPECT_EQ(Print(key, Targets(key, merged.config)[0]), is_applied ? wanted : old) << key.path;
    EXPECT_EQ(merged.pending.empty(), is_applied) << key.path;
    if (key.path == "nodes[].address" || is_applied) continue;
    EXPECT_THAT(merged.pending, ElementsAre(Pending{PathIn(key, 0), old, wanted})) << key.path;
  }
}

TEST(Merge, OfTheSameFileChangesNothing) {
  const Config config = Read(kThree + "lease: {ttl: 3s}\n");
  const Merged merged = Merge(config, config);
  EXPECT_THAT(merged.pending, IsEmpty());
  EXPECT_EQ(SettingsOf(merged.config), SettingsOf(config));
}

TEST(Merge, NamesEveryKeyThatNeedsARestartAndAppliesTheRest) {
  const Merged merged =
      Merge(Read(kThree), Read(kThree + "lease: {max_ttl: 2m, linger: 0s}\n"
                                        "connections_per_node: 5\nquorum_wait: 1s\n"));
  EXPECT_THAT(merged.pending, ElementsAre(Pending{"lease.max_ttl", "1m", "2m"},
                                          Pending{"connections_per_node", "2", "5"}));
  EXPECT_EQ(merged.config.lease.max_ttl, 60s);
  EXPECT_EQ(merged.config.lease.linger, 0s);
  EXPECT_EQ(merged.config.quorum_wait, 1s);
}

// The others' keys are found by their addresses, wherever they stand in the file.
TEST(Merge, KeepsTheNodesAndTakesWhatTheFileSaysOfThem) {
  const Merged merged =
      Merge(Read(kThree), Read("nodes: [{address: d:1, database: 3}, {address: c:1, database: 4},\n"
                               "        {address: b:1, timeouts: {command: 7ms}}]\n"));
  EXPECT_THAT(merged.pending, ElementsAre(Pending{"nodes", "a:1, b:1, c:1", "b:1, c:1, d:1"},
                                          Pending{"nodes[2].database", "0", "4"}));
  ASSERT_EQ(merged.config.nodes.size(), 3u);
  EXPECT_EQ(ToString(merged.config.nodes[0].address), "a:1");
  EXPECT_EQ(merged.config.nodes[0].timeouts.command, 50ms);
  EXPECT_EQ(merged.config.nodes[1].timeouts.command, 7ms);
  EXPECT_EQ(merged.config.nodes[2].database, 0u);
}

TEST(Merge, AnotherOrderOfNodesIsNoChange) {
  const Merged merged =
      Merge(Read(kThree), Read("nodes: [{address: c:1}, {address: a:1}, {address: b:1}]\n"));
  EXPECT_THAT(merged.pending, IsEmpty());
}

TEST(Merge, TakesThePasswordWithItsFile) {
  const FileDir dir;
  const auto text = [&](const std::string& file) {
    return "nodes: [{address: a:1, password_file: " + file + "}]\n";
  };
  const std::string first = text(dir.Write("first", "one\n"));
  const Merged merged = Merge(Read(first), Read(text(dir.Write("second", "two\n"))));
  EXPECT_EQ(merged.config.nodes[0].password_file, dir / "second");
  EXPECT_EQ(merged.config.nodes[0].password.Reveal(), "two");
}

TEST(Merge, TakesTheRulesAsAWhole) {
  const Merged merged = Merge(Read(kThree + "rules: [{prefix: x, linger: 1ms}]\n"),
                              Read(kThree + "rules: [{prefix: y, linger: 2ms}]\n"));
  ASSERT_EQ(merged.config.rules.size(), 1u);
  EXPECT_EQ(merged.config.rules[0].prefix, "y");
  EXPECT_EQ(merged.config.rules[0].linger, 2ms);
}

TEST(Settings, AreWhatIsInForce) {
  const auto settings = SettingsOf(
      Read("nodes: [{address: a:1, timeouts: {command: 7ms}}, {address: 'unix:/r'}]\n"
           "lease: {ttl: 3s}\ntls: {verify: false}\nrules: [{prefix: x, linger: 0s}]\n"));
  EXPECT_THAT(settings, Contains(Setting{"lease.ttl", "3s"}));
  EXPECT_THAT(settings, Contains(Setting{"lease.max_ttl", "1m"})) << "a default";
  EXPECT_THAT(settings, Contains(Setting{"key_prefix", ""}));
  EXPECT_THAT(settings, Contains(Setting{"rules[0].prefix", "x"}));
  const auto first = std::find_if(settings.begin(), settings.end(), [](const Setting& setting) {
    return setting.key == "nodes[0].address";
  });
  ASSERT_GE(settings.end() - first, 6);
  EXPECT_EQ(std::vector<Setting>(first, first + 6),
            (std::vector<Setting>{{"nodes[0].address", "a:1"},
                                  {"nodes[0].database", "0"},
                                  {"nodes[0].timeouts.command", "7ms"},
                                  {"nodes[1].address", "unix:/r"},
                                  {"nodes[1].database", "0"},
                                  {"nodes[1].tls.enabled", "false"}}));
}

TEST(Settings, HaveNoPassword) {
  const FileDir dir;
  const std::string file = dir.Write("password", "a-secret\n");
  for (const Setting& setting :
       SettingsOf(Read("nodes: [{address: a:1, password_file: " + file + "}]\n"))) {
    EXPECT_EQ(setting.value.find("a-secret"), std::string::npos) << setting.key;
  }
}

}  // namespace
}  // namespace redlockd::config
