#include "config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/config/problem_texts.h"

namespace redlockd::config {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> ErrorsIn(const std::string& text) {
  const Loaded loaded = LoadText(text, "r.yaml");
  return Texts(loaded, loaded.errors);
}

std::vector<std::string> WarningsIn(const std::string& text) {
  const Loaded loaded = LoadText(text, "r.yaml");
  EXPECT_THAT(Texts(loaded, loaded.errors), IsEmpty());
  return Texts(loaded, loaded.warnings);
}

const std::string kNodes = "nodes: [{address: 'a:1'}, {address: 'b:1'}, {address: 'c:1'}]\n";

TEST(Load, NeedsNothingButNodes) {
  const Loaded loaded = LoadText(kNodes, "r.yaml");
  EXPECT_THAT(Texts(loaded, loaded.errors), IsEmpty());
  EXPECT_THAT(Texts(loaded, loaded.warnings), IsEmpty());
  const Config& config = loaded.config;
  EXPECT_EQ(config.socket, "/run/redlockd/redlockd.sock");
  EXPECT_EQ(config.socket_mode, 0660u);
  EXPECT_EQ(config.lease.ttl, 10s);
  EXPECT_EQ(config.lease.max_ttl, 60s);
  EXPECT_EQ(config.lease.linger, 20ms);
  EXPECT_EQ(config.lease.tenure_max, 1s);
  EXPECT_THAT(config.rules, IsEmpty());
  EXPECT_EQ(config.safety.drift, 0.001);
  EXPECT_EQ(config.safety.fence_window, 10s);
  EXPECT_EQ(config.safety.fence_life, 10min);
  EXPECT_EQ(config.timeouts.connect, 1s);
  EXPECT_EQ(config.timeouts.command, 50ms);
  EXPECT_EQ(config.quorum_wait, 5s);
  EXPECT_EQ(config.retry_interval, 100ms);
  EXPECT_EQ(config.key_prefix, "");
  EXPECT_EQ(config.admin_group, "redlock-admin");
  EXPECT_EQ(config.log_level, LogLevel::kInfo);
  ASSERT_EQ(config.nodes.size(), 3u);
  EXPECT_EQ(ToString(config.nodes[1].address), "b:1");
  EXPECT_EQ(config.nodes[1].database, 0u);
  EXPECT_EQ(config.nodes[1].timeouts.connect, 1s);
  EXPECT_TRUE(config.nodes[1].password.empty());
}

TEST(Load, ReadsEveryKindOfValue) {
  const Loaded loaded = LoadText(kNodes + R"(socket: /tmp/x
socket_mode: 0600
lease: {ttl: 1500ms, max_ttl: 2m}
safety:
  drift: 0.01
limits:
  sessions: 7
key_prefix: "locks/#"
log_level: debug
)",
                                 "r.yaml");
  EXPECT_THAT(Texts(loaded, loaded.errors), IsEmpty());
  EXPECT_EQ(loaded.config.socket, "/tmp/x");
  EXPECT_EQ(loaded.config.socket_mode, 0600u);
  EXPECT_EQ(loaded.config.lease.ttl, 1500ms);
  EXPECT_EQ(loaded.config.lease.max_ttl, 2min);
  EXPECT_EQ(loaded.config.safety.drift, 0.01);
  EXPECT_EQ(loaded.config.limits.sessions, 7u);
  EXPECT_EQ(loaded.config.key_prefix, "locks/#");
  EXPECT_EQ(loaded.config.log_level, LogLevel::kDebug);
}

TEST(Load, GivesNodesTheTimeoutsOfTheSet) {
  // In the file the set's may come after the nodes.
  const Loaded loaded = LoadText(R"(nodes:
  - address: a:1
    timeouts: {command: 300ms}
  - address: b:1
  - address: c:1
    database: 3
timeouts: {connect: 2s, command: 80ms}
)",
                                 "r.yaml");
  EXPECT_THAT(Texts(loaded, loaded.errors), IsEmpty());
  EXPECT_EQ(loaded.config.nodes[0].timeouts.connect, 2s);
  EXPECT_EQ(loaded.config.nodes[0].timeouts.command, 300ms);
  EXPECT_EQ(loaded.config.nodes[1].timeouts.command, 80ms);
  EXPECT_EQ(loaded.config.nodes[2].database, 3u);
}

