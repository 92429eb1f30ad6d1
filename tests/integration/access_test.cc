// Users and passwords on the nodes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <sstream>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

using testing::HasSubstr;

constexpr char kPassword[] = "s3cret-of-the-nodes";

// The words of the ACL line in redlockd(8), as an operator would paste it.
std::vector<std::string> AclOfTheManual() {
  const std::string manual = ReadFile(REDLOCKD_TEST_SOURCE "/daemon/app/redlockd.8.scd");
  const std::size_t begin = manual.find("\nACL SETUSER redlock ") + 1;
  if (begin == 0) throw std::runtime_error("redlockd(8) has no ACL line");
  std::istringstream line(manual.substr(begin, manual.find('\n', begin) - begin));
  std::vector<std::string> words;
  const bool has_channels = ServerUnderTest().HasAclChannels();
  for (std::string word; line >> word;) {
    if (!has_channels && (word == "resetchannels" || word[0] == '&')) continue;
    words.push_back(word == ">PASSWORD" ? std::string(">") + kPassword : word);
  }
  return words;
}

std::vector<std::string> AclOfTheManualWithout(const std::string& word) {
  std::vector<std::string> acl = AclOfTheManual();
  acl.erase(std::find(acl.begin(), acl.end(), word));
  return acl;
}

std::string Upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(c));
  return text;
}

class AccessTest : public testing::Test {
 protected:
  void SetAcl(const std::vector<std::string>& acl) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) ASSERT_EQ(nodes_[i].Command(acl), "OK");
  }
  DaemonOptions Options(const std::string& password) {
    WriteFile(dir_ / "password", password + "\n");
    return {.addresses = nodes_.Addresses(),
            .node_keys = {{"username", "redlock"}, {"password_file", dir_ / "password"}}};
  }

  TempDir dir_;
  Nodes nodes_{3};
};

TEST_F(AccessTest, TheAclLineOfTheManualSuffices) {
  SetAcl(AclOfTheManual());
  Daemon daemon(Options(kPassword));
  daemon.TrustEmpty();
  LineClient client = daemon.Connect(), other = daemon.Connect();
  EXPECT_EQ(Brief(client.Ask("lock a ttl=600ms events=renew")), "OK");
  client.Event("RENEWED");
  // Healing a node that lost the key, a release, a reconnection, a read, the administrator's verbs.
  nodes_[0].Command({"DEL", "a"});
  EXPECT_TRUE(Eventually([&] { return nodes_.CountWith("a") == 3; }));
  other.Send("lock a");
  EXPECT_EQ(client.Brief("unlock a"), "OK");
  EXPECT_EQ(Brief(other.Answer()), "OK");
  nodes_[1].Command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  EXPECT_EQ(other.Brief("unlock a sync"), "OK");
  EXPECT_EQ(client.Brief("show a"), "OK");
  daemon.WaitForNodes(3);
  EXPECT_EQ(client.Brief("lock b"), "OK");
  DaemonOptions differs = Options(kPassword);
  differs.max_ttl = "3s";
  Daemon second(differs);
  LineClient administrator = second.Connect();
  EXPECT_TRUE(Eventually([&] { return administrator.Brief("adopt") == "OK"; }));
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    EXPECT_EQ(nodes_[i].Command({"ACL", "LOG"}), "") << "the node refused something";
  }
}

TEST_F(AccessTest, ItsKeysCanBeNarrowedToThePrefix) {
  std::vector<std::string> acl = AclOfTheManual();
  const auto all_keys = std::find(acl.begin(), acl.end(), "~*");
  ASSERT_NE(all_keys, acl.end());
  *all_keys = "~locks:*";
  acl.push_back("~redlockd:*");
  SetAcl(acl);
  DaemonOptions options = Options(kPassword);
  options.more = "key_prefix: \"locks:\"\n";
  Daemon daemon(options);
  daemon.TrustEmpty();
  LineClient client = daemon.Connect();
  EXPECT_EQ(client.Brief("lock a"), "OK");
  EXPECT_EQ(client.Brief("unlock a sync"), "OK");
  EXPECT_EQ(nodes_[0].Command({"ACL", "LOG"}), "");
}

TEST_F(AccessTest, WithoutClientKillItSaysSoOnceAndLives) {
  SetAcl(AclOfTheManualWithout("+client|kill"));
  Daemon daemon(Options(kPassword));
  daemon.TrustEmpty();
  LineClient client = daemon.Connect();
  for (int i = 0; i < 2; ++i) {
    nodes_[0].Command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    EXPECT_EQ(client.Brief("lock a"), "OK");
    EXPECT_EQ(client.Brief("unlock a"), "OK");
    daemon.WaitForNodes(3);
  }
}

