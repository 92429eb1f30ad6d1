// The metrics that a daemon serves, as a scraper fetches them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/daemon.h"
#include "tests/support/free_port.h"

namespace redlockd::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

// Sent through socat to the daemon's address.
std::string Fetch(const std::string& address, const std::string& path = "/metrics") {
  return RunProgram({"socat", "-t", "10", "-", address}, "GET " + path + " HTTP/1.1\r\n\r\n")
      .output;
}

TEST(MetricsTest, AreServedOnAPort) {
  const FreePort port;
  const std::string at = "127.0.0.1:" + std::to_string(port.number());
  World world(3, {.more = "metrics: {address: \"" + at +
                          "\"}\n"
                          "rules: [{prefix: batch/, linger: 0s, quota: {locks: 1}}]\n"});
  LineClient client = world.Connect();
  ASSERT_EQ(client.Brief("lock batch/a"), "OK");
  ASSERT_EQ(client.Brief("unlock batch/a"), "OK");
  ASSERT_EQ(client.Brief("lock b"), "OK");
  ASSERT_EQ(client.Brief("lock batch/b"), "OK");
  ASSERT_EQ(client.Brief("lock batch/c"), "ERR limit");
  EXPECT_THAT(
      Fetch("TCP:" + at),
      AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("Content-Type: text/plain; version=0.0.4"),
            HasSubstr("\nredlockd_holds 2\n"), HasSubstr("\nredlockd_grants_total 3\n"),
            HasSubstr("\nredlockd_nodes_up 3\n"), HasSubstr("\nredlockd_sessions 1\n"),
            HasSubstr("\nredlockd_quota_used{rule=\"batch/\",quota=\"locks\"} 1\n"),
            HasSubstr("\nredlockd_quota_refusals_total{rule=\"batch/\",quota=\"locks\"} 1\n"),
            HasSubstr("\nredlockd_hold_seconds_count{rule=\"batch/\"} 1\n"),
            HasSubstr("\nredlockd_wait_seconds_count{rule=\"\"} 1\n")));
  EXPECT_THAT(Fetch("TCP:" + at, "/"), StartsWith("HTTP/1.1 404 "));
}

TEST(MetricsTest, AreServedOnASocketWithTheModeOfTheOther) {
  const TempDir dir;
  const std::string path = dir / "metrics.sock";
  World world(3, {.more = "metrics: {address: \"unix:" + path + "\"}\nsocket_mode: \"0600\"\n"});
  EXPECT_THAT(Fetch("UNIX-CONNECT:" + path), HasSubstr("\nredlockd_nodes_up 3\n"));
  struct stat file {};
  ASSERT_EQ(stat(path.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600u);
  world.daemon.Stop();
  EXPECT_NE(stat(path.c_str(), &file), 0) << "it is removed with its daemon";
}

TEST(MetricsTest, WithoutTheirSocketLocksAreServedAllTheSame) {
  Nodes nodes(3);
  const FreePort port;
  const std::string more =
      "metrics: {address: \"127.0.0.1:" + std::to_string(port.number()) + "\"}\n";
  Daemon first({.addresses = nodes.Addresses(), .more = more});
  first.TrustEmpty();
  const Daemon second({.addresses = nodes.Addresses(), .more = more});
  EXPECT_EQ(second.Connect().Brief("lock a"), "OK");
  EXPECT_THAT(second.Log(), HasSubstr("metrics.address: cannot listen on 127.0.0.1 port "));
}

}  // namespace
}  // namespace redlockd::test