TEST(Load, ReadsRules) {
  const Loaded loaded = LoadText(kNodes + R"(rules:
  - prefix: cron/
    linger: 0
  - {linger: 1s, prefix: cron/nightly/}
)",
                                 "r.yaml");
  EXPECT_THAT(Texts(loaded, loaded.errors), IsEmpty());
  ASSERT_EQ(loaded.config.rules.size(), 2u);
  EXPECT_EQ(loaded.config.rules[0].prefix, "cron/");
  EXPECT_EQ(loaded.config.rules[0].linger, 0s);
  EXPECT_EQ(loaded.config.rules[1].prefix, "cron/nightly/");
  EXPECT_EQ(loaded.config.rules[1].linger, 1s);
}

TEST(Load, ReadsWhoMayWhat) {
  const Loaded loaded = LoadText(kNodes + R"(rules:
  - {prefix: a/, lock: "alice,1000,group:ops,group:27", see: everybody, break: nobody}
  - prefix: b/
)",
                                 "r.yaml");
  EXPECT_THAT(Texts(loaded, loaded.errors), IsEmpty());
  ASSERT_EQ(loaded.config.rules.size(), 2u);
  const Rule& rule = loaded.config.rules[0];
  EXPECT_EQ(rule.linger, std::nullopt);
  EXPECT_FALSE(rule.may_lock->everybody);
  EXPECT_THAT(rule.may_lock->users, ElementsAre("alice", "1000"));
  EXPECT_THAT(rule.may_lock->groups, ElementsAre("ops", "27"));
  EXPECT_TRUE(rule.may_see->everybody);
  EXPECT_FALSE(rule.may_break->everybody);
  EXPECT_THAT(rule.may_break->users, IsEmpty());
  EXPECT_FALSE(loaded.config.rules[1].may_lock.has_value());
}

TEST(Load, ReadsQuotas) {
  const Loaded loaded = LoadText(kNodes + R"(rules:
  - {prefix: a/, quota: {locks: 100, waits: 20, new_names: 5}}
  - {prefix: b/, quota: {waits: 1}}
  - {prefix: c/}
)",
                                 "r.yaml");
  EXPECT_THAT(Texts(loaded, loaded.errors), IsEmpty());
  ASSERT_EQ(loaded.config.rules.size(), 3u);
  const Quota& all = loaded.config.rules[0].quota;
  EXPECT_EQ(all.locks, 100u);
  EXPECT_EQ(all.waits, 20u);
  EXPECT_EQ(all.new_names, 5u);
  EXPECT_EQ(loaded.config.rules[1].quota.locks, std::nullopt);
  EXPECT_EQ(loaded.config.rules[1].quota.waits, 1u);
  EXPECT_EQ(loaded.config.rules[2].quota.waits, std::nullopt);
}

TEST(Load, ReadsWhatIsAudited) {
  const Loaded loaded = LoadText(kNodes + R"(rules:
  - {prefix: a/, audit: true}
  - {prefix: a/b/, audit: false}
  - {prefix: a/c/}
)",
                                 "r.yaml");
  EXPECT_THAT(Texts(loaded, loaded.errors), IsEmpty());
  ASSERT_EQ(loaded.config.rules.size(), 3u);
  EXPECT_EQ(loaded.config.rules[0].audit, true);
  EXPECT_EQ(loaded.config.rules[1].audit, false);
  EXPECT_EQ(loaded.config.rules[2].audit, std::nullopt);
  EXPECT_THAT(ErrorsIn(kNodes + "rules:\n  - {prefix: a/, audit: yes}\n"),
              ElementsAre("r.yaml:3:25: rules[0].audit: expected true or false, found \"yes\""));
}

