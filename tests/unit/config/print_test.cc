#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <string>

#include "config/load.h"
#include "tests/unit/config/file_dir.h"

namespace redlockd::config {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

// Without the lines that say what a key is.
std::string WithoutComments(const std::string& text) {
  return std::regex_replace(text, std::regex("\n *# [^\n]*"), "");
}

TEST(Print, ShowsEveryValueAndWhereItIsFrom) {
  const Loaded loaded = LoadText(R"(lease:
  ttl: 5000ms
nodes:
  - address: "[::1]:1"
    tls: {min_version: 1.3}
  - address: unix:/run/b.sock
    timeouts: {command: 1s}
tls: {server_name: ALL.example}
admin_group: "null"
rules:
  - {prefix: cron/, linger: 0, quota: {waits: 3}}
)",
                                 "r.yaml");
  EXPECT_EQ(WithoutComments(Print(loaded)),
            R"(# where clients connect, unless systemd, --socket or $REDLOCK_SOCKET gives a socket
socket: /run/redlockd/redlockd.sock  # default
socket_mode: 0660  # default
socket_group: ""  # default
timeouts:
  connect: 1s  # default
  command: 50ms  # default
tls:
  enabled: true
  server_name: all.example
  min_version: 1.2  # default
  verify: true  # default
nodes:
  - address: "[::1]:1"
    database: 0  # default
    timeouts:
      connect: 1s  # as timeouts.connect
      command: 50ms  # as timeouts.command
    tls:
      enabled: true
      server_name: all.example  # as tls.server_name
      min_version: 1.3
      verify: true  # as tls.verify
  - address: unix:/run/b.sock
    database: 0  # default
    timeouts:
      connect: 1s  # as timeouts.connect
      command: 1s
    tls:
      enabled: false
      server_name: all.example  # as tls.server_name
      min_version: 1.2  # as tls.min_version
      verify: true  # as tls.verify
lease:
  ttl: 5s
  max_ttl: 1m  # default
  linger: 20ms  # default
  tenure_max: 1s  # default
rules:
  - prefix: cron/
    linger: 0s
    quota:
      waits: 3
safety:
  drift: 0.001  # default
  fence_window: 10s  # default
  fence_life: 10m  # default
connections_per_node: 2  # default
retry_interval: 100ms  # default
quorum_wait: 5s  # default
key_prefix: ""  # default
admin_group: "null"
limits:
  sessions: 8192  # default
  sessions_per_uid: 2048  # default
  locks_per_session: 1024  # default
  locks_per_uid: 16384  # default
  new_names_per_uid: 1000  # default
  unread_output: 262144  # default
metrics:
  status_page: false  # default
drain_time: 8s  # default
log_level: info  # default
)");
}

TEST(Print, ShowsAnEmptyList) {
  const std::string printed = Print(LoadText("nodes: [{address: 'a:1'}]\n", "r.yaml"));
  EXPECT_THAT(WithoutComments(printed), HasSubstr("# default\nrules: []\nsafety:\n"));
}

TEST(Print, SaysWhatEachKeyIs) {
  const std::string printed = Print(LoadText("nodes: [{address: 'a:1'}]\n", "r.yaml"));
  EXPECT_THAT(printed, HasSubstr("nodes:\n"
                                 "    # where the node listens\n"
                                 "  - address: a:1\n"
                                 "    # number of the database on the node\n"
                                 "    database: 0  # default\n"));
  EXPECT_THAT(printed, HasSubstr("lease:\n"
                                 "  # time to live of a lease if the client does not ask for one\n"
                                 "  ttl: 10s  # default\n"));
}

TEST(Print, ReadsBackAsTheSame) {
  FileDir dir;
  const std::string password = dir.Write("a", "s3cret\n");
  const Loaded first = LoadText(R"(key_prefix: '#"\:'
lease: {ttl: 5000ms, linger: 1us}
rules: [{prefix: '-a', linger: 1s}, {prefix: '#b', linger: 0s, quota: {locks: 5, new_names: 7}}]
safety: {drift: 0.0025}
nodes:
  - address: "[::1]:1"
    username: '-:'
    password_file: )" + password + R"(
  - address: unix:/run/b.sock
    timeouts: {command: 1s}
  - address: c:3
admin_group: "null"
socket_group: ""
)",
                                "r.yaml");
  for (const Problem& problem : first.errors) ADD_FAILURE() << first.Text(problem);
  const std::string printed = Print(first);
  const Loaded second = LoadText(printed, "printed");
  for (const Problem& problem : second.errors) ADD_FAILURE() << second.Text(problem) << printed;
  EXPECT_EQ(second.config.nodes[0].username, "-:");
  EXPECT_EQ(second.config.safety.drift, 0.0025);
  EXPECT_EQ(second.config.key_prefix, first.config.key_prefix);
  EXPECT_EQ(second.config.admin_group, "null");
  EXPECT_EQ(second.config.nodes.size(), 3u);
  EXPECT_EQ(second.config.lease.linger, 1us);
  ASSERT_EQ(second.config.rules.size(), 2u);
  EXPECT_EQ(second.config.rules[1].prefix, "#b");
  EXPECT_EQ(second.config.nodes[0].password.Reveal(), "s3cret");
}

}  // namespace
}  // namespace redlockd::config
