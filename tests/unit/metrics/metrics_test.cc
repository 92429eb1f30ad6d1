#include "daemon/metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

namespace redlockd::metrics {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

class MetricsTest : public testing::Test {
 protected:
  MetricsTest() {
    now_.version = "1.2.3";
    now_.sessions = 3;
    now_.sessions_limit = 8;
    now_.counters.grants = 41;
    now_.counters.one_round_grants = 40;
    now_.majority = 2;
    now_.addresses = {"a:1", "b:1"};
    now_.nodes = {{.node = 0, .state = engine::NodeState::kUp, .text = "", .round_trip = 250us},
                  {.node = 1, .state = engine::NodeState::kQuarantine, .text = "", .ready_in = 3s}};
    now_.certificate_expiries = {std::nullopt, std::chrono::sys_seconds(1764010002s)};
    now_.quotas = {{.prefix = "batch/",
                    .kind = engine::QuotaKind::kLocks,
                    .most = 100,
                    .used = 7,
                    .refused = 3},
                   {.prefix = "batch/",
                    .kind = engine::QuotaKind::kNewNames,
                    .most = 5,
                    .used = 0,
                    .refused = 1}};
    now_.histograms = &histograms_;
    histograms_.Of("batch/x").waits.Add(2ms);
  }

  const engine::Linger rules_{.by_prefix = {{"batch/", 1ms}}};
  engine::Histograms histograms_{rules_};
  Snapshot now_;
};

TEST_F(MetricsTest, ShowsWhatItWasGiven) {
  const std::string text = ToText(now_);
  for (const char* line : {
           "redlockd_build_info{version=\"1.2.3\"} 1\n",
           "redlockd_sessions 3\n",
           "redlockd_sessions_limit 8\n",
           "redlockd_grants_total 41\n",
           "redlockd_one_round_grants_total 40\n",
           "redlockd_nodes 2\n",
           "redlockd_nodes_up 1\n",
           "redlockd_nodes_needed 2\n",
           "redlockd_node_up{node=\"1\",address=\"a:1\"} 1\n",
           "redlockd_node_up{node=\"2\",address=\"b:1\"} 0\n",
           "redlockd_node_round_trip_seconds{node=\"1\",address=\"a:1\"} 0.00025\n",
           "redlockd_node_quarantine_seconds{node=\"2\",address=\"b:1\"} 3\n",
           "redlockd_tls_certificate_expiry_timestamp_seconds{node=\"2\",address=\"b:1\"} "
           "1764010002\n",
           "redlockd_wait_seconds_count{rule=\"batch/\"} 1\n",
           "redlockd_draining 0\n",
           "redlockd_quota_limit{rule=\"batch/\",quota=\"locks\"} 100\n",
           "redlockd_quota_limit{rule=\"batch/\",quota=\"new_names\"} 5\n",
           "redlockd_quota_used{rule=\"batch/\",quota=\"locks\"} 7\n",
           "redlockd_quota_refusals_total{rule=\"batch/\",quota=\"locks\"} 3\n",
           "redlockd_quota_refusals_total{rule=\"batch/\",quota=\"new_names\"} 1\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("redlockd_quota_used{rule=\"batch/\",quota=\"new_names\"}")));
  EXPECT_THAT(text, Not(HasSubstr("batch/x"))) << "the name of a lock";
}

// As a scraper reads it: each sample belongs to the family before it, each family is there once.
TEST_F(MetricsTest, KeepsToTheFormat) {
  const std::regex sample(
      R"re(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{([a-z_]+="[^"]*",?)+\})? ([0-9.e+-]+))re");
  const std::regex header(R"re(# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) .+)re");
  std::set<std::string> families;
  std::set<std::string> samples;
  std::string family;
  std::istringstream lines(ToText(now_));
  for (std::string line; std::getline(lines, line);) {
    std::smatch parts;
    if (std::regex_match(line, parts, header)) {
      family = parts[2];
      const bool is_first = parts[1] != "HELP" || families.insert(family).second;
      EXPECT_TRUE(is_first) << line;
    } else {
      ASSERT_TRUE(std::regex_match(line, parts, sample)) << line;
      EXPECT_TRUE(parts[1].str().starts_with(family)) << line;
      EXPECT_TRUE(samples.insert(parts[1].str() + parts[2].str()).second) << line;
    }
  }
  EXPECT_GT(families.size(), engine::CounterTable().size());
}

std::set<std::string> MetricsNamedIn(const char* path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  const std::string all = text.str();
  const std::regex name("redlockd_[a-z_]+");
  std::set<std::string> names;
  for (std::sregex_token_iterator found(all.begin(), all.end(), name), end; found != end; ++found) {
    std::string family = *found;
    if (family.ends_with("_bucket")) family.resize(family.size() - std::strlen("_bucket"));
    names.insert(family);
  }
  return names;
}

TEST_F(MetricsTest, HasWhatTheAlertsTheDashboardAndTheDocumentName) {
  const std::string text = ToText(now_);
  for (const char* path : {ALERTS, DASHBOARD, OPERATIONS_MD}) {
    const auto names = MetricsNamedIn(path);
    EXPECT_GT(names.size(), 5u) << path;
    for (const std::string& name : names) {
      EXPECT_THAT(text, HasSubstr("# TYPE " + name + " ")) << path;
    }
  }
}

std::set<std::string> Found(const char* path, const char* what) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  const std::string all = text.str();
  const std::regex pattern(what);
  std::set<std::string> found;
  for (std::sregex_iterator at(all.begin(), all.end(), pattern), end; at != end; ++at) {
    found.insert((*at)[1]);
  }
  return found;
}

// With what it means and what to do: three columns that are not empty.
TEST(Alerts, AreAllExplained) {
  const auto alerts = Found(ALERTS, "- alert: (\\w+)\n");
  EXPECT_GT(alerts.size(), 5u);
  EXPECT_EQ(
      Found(OPERATIONS_MD, "\n\\| `(Redlockd\\w+)` \\| [^|\n]{20,} \\| [^|\n]{20,} \\|(?=\n)"),
      alerts);
}

}  // namespace
}  // namespace redlockd::metrics