TEST(LoadErrors, OfWhoMayWhat) {
  const std::string many = [] {
    std::string names = "u0";
    for (int i = 1; i <= 64; ++i) names += ",u" + std::to_string(i);
    return names;
  }();
  for (const std::string& who :
       {std::string("''"), std::string("'a,,b'"), std::string("'a, b'"), std::string("'a,'"),
        std::string("'a,everybody'"), std::string("'nobody,a'"), std::string("'group:'"),
        std::string("user:a"), std::string(33, 'n'), "'" + many + "'", std::string("[a, b]")}) {
    SCOPED_TRACE(who);
    EXPECT_THAT(ErrorsIn(kNodes + "rules:\n  - {prefix: a/, lock: " + who + "}\n"),
                ElementsAre(testing::StartsWith(
                    "r.yaml:3:24: rules[0].lock: expected everybody, nobody, or "
                    "at most 64 users and groups, as in ann,group:ops, "
                    "found ")));
  }
}

TEST(Load, TakesAnEmptySectionForItsDefaults) {
  EXPECT_THAT(ErrorsIn(kNodes + "lease:\n  # ttl: 5s\nlimits: ~\n"), IsEmpty());
  EXPECT_THAT(ErrorsIn(kNodes + "rules:\n"), IsEmpty());
}

TEST(LoadErrors, AreAllTold) {
  EXPECT_THAT(
      ErrorsIn(R"(socket: redlockd.sock
lease:
  tll: 10s
  max_ttl: 60x
nodes:
  - address: 10.0.0.1
    databse: 1
  - address: b:1
    timeouts: {command: 2 s}
retry_intervall: 1s
limits: 3
)"),
      ElementsAre(
          "r.yaml:1:9: socket: expected an absolute path of at most 107 bytes, found "
          "\"redlockd.sock\"",
          "r.yaml:3:3: lease.tll: expected a known key, found \"tll\"; did you mean ttl?",
          "r.yaml:4:12: lease.max_ttl: expected a duration from 1ms to 24h, found \"60x\"",
          "r.yaml:6:14: nodes[0].address: expected HOST:PORT, [IPV6]:PORT or unix:/PATH, found "
          "\"10.0.0.1\"",
          "r.yaml:7:5: nodes[0].databse: expected a known key, found \"databse\"; did you mean "
          "database?",
          "r.yaml:9:25: nodes[1].timeouts.command: expected a duration from 1ms to 1m, found "
          "\"2 s\"",
          "r.yaml:10:1: retry_intervall: expected a known key, found \"retry_intervall\"; did you "
          "mean retry_interval?",
          "r.yaml:11:9: limits: expected a section with sessions, sessions_per_uid, "
          "locks_per_session, locks_per_uid, new_names_per_uid, unread_output, found \"3\""));
}

TEST(LoadErrors, NameTheBoundsOfEachKind) {
  EXPECT_THAT(
      ErrorsIn(kNodes + R"(lease: {ttl: 25h}
safety: {drift: 0.2}
socket_mode: 0888
socket_group: two words
connections_per_node: 65
retry_interval: 6s
log_level: trace
drain_time: [1s]
)"),
      ElementsAre(
          "r.yaml:2:14: lease.ttl: expected a duration from 1ms to 24h, found \"25h\"",
          "r.yaml:3:17: safety.drift: expected a fraction from 0 to 0.1, found \"0.2\"",
          "r.yaml:4:14: socket_mode: expected a file mode in octal, at most 0777, found \"0888\"",
          "r.yaml:5:15: socket_group: expected at most 32 ASCII characters without blanks, found "
          "\"two words\"",
          "r.yaml:6:23: connections_per_node: expected a number from 1 to 64, found \"65\"",
          "r.yaml:7:17: retry_interval: expected a duration from 10ms to 5s, found \"6s\"",
          "r.yaml:8:12: log_level: expected error, warning, info or debug, found \"trace\"",
          "r.yaml:9:13: drain_time: expected a duration from 0s to 1m, found a list"));
}

TEST(LoadErrors, RefuseOddNumbers) {
  for (const std::string value : {"-0.001", "nan", "inf", "1e-3", "0,001", "''", "0x1"}) {
    EXPECT_THAT(ErrorsIn(kNodes + "safety: {drift: " + value + "}\n"), ::testing::SizeIs(1))
        << value;
  }
  for (const std::string value : {"-1", "+1", "1.0", "4294967297", "''", "1 000"}) {
    EXPECT_THAT(ErrorsIn(kNodes + "limits: {sessions: " + value + "}\n"), ::testing::SizeIs(1))
        << value;
  }
}

