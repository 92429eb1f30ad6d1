#include <gtest/gtest.h>

#include <initializer_list>

#include "libclient/cli/json.h"
#include "libclient/cli/query.h"
#include "libclient/cli/table.h"

namespace redlock::cli {
namespace {

using Kind = QueryOptions::Kind;

Row Of(std::initializer_list<std::pair<const char*, const char*>> fields) {
  Row row;
  for (const auto& [key, value] : fields) row.Add(key, value);
  return row;
}

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
            "{\n  \"ok\": false,\n  \"error\": \"no quorum: 2 of 5 \xef\xbf\xbd\",\n"
            "  \"rows\": []\n}\n");
}

}  // namespace
}  // namespace redlock::cli
