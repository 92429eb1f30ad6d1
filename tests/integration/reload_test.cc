// A reload while locks are held and waited for, by SIGHUP and by an administrator.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class ReloadTest : public testing::Test {
 protected:
  DaemonOptions Options() { return {.addresses = nodes_.Addresses()}; }
  void Rewrite(const Daemon& daemon, const DaemonOptions& options) {
    WriteFile(daemon.dir() / "redlockd.yaml", ToYaml(options));
  }
  // Returns once the reload has an outcome.
  static void HangUp(Daemon& daemon, const std::string& outcome) {
    daemon.process().Signal(SIGHUP);
    EXPECT_TRUE(Eventually([&] { return Outcome(daemon) == outcome; })) << daemon.Log();
  }
  static std::string Outcome(const Daemon& daemon) {
    return Get(daemon.Connect().Ask("status"), "reload");
  }
  // What is in force of that key, and what a restart would bring.
  static std::string KeyOf(const Daemon& daemon, const std::string& key) {
    LineClient client = daemon.Connect();
    client.Ask("status keys");
    for (const Reply& row : client.rows()) {
      const std::string* name = row.Find("key");
      if (!name || *name != key) continue;
      const std::string* file = row.Find("file");
      return Get(row, "in-force") + (file ? " (" + *file + ")" : "");
    }
    return "none";
  }

  Nodes nodes_{3};
};

TEST_F(ReloadTest, HoldsAndWaitsGoOn) {
  DaemonOptions options = Options();
  Daemon daemon(options);
  daemon.TrustEmpty();
  LineClient holder = daemon.Connect(), waiter = daemon.Connect();
  const Reply grant = holder.Ask("lock a events=renew");
  ASSERT_EQ(Brief(grant), "OK");
  waiter.Send("lock a");
  ASSERT_TRUE(Eventually([&] { return daemon.Stat("waits") == 1; }));

  options.linger = "0s";
  options.ttl = "1s";
  options.command_timeout = "110ms";
  options.more = "limits: {sessions: 5, locks_per_session: 1}\nlog_level: debug\n";
  Rewrite(daemon, options);
  HangUp(daemon, "ok");
  EXPECT_EQ(KeyOf(daemon, "lease.linger"), "0s");
  EXPECT_EQ(KeyOf(daemon, "timeouts.command"), "110ms");

  // It is renewed over the same connections, and its deadline goes on.
  EXPECT_GT(GetNumber(holder.Event("RENEWED"), "deadline"), GetNumber(grant, "deadline"));
  EXPECT_FALSE(holder.HasEvent("LOST") || holder.HasEvent("JEOPARDY"));
  EXPECT_FALSE(waiter.HasAnswer());
  EXPECT_EQ(holder.Brief("lock b"), "ERR limit");
  EXPECT_EQ(holder.Brief("unlock a"), "OK");
  const Reply next = waiter.Answer();
  EXPECT_EQ(Brief(next), "OK");
  EXPECT_EQ(GetNumber(next, "fence"), GetNumber(grant, "fence") + 1);
  EXPECT_EQ(Get(holder.Ask("lock c"), "ttl"), "1s");
  EXPECT_THAT(daemon.Log(), Not(HasSubstr("does not vote: connection")));
}

TEST_F(ReloadTest, ABadFileChangesNothingAndNamesEachMistake) {
  DaemonOptions options = Options();
  Daemon daemon(options);
  daemon.TrustEmpty();
  LineClient client = daemon.Connect();
  EXPECT_EQ(client.Brief("lock a"), "OK");
  options.ttl = "1s";
  options.more = "limits: {locks_per_session: 1}\nfrob: 1\nquorum_wait: -1s\n";
  Rewrite(daemon, options);
  HangUp(daemon, "failed");
  EXPECT_THAT(daemon.Log(), HasSubstr("redlockd.yaml:9:1: frob: expected"));
  EXPECT_THAT(daemon.Log(), HasSubstr("redlockd.yaml:10:14: quorum_wait: expected"));
  EXPECT_THAT(daemon.Log(), HasSubstr("the former configuration stays in force"));
  EXPECT_EQ(KeyOf(daemon, "lease.ttl"), "2s");
  EXPECT_EQ(client.Brief("lock b"), "OK") << "no limit of the bad file";

  const Reply status = client.Ask("status");
  EXPECT_EQ(Get(status, "mistakes"), "2");
  ASSERT_EQ(client.rows().size(), 2u);
  EXPECT_THAT(client.rows()[0].text, HasSubstr("frob"));
  EXPECT_THAT(client.rows()[1].text, HasSubstr("quorum_wait"));
  const Ran ran = RunProgram({REDLOCKD_TEST_REDLOCK, "--socket", daemon.socket(), "reload"});
  EXPECT_EQ(ran.exit, ExitCode(78));
  EXPECT_THAT(ran.output, HasSubstr("quorum_wait: expected"));
}