TEST(LoadErrors, FindKeysInTheWrongPlace) {
  EXPECT_THAT(
      ErrorsIn(kNodes + "ttl: 5s\ncommand: 5s\n"),
      ElementsAre("r.yaml:2:1: ttl: expected a known key, found \"ttl\"; did you mean lease.ttl?",
                  "r.yaml:3:1: command: expected a known key, found \"command\"; did you mean "
                  "timeouts.command?"));
  EXPECT_THAT(ErrorsIn("nodes:\n  - address: a:1\n    command: 5s\n"),
              ElementsAre("r.yaml:3:5: nodes[0].command: expected a known key, found \"command\"; "
                          "did you mean nodes[].timeouts.command?"));
}

TEST(LoadErrors, ListTheKeysWhenNoneIsNear) {
  EXPECT_THAT(ErrorsIn(kNodes + "lease: {quux: 1}\n"),
              ElementsAre("r.yaml:2:9: lease.quux: expected one of ttl, max_ttl, linger, "
                          "tenure_max, found \"quux\""));
}

TEST(LoadErrors, RefuseAKeyTwice) {
  EXPECT_THAT(
      ErrorsIn(kNodes + "lease:\n  ttl: 5s\n  ttl: 6s\n" + kNodes),
      ElementsAre("r.yaml:4:3: lease.ttl: expected each key once, found it again after "
                  "line 3",
                  "r.yaml:5:1: nodes: expected each key once, found it again after line 1"));
}

TEST(LoadErrors, RefuseANodeTwice) {
  EXPECT_THAT(ErrorsIn("nodes:\n  - address: '[::1]:6379'\n  - address: b:1\n"
                       "  - address: '[0:0::1]:6379'\n    database: 1\n"),
              ElementsAre("r.yaml:4:14: nodes[2].address: expected each node once, found "
                          "[::1]:6379 again after line 2"));
}

TEST(LoadErrors, RefuseAPrefixTwice) {
  EXPECT_THAT(ErrorsIn(kNodes + "rules:\n  - {prefix: a/, linger: 0s}\n"
                                "  - {prefix: a, linger: 0s}\n  - {prefix: 'a/', linger: 1s}\n"),
              ElementsAre("r.yaml:5:14: rules[2].prefix: expected each prefix once, found a/ again "
                          "after line 3"));
}

TEST(LoadErrors, WantAPrefixOfEachRule) {
  EXPECT_THAT(
      ErrorsIn(kNodes + R"(rules:
  - prefix: a/
    linger:
  - linger: 2s
  - {prefix: '', linger: -1s, ttl: 3s}
  - cron/
)"),
      ElementsAre("r.yaml:4:5: rules[0].linger: expected a duration from 0s to 1s, found nothing",
                  "r.yaml:5:5: rules[1].prefix: expected 1 to 255 ASCII characters without blanks, "
                  "found nothing",
                  "r.yaml:5:13: rules[1].linger: expected a duration from 0s to 1s, found \"2s\"",
                  "r.yaml:6:14: rules[2].prefix: expected 1 to 255 ASCII characters without "
                  "blanks, found \"\"",
                  "r.yaml:6:26: rules[2].linger: expected a duration from 0s to 1s, found \"-1s\"",
                  "r.yaml:6:31: rules[2].ttl: expected a known key, found \"ttl\"; did you mean "
                  "lease.ttl?",
                  "r.yaml:7:5: rules[3]: expected a section with prefix, linger, lock, see, break, "
                  "audit, quota, found \"cron/\""));
}

TEST(LoadErrors, WantQuotasThatLetSomethingPass) {
  EXPECT_THAT(
      ErrorsIn(kNodes + R"(rules:
  - {prefix: a/, quota: 5}
  - {prefix: b/, quota: {locks: 0, waits: -1, new_names: 100001}}
  - {prefix: c/, quota: {holds: 1}}
)"),
      ElementsAre("r.yaml:3:25: rules[0].quota: expected a section with locks, waits, new_names, "
                  "found \"5\"",
                  "r.yaml:4:33: rules[1].quota.locks: expected a number from 1 to 1000000, found "
                  "\"0\"",
                  "r.yaml:4:43: rules[1].quota.waits: expected a number from 1 to 1000000, found "
                  "\"-1\"",
                  "r.yaml:4:58: rules[1].quota.new_names: expected a number from 1 to 100000, "
                  "found \"100001\"",
                  "r.yaml:5:26: rules[2].quota.holds: expected one of locks, waits, new_names, "
                  "found \"holds\""));
}

