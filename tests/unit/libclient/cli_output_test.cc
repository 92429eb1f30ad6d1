#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>

#include "libclient/cli/health.h"
#include "libclient/cli/json.h"
#include "libclient/cli/query.h"
#include "libclient/cli/table.h"
#include "libclient/cli/text.h"
#include "protocol/name.h"
#include "tests/unit/libclient/cli_rows.h"

namespace redlock::cli {
namespace {

using Kind = QueryOptions::Kind;

Answer SomeLocks() {
  Answer answer;
  answer.rows = {Of({{"lock", "backup"},
                     {"state", "held"},
                     {"fence", "1764010002123456"},
                     {"deadline", "482113907312"},
                     {"left", "9234ms"},
                     {"ttl", "10s"},
                     {"held", "192s"},
                     {"pid", "4711(gone)"},
                     {"uid", "0"},
                     {"cmd", "redlock"},
                     {"note", "nightly\nrun"}}),
                 Of({{"lock", "backup"},
                     {"state", "waiting"},
                     {"place", "1"},
                     {"waited", "1500ms"},
                     {"pid", "4712"},
                     {"uid", "1000"},
                     {"cmd", "socat"}})};
  answer.last = Of({{"holds", "1"}, {"waits", "1"}});
  return answer;
}

TEST(ForPeople, List) {
  EXPECT_EQ(ForPeople(Kind::kList, SomeLocks(), 0),
            "LOCK    STATE      FOR    LEFT  FENCE             PID         UID   COMMAND  NOTE\n"
            "backup  held       3m12s  9.2s  1764010002123456  4711(gone)  0     redlock  "
            "nightly\\x0Arun\n"
            "backup  waiting 1  1.5s                           4712        1000  socat\n"
            "1 hold, 1 wait\n");
}

TEST(ForPeople, OwnersWithinASession) {
  Answer answer = SomeLocks();
  answer.rows[1].Add("as", "worker\t3");
  EXPECT_EQ(ForPeople(Kind::kList, answer, 0),
            "LOCK    STATE      FOR    LEFT  FENCE             PID         UID   COMMAND  "
            "AS           NOTE\n"
            "backup  held       3m12s  9.2s  1764010002123456  4711(gone)  0     redlock  "
            "             nightly\\x0Arun\n"
            "backup  waiting 1  1.5s                           4712        1000  socat    "
            "worker\\x093\n"
            "1 hold, 1 wait\n");
  answer.rows = {Of({{"place", "here"}, {"pid", "12"}, {"uid", "0"}, {"cmd", "web"}, {"as", "3"}})};
  answer.last = Row();
  EXPECT_EQ(ForPeople(Kind::kShow, answer, 0), "here: pid 12, uid 0, web as 3; fence \n");
}

TEST(ForPeople, AnEmptyList) {
  Answer answer;
  answer.last = Of({{"holds", "0"}, {"waits", "0"}});
  EXPECT_EQ(ForPeople(Kind::kList, answer, 80), "0 holds, 0 waits\n");
}

TEST(ForPeople, Show) {
  Answer answer;
  answer.rows = {Of({{"place", "here"},
                     {"state", "held"},
                     {"fence", "7"},
                     {"left", "8s"},
                     {"pid", "12"},
                     {"uid", "0"},
                     {"cmd", "redlock"}}),
                 Of({{"place", "node"},
                     {"node", "1"},
                     {"address", "10.0.0.1:6379"},
                     {"state", "held"},
                     {"owner", "ab:3"},
                     {"host", "alpha"},
                     {"left", "9s"}}),
                 Of({{"place", "node"},
                     {"node", "2"},
                     {"address", "10.0.0.2:6379"},
                     {"state", "unknown"},
                     {"text", "connection refused"}})};
  answer.last = Of({{"lock", "backup"}, {"state", "held"}, {"by", "here"}, {"votes", "3/5"}});
  EXPECT_EQ(ForPeople(Kind::kShow, answer, 0),
            "backup is held by this host (3/5 nodes)\n"
            "here: pid 12, uid 0, redlock; fence 7, 8.0s left\n"
            "NODE  ADDRESS        STATE    LEFT  HOST   OWNER  WHY\n"
            "1     10.0.0.1:6379  held     9.0s  alpha  ab:3\n"
            "2     10.0.0.2:6379  unknown                      connection refused\n");
}

TEST(ForPeople, ShowOfAHolderElsewhere) {
  Answer answer;
  answer.rows = {Of({{"place", "other"},
                     {"state", "held"},
                     {"host", "alpha"},
                     {"fence", "7"},
                     {"held", "192s"},
                     {"pid", "12"},
                     {"uid", "1000"},
                     {"note", "by \x1bhand"}}),
                 Of({{"place", "node"},
                     {"node", "1"},
                     {"address", "10.0.0.1:6379"},
                     {"state", "held"},
                     {"owner", "ab:3"},
                     {"host", "alpha"},
                     {"left", "9s"}})};
  answer.last = Of({{"lock", "backup"}, {"state", "held"}, {"by", "other"}, {"votes", "1/1"}});
  EXPECT_EQ(ForPeople(Kind::kShow, answer, 0),
            "backup is held by another (1/1 nodes)\n"
            "on alpha: pid 12, uid 1000; fence 7, held for 3m12s; by \\x1Bhand\n"
            "NODE  ADDRESS        STATE  LEFT  HOST   OWNER\n"
            "1     10.0.0.1:6379  held   9.0s  alpha  ab:3\n");
}

TEST(ForPeople, ShowOfABrokenLock) {
  Answer answer;
  answer.last = Of({{"lock", "backup"}, {"state", "kept"}, {"by", "other"}, {"votes", "3/5"}});
  EXPECT_EQ(ForPeople(Kind::kShow, answer, 0),
            "backup is kept: an administrator broke the lease, taken by another (3/5 nodes)\n");
}

TEST(ForPeople, Break) {
  Answer answer;
  answer.last = Of({{"lock", "backup"}, {"left", "9500ms"}});
  EXPECT_EQ(ForPeople(Kind::kBreak, answer, 0), "broke backup, which is free in 9.5s\n");
  answer.last = Of({{"lock", "backup"}, {"left", "0ns"}});
  EXPECT_EQ(ForPeople(Kind::kBreak, answer, 0), "broke backup, which is free\n");
}

TEST(ForPeople, Nodes) {
  Answer answer;
  answer.rows = {Of({{"node", "1"},
                     {"address", "a:1"},
                     {"state", "up"},
                     {"run", "5c1f09a3"},
                     {"rtt", "180us"},
                     {"offset", "-2500us"}}),
                 Of({{"node", "2"},
                     {"address", "b:1"},
                     {"state", "quarantine"},
                     {"ready", "58s"},
                     {"text", "new or restarted"}})};
  answer.last = Of({{"up", "1"}, {"nodes", "2"}, {"quorum", "2"}});
  EXPECT_EQ(ForPeople(Kind::kNodes, answer, 0),
            "NODE  ADDRESS  STATE       RUN       RTT    OFFSET  WHY\n"
            "1     a:1      up          5c1f09a3  180us  -2ms\n"
            "2     b:1      quarantine                           new or restarted, ready in 58s\n"
            "1 of 2 up, 2 needed\n");
}

TEST(ForPeople, CutsTheWidestColumnsOfATerminal) {
  Table table{{"A", "B"}, {{std::string(50, 'a'), "b"}, {"x", std::string(60, 'b')}}};
  const std::string text = Format(table, 80);
  EXPECT_EQ(text, "A" + std::string(40, ' ') + "B\n" + std::string(36, 'a') + "...  b\n" + "x" +
                      std::string(40, ' ') + std::string(36, 'b') + "...\n");
}

TEST(Json, FencesAreStringsAndPidsNumbers) {
  EXPECT_EQ(ToJson(SomeLocks()), R"({
  "ok": true,
  "holds": 1,
  "waits": 1,
  "rows": [
    {
      "lock": "backup",
      "state": "held",
      "fence": "1764010002123456",
      "deadline": "482113907312",
      "left": "9234ms",
      "ttl": "10s",
      "held": "192s",
      "pid": 4711,
      "gone": true,
      "uid": 0,
      "cmd": "redlock",
      "note": "nightly\nrun"
    },
    {
      "lock": "backup",
      "state": "waiting",
      "place": 1,
      "waited": "1500ms",
      "pid": 4712,
      "uid": 1000,
      "cmd": "socat"
    }
  ]
}
)");
}

TEST(Json, AnErrorHasWords) {
  Answer answer;
  answer.error = 32;
  answer.text = "no quorum: 2 of 5 \xff";
  EXPECT_EQ(ToJson(answer),
            "{\n  \"ok\": false,\n  \"error\": \"no quorum: 2 of 5 \\ufffd\",\n"
            "  \"rows\": []\n}\n");
}

TEST(Json, WhatIsNoUtf8StandsThereInFull) {
  Answer answer;
  answer.rows = {Of({{"lock", "a\xff%"}, {"note", "gr\xc3\xbc\xc3\x9f"}})};
  EXPECT_EQ(ToJson(answer), R"({
  "ok": true,
  "rows": [
    {
      "lock": "a\ufffd%",
      "lock_encoded": "a%FF%25",
      "note": "gr\u00fc\u00df"
    }
  ]
}
)");
}