TEST_F(ReloadTest, AKeyThatNeedsARestartIsNamedAndTheRestApplied) {
  DaemonOptions options = Options();
  Daemon daemon(options);
  daemon.TrustEmpty();
  options.max_ttl = "4s";
  options.linger = "30ms";
  options.addresses[2] = "127.0.0.1:1";
  Rewrite(daemon, options);
  const Ran ran = RunProgram({REDLOCKD_TEST_REDLOCK, "--socket", daemon.socket(), "reload"});
  EXPECT_EQ(ran.exit, ExitCode(0));
  EXPECT_THAT(ran.output, HasSubstr("2 changes of the file need a restart"));
  EXPECT_EQ(KeyOf(daemon, "lease.max_ttl"), "2s (4s)");
  EXPECT_EQ(KeyOf(daemon, "lease.linger"), "30ms");
  EXPECT_THAT(daemon.Log(), HasSubstr("lease.max_ttl: 2s stays in force; 4s needs a restart"));
  EXPECT_THAT(daemon.Log(), HasSubstr("nodes: "));
  LineClient client = daemon.Connect();
  EXPECT_EQ(client.Brief("lock a ttl=3s"), "ERR bad-request");
  EXPECT_TRUE(daemon.NodeIs(2, "up"));
}

// The nodes take the new password only, and their connections are cut one by one.
TEST_F(ReloadTest, PasswordsAreRotatedWhileALockIsHeld) {
  const TempDir files;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i].Command({"ACL", "SETUSER", "lock", "on", ">old", "~*", "+@all"});
    if (ServerUnderTest().HasAclChannels()) {
      nodes_[i].Command({"ACL", "SETUSER", "lock", "allchannels"});
    }
  }
  WriteFile(files / "old", "old\n");
  WriteFile(files / "new", "new\n");
  DaemonOptions options = Options();
  options.node_keys = {{"username", "lock"}, {"password_file", files / "old"}};
  Daemon daemon(options);
  daemon.TrustEmpty();
  LineClient client = daemon.Connect();
  ASSERT_EQ(client.Brief("lock a events=renew"), "OK");

  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i].Command({"ACL", "SETUSER", "lock", ">new"});
  }
  options.node_keys["password_file"] = files / "new";
  Rewrite(daemon, options);
  HangUp(daemon, "ok");
  EXPECT_EQ(KeyOf(daemon, "nodes[1].password_file"), files / "new");
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i].Command({"ACL", "SETUSER", "lock", "<old"});
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i].Command({"CLIENT", "KILL", "USER", "lock"});
    const auto has_new_login = [&] {
      return nodes_[i].Command({"CLIENT", "LIST"}).find("user=lock") != std::string::npos;
    };
    EXPECT_TRUE(Eventually(has_new_login)) << daemon.Log();
    daemon.WaitForNodes(3);
  }
  client.Event("RENEWED");
  EXPECT_FALSE(client.HasEvent("LOST"));
  EXPECT_EQ(client.Brief("unlock a sync"), "OK");
  EXPECT_THAT(daemon.Log(), Not(HasSubstr("WRONGPASS")));
}

TEST_F(ReloadTest, IgnoredHangUpsStaySo) {
  DaemonOptions options = Options();
  options.within = {"nohup"};
  Daemon daemon(options);
  daemon.process().Signal(SIGHUP);
  EXPECT_EQ(Outcome(daemon), "none");
}

}  // namespace
}  // namespace redlockd::test