TEST(LoadErrors, WantAnAddressForTheStatusPage) {
  EXPECT_THAT(ErrorsIn(kNodes + "metrics: {status_page: true}\n"),
              ElementsAre("r.yaml:2:24: metrics.status_page: expected metrics.address as well, "
                          "found none"));
  EXPECT_THAT(ErrorsIn(kNodes + "metrics: {status_page: true, address: '127.0.0.1:1'}\n"),
              IsEmpty());
  EXPECT_THAT(ErrorsIn(kNodes + "metrics: {status_page: false}\n"), IsEmpty());
}

TEST(LoadErrors, WantAListOfRules) {
  EXPECT_THAT(ErrorsIn(kNodes + "rules: {prefix: a/, linger: 0s}\n"),
              ElementsAre("r.yaml:2:8: rules: expected a list of at most 64 rules, found a "
                          "section"));
  std::string many = "rules:\n";
  for (int i = 1; i <= 65; ++i) many += "  - {prefix: a" + std::to_string(i) + ", linger: 0}\n";
  EXPECT_THAT(ErrorsIn(kNodes + many),
              ElementsAre("r.yaml:2:1: rules: expected a list of at most 64 rules, found 65"));
}

TEST(LoadErrors, WantNodes) {
  EXPECT_THAT(ErrorsIn("lease: {ttl: 5s}\n"),
              ElementsAre("r.yaml:1:1: nodes: expected a list of 1 to 15 nodes, found none"));
  EXPECT_THAT(ErrorsIn(""),
              ElementsAre("r.yaml:1:1: nodes: expected a list of 1 to 15 nodes, found none"));
  EXPECT_THAT(ErrorsIn("lease:\nnodes:\n"),
              ElementsAre("r.yaml:2:1: nodes: expected a list of 1 to 15 nodes, found none"));
  EXPECT_THAT(ErrorsIn("nodes: []\n"),
              ElementsAre("r.yaml:1:1: nodes: expected a list of 1 to 15 nodes, found 0"));
  EXPECT_THAT(ErrorsIn("nodes: a:1\n"),
              ElementsAre("r.yaml:1:8: nodes: expected a list of 1 to 15 nodes, found \"a:1\""));
  std::string many = "nodes:\n";
  for (int i = 1; i <= 16; ++i) many += "  - address: a:" + std::to_string(i) + "\n";
  EXPECT_THAT(ErrorsIn(many),
              ElementsAre("r.yaml:1:1: nodes: expected a list of 1 to 15 nodes, found 16"));
}

TEST(LoadErrors, WantAnAddressOfEachNode) {
  EXPECT_THAT(
      ErrorsIn("nodes:\n  - database: 1\n  - address:\n  - b:1\n"),
      ElementsAre("r.yaml:2:5: nodes[0].address: expected HOST:PORT, [IPV6]:PORT or unix:/PATH, "
                  "found nothing",
                  "r.yaml:3:5: nodes[1].address: expected HOST:PORT, [IPV6]:PORT or unix:/PATH, "
                  "found nothing",
                  "r.yaml:4:5: nodes[2]: expected a section with address, username, password_file, "
                  "database, timeouts, tls, found \"b:1\""));
}

TEST(LoadErrors, WantAPasswordBesideAUser) {
  EXPECT_THAT(ErrorsIn("nodes:\n  - address: a:1\n    username: redlock\n"),
              ElementsAre("r.yaml:3:15: nodes[0].username: expected a password_file as well, "
                          "found none"));
}