// Names, notes and texts of every kind of bytes, in every place that shows them.
class AnyBytes : public testing::Test {
 protected:
  static constexpr std::size_t kRounds = 300;

  std::string Bytes() {
    static const std::vector<std::string> kParts = {"a",
                                                    " ",
                                                    "\"",
                                                    "\\",
                                                    "\n",
                                                    "\x1b[2J",
                                                    "\x7f",
                                                    "\xc2\x9b",
                                                    "\xff",
                                                    "\xc3",
                                                    "\xe2\x80\xae",
                                                    "\xe2\x81\xa6",
                                                    "\xd8\x9c",
                                                    "\xe2\x80\xa8",
                                                    "\xed\xa0\x80",
                                                    "\xf0\x9f\x94\x92",
                                                    "\xc3\xbc",
                                                    "(gone)",
                                                    "1"};
    std::string bytes;
    for (std::size_t n = random_() % 8; n > 0; --n) {
      bytes += random_() % 2 == 0 ? kParts[random_() % kParts.size()]
                                  : std::string(1, static_cast<char>(1 + random_() % 255));
    }
    return bytes;
  }

  Answer Any() {
    Answer answer;
    answer.error = random_() % 2 == 0 ? 0 : 32;
    answer.text = Bytes();
    for (std::size_t n = random_() % 4; n > 0; --n) {
      Row& row = answer.rows.emplace_back();
      for (const char* key : kKeys) {
        if (random_() % 4 != 0) row.Add(key, Bytes());
      }
      if (random_() % 2 == 0) row.Add("place", "here");
    }
    for (const char* key : kKeys) answer.last.Add(key, Bytes());
    return answer;
  }