TEST_F(AccessTest, AWrongPasswordIsToldAsSuch) {
  SetAcl(AclOfTheManual());
  Daemon daemon(Options("wrong"));
  Reply row;
  EXPECT_TRUE(Eventually([&] {
    row = daemon.NodeRow(0);
    return row.text.find("WRONGPASS") != std::string::npos;
  })) << Line(row);
  EXPECT_NE(Get(row, "state"), "up");
  const Reply refused = daemon.Connect().Ask("trylock a");
  EXPECT_EQ(Brief(refused), "ERR no-quorum");
  EXPECT_THAT(refused.text, HasSubstr("WRONGPASS"));
  EXPECT_THAT(daemon.Log(), HasSubstr("WRONGPASS"));
  EXPECT_THAT(daemon.Log(), testing::Not(HasSubstr(kPassword)));
}

TEST_F(AccessTest, AMissingLoginIsToldAsSuch) {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i].Command({"CONFIG", "SET", "requirepass", kPassword});
  }
  Daemon daemon(nodes_.Addresses());
  Reply row;
  EXPECT_TRUE(Eventually([&] {
    row = daemon.NodeRow(0);
    return row.text.find("NOAUTH") != std::string::npos;
  })) << Line(row);
}

TEST_F(AccessTest, ThePasswordOfTheDefaultUserWillDo) {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i].Command({"CONFIG", "SET", "requirepass", kPassword});
  }
  DaemonOptions options = Options(kPassword);
  options.node_keys.erase("username");
  Daemon daemon(options);
  daemon.TrustEmpty();
  EXPECT_EQ(daemon.Connect().Brief("lock a"), "OK");
}

TEST_F(AccessTest, AUserWhoMayTooLittleIsToldAsSuch) {
  SetAcl(AclOfTheManualWithout("+evalsha"));
  Daemon daemon(Options(kPassword));
  Reply row;
  EXPECT_TRUE(Eventually([&] {
    row = daemon.NodeRow(0);
    return row.text.find("NOPERM") != std::string::npos;
  })) << Line(row);
}

// Each right of the manual's line that is missing is named when the daemon connects, and the node
// does not count as up; but for those that the manual calls optional, which the log has.
TEST_F(AccessTest, EachMissingRightIsNamed) {
  for (const std::string& word : AclOfTheManual()) {
    if (word[0] != '+') continue;
    SetAcl(AclOfTheManualWithout(word));
    const bool optional = word.starts_with("+client") || word == "+publish" || word == "+subscribe";
    if (word == "+select") continue;  // of another database only
    Daemon daemon(Options(kPassword));
    if (!optional) {
      EXPECT_TRUE(Eventually([&] { return !daemon.NodeRow(0).text.empty(); })) << word;
      Reply row;
      EXPECT_TRUE(Eventually([&] {
        row = daemon.NodeRow(0);
        return row.text.find("NOPERM") != std::string::npos;
      })) << word
          << ": " << Line(row);
      EXPECT_NE(Get(row, "state"), "up");
      std::string name = word.substr(1, word.find('|') - 1);
      EXPECT_THAT(row.text, testing::AnyOf(HasSubstr(name), HasSubstr(Upper(name))));
    } else {
      if (word == "+client|kill")
        nodes_[0].Command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
      EXPECT_TRUE(Eventually([&] {
        const std::string log = daemon.Log();
        return log.find("NOPERM") != std::string::npos ||
               log.find("can't run") != std::string::npos ||
               log.find("no permissions to run") != std::string::npos;
      })) << word;
    }
  }
}

// Both are good for a while, the file is changed, the old one is withdrawn.
TEST_F(AccessTest, APasswordCanBeChangedUnderALock) {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i].Command({"ACL", "SETUSER", "redlock", "on", ">old", "~*",
                       ServerUnderTest().AllChannels(), "+@all"});
  }
  Daemon daemon(Options("old"));
  daemon.TrustEmpty();
  LineClient holder = daemon.Connect();
  ASSERT_EQ(Brief(holder.Ask("lock a events=renew")), "OK");
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i].Command({"ACL", "SETUSER", "redlock", ">new"});
  }
  WriteFile(dir_ / "password", "new\n");
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i].Command({"ACL", "SETUSER", "redlock", "<old"});
    nodes_[i].Command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  }
  const Duration changed = BootTime();
  while (Duration(GetNumber(holder.Event("RENEWED"), "deadline")) < changed + 4s) {
  }
  EXPECT_FALSE(holder.HasEvent("LOST"));
  daemon.WaitForNodes(3);

  // A file that is not there is said once, and what was read last is used.
  std::filesystem::remove(dir_ / "password");
  nodes_[0].Command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  EXPECT_TRUE(
      Eventually([&] { return daemon.Log().find("password_file: ") != std::string::npos; }));
}

}  // namespace
}  // namespace redlockd::test