TEST(LoadErrors, RefuseThePrefixOfOwnKeys) {
  EXPECT_THAT(ErrorsIn(kNodes + "key_prefix: 'redlockd:x'\n"),
              ElementsAre("r.yaml:2:13: key_prefix: expected a prefix that does not begin "
                          "with redlockd:, which is reserved, found \"redlockd:x\""));
}

TEST(LoadErrors, SayWhereItIsNoYaml) {
  EXPECT_THAT(
      ErrorsIn("nodes:\n  - address: a:1\n\tdatabase: 1\n"),
      ElementsAre(::testing::StartsWith("r.yaml:3:1: expected YAML, found a mistake in it: ")));
  EXPECT_THAT(ErrorsIn("nodes: [\n"),
              ElementsAre(::testing::StartsWith("r.yaml:2:1: expected YAML")));
  EXPECT_THAT(ErrorsIn("a: &x 1\nb: *x\n"),
              ElementsAre("r.yaml:1:4: expected YAML, found a mistake in it: anchors and aliases "
                          "are not supported"));
  EXPECT_THAT(
      ErrorsIn("[a]: 1\n"),
      ElementsAre("r.yaml:1:1: expected YAML, found a mistake in it: a key must be a word"));
  EXPECT_THAT(ErrorsIn(kNodes + "---\n" + kNodes),
              ElementsAre("r.yaml:3:1: expected one YAML document, found another"));
  EXPECT_THAT(
      ErrorsIn("- a\n"),
      ::testing::Contains(::testing::StartsWith("r.yaml:1:1: expected a section with socket, ")));
}

TEST(LoadErrors, SurviveDeepNesting) {
  EXPECT_THAT(ErrorsIn("nodes: " + std::string(100'000, '[')), ::testing::SizeIs(1));
}

TEST(LoadErrors, NameAFileThatCannotBeRead) {
  const Loaded none = Load("/nonexistent/r.yaml");
  EXPECT_THAT(Texts(none, none.errors),
              ElementsAre("/nonexistent/r.yaml: expected the configuration, found no readable file "
                          "/nonexistent/r.yaml: No such file or directory"));
  const Loaded device = Load("/dev/zero");
  EXPECT_THAT(Texts(device, device.errors),
              ElementsAre("/dev/zero: expected the configuration, found /dev/zero, which is not a "
                          "regular file"));
}

TEST(LoadErrors, TakeInWhatOthersFind) {
  Loaded loaded = LoadText(kNodes + "lease:\n  ttl: 70s\n", "r.yaml");
  loaded.AddError("timeouts.command", "expected less, found 50ms");
  loaded.AddError("lease.max_ttl", "expected at least lease.ttl (70s), found 60s");
  loaded.AddError("lease.ttl", "expected at most lease.max_ttl (60s), found 70s");
  EXPECT_THAT(
      Texts(loaded, loaded.errors),
      ElementsAre("r.yaml:1:1: timeouts.command: expected less, found 50ms",
                  "r.yaml:2:1: lease.max_ttl: expected at least lease.ttl (70s), found 60s",
                  "r.yaml:3:8: lease.ttl: expected at most lease.max_ttl (60s), found 70s"));
}

TEST(LoadWarnings, TellWhatAFewNodesMean) {
  EXPECT_THAT(WarningsIn(kNodes), IsEmpty());
  EXPECT_THAT(WarningsIn("nodes: [{address: 'a:1'}]\n"),
              ElementsAre("r.yaml:1:1: nodes: one node gives no redundancy: while it is down, no "
                          "lock can be taken or kept, and if it loses its data, its locks are "
                          "lost"));
  EXPECT_THAT(WarningsIn("nodes: [{address: 'a:1'}, {address: 'b:1'}]\n"),
              ElementsAre("r.yaml:1:1: nodes: with 2 nodes a lock needs 2, so that 0 may fail, "
                          "as with 1 nodes; an odd number is better"));
  EXPECT_THAT(
      WarningsIn(
          "nodes: [{address: 'a:1'}, {address: 'b:1'}, {address: 'c:1'}, {address: 'd:1'}]\n"),
      ElementsAre("r.yaml:1:1: nodes: with 4 nodes a lock needs 3, so that 1 may fail, as with 3 "
                  "nodes; an odd number is better"));
}

}  // namespace
}  // namespace redlockd::config