  static constexpr const char* kKeys[] = {
      "lock", "state", "left", "held",  "waited", "fence", "pid",   "uid",    "cmd",
      "note", "node",  "host", "owner", "text",   "run",   "ready", "offset", "address",
      "by",   "votes", "up",   "nodes", "holds",  "name",  "value", "as"};

  std::mt19937 random_{4711};
};

TEST_F(AnyBytes, ReachNoTerminalThatWouldObeyThem) {
  for (std::size_t i = 0; i < kRounds; ++i) {
    const Answer answer = Any();
    for (const Kind kind :
         {Kind::kList, Kind::kShow, Kind::kBreak, Kind::kNodes, Kind::kTrustEmpty, Kind::kAdopt,
          Kind::kStats, Kind::kStatus, Kind::kReload, Kind::kPing}) {
      for (const std::size_t places : {0, 40}) {
        std::string text = ForPeople(kind, answer, places);
        std::erase(text, '\n');
        ASSERT_EQ(Printable(text), text);
      }
    }
  }
}

TEST_F(AnyBytes, ComeBackOutOfTheJson) {
  for (std::size_t i = 0; i < kRounds; ++i) {
    const Answer answer = Any();
    const std::string text = ToJson(answer);
    ASSERT_TRUE(std::all_of(text.begin(), text.end(),
                            [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }));
    const auto object = nlohmann::json::parse(text);
    for (std::size_t row = 0; row < answer.rows.size(); ++row) {
      for (const char* key : {"lock", "note", "owner", "cmd"}) {
        if (!answer.rows[row].Has(key)) continue;
        const auto& shown = object["rows"][row];
        std::string bytes;
        const std::string encoded = std::string(key) + "_encoded";
        if (shown.contains(encoded)) {
          ASSERT_EQ(protocol::PercentDecode(shown[encoded].get<std::string>(), &bytes),
                    std::nullopt);
        } else {
          bytes = shown[key].get<std::string>();
        }
        ASSERT_EQ(bytes, answer.rows[row].Get(key));
      }
    }
  }
}

Answer SomeNodes(const char* up, const char* nodes, const char* quorum) {
  Answer answer;
  answer.rows = {Of({{"node", "1"}, {"address", "a:6379"}, {"state", "up"}, {"text", "slow"}}),
                 Of({{"node", "2"}, {"address", "b:6379"}, {"state", "down"}, {"text", "a\nb"}})};
  answer.last = Of({{"up", up}, {"nodes", nodes}, {"quorum", quorum}});
  return answer;
}

TEST(Health, CountsNodes) {
  EXPECT_EQ(HealthOf(SomeNodes("3", "3", "2")), Health::kOk);
  EXPECT_EQ(HealthOf(SomeNodes("2", "3", "2")), Health::kDegraded);
  EXPECT_EQ(HealthOf(SomeNodes("1", "3", "2")), Health::kNoQuorum);
  EXPECT_EQ(HealthOf(SomeNodes("0", "3", "2")), Health::kNoQuorum);
  EXPECT_EQ(HealthOf(SomeNodes("x", "3", "2")), Health::kNoQuorum);
  EXPECT_EQ(HealthOf(Answer{}), Health::kNoDaemon) << "no answer at all";
  Answer refused = SomeNodes("3", "3", "2");
  refused.error = REDLOCK_ELIMIT;
  EXPECT_EQ(HealthOf(refused), Health::kNoDaemon);
}

TEST(Health, NamesTheNodesThatDoNotVote) {
  EXPECT_EQ(HealthText(SomeNodes("2", "3", "2")),
            "degraded: 2 of 3 nodes vote, 2 needed; node 2 (b:6379) is down: a\\x0Ab\n");
  Answer gone;
  gone.error = REDLOCK_ECONNECT;
  gone.text = "nobody listens";
  EXPECT_EQ(HealthText(gone), "no-daemon: nobody listens\n");
}

TEST(Health, AsJsonIsTheAnswerAndOneWord) {
  const auto json = nlohmann::json::parse(HealthJson(SomeNodes("1", "3", "2")));
  EXPECT_EQ(json["health"], "no-quorum");
  EXPECT_EQ(json["up"], 1);
  EXPECT_EQ(json["rows"].size(), 2u);
}

}  // namespace
}  // namespace redlock::cli
