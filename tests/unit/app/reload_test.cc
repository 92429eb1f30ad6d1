#include "daemon/app/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/files.h"

// What a reload makes of a file: all of it, or nothing.
namespace redlockd::app {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string kNodes = "nodes: [{address: a:1}, {address: b:1}, {address: c:1}]\n";

class ReloadTest : public ::testing::Test {
 protected:
  // The daemon's start.
  Configuration Start(const std::string& more = "") {
    Write(kNodes + more);
    config::Loaded loaded = LoadChecked(file_);
    EXPECT_THAT(loaded.errors, IsEmpty());
    return {file_, loaded.config};
  }
  void Write(const std::string& text) { test::WriteFile(file_, text); }

  static std::string KeyOf(const Configuration& configuration, const std::string& key) {
    for (const auto& row : configuration.Status().keys) {
      if (row.key == key) return row.in_force + (row.in_file ? " (" + *row.in_file + ")" : "");
    }
    return "none";
  }
  static std::vector<std::string> Mistakes(const Configuration& configuration) {
    const auto reload = configuration.Status().last_reload;
    return reload ? reload->mistakes : std::vector<std::string>{"no reload"};
  }

  const test::TempDir dir_;
  const std::string file_ = dir_ / "c.yaml";
};

TEST_F(ReloadTest, AppliesTheFile) {
  Configuration configuration = Start();
  EXPECT_EQ(configuration.Status().last_reload, std::nullopt);
  Write(kNodes + "lease: {ttl: 5s}\nlimits: {sessions: 7}\nrules: [{prefix: x, linger: 0s}]\n");
  EXPECT_TRUE(configuration.Reload());
  EXPECT_EQ(configuration.in_force().lease.ttl, 5s);
  EXPECT_EQ(configuration.in_force().limits.sessions, 7u);
  EXPECT_THAT(configuration.in_force().rules, SizeIs(1));
  EXPECT_THAT(Mistakes(configuration), IsEmpty());
  EXPECT_FALSE(configuration.HasFailed());
  EXPECT_EQ(configuration.Status().since, configuration.Status().last_reload->at);
}

TEST_F(ReloadTest, OfABadFileAppliesNothingAndNamesEachMistake) {
  Configuration configuration = Start("lease: {ttl: 5s}\n");
  Write(kNodes + "lease: {ttl: 6s, linger: 3h}\nlimitz: {}\nquorum_wait: 1s\n");
  EXPECT_FALSE(configuration.Reload());
  EXPECT_EQ(configuration.in_force().lease.ttl, 5s);
  EXPECT_EQ(configuration.in_force().quorum_wait, 5s);
  EXPECT_THAT(Mistakes(configuration),
              ElementsAre(HasSubstr("c.yaml:2:26: lease.linger: expected "),
                          HasSubstr("c.yaml:3:1: limitz: expected ")));
  EXPECT_TRUE(configuration.HasFailed());
  EXPECT_EQ(configuration.Status().since, configuration.Status().started);
}

TEST_F(ReloadTest, OfNoFileAppliesNothing) {
  Configuration configuration = Start();
  std::remove(file_.c_str());
  EXPECT_FALSE(configuration.Reload());
  EXPECT_THAT(Mistakes(configuration), ElementsAre(HasSubstr("expected the configuration")));
  EXPECT_THAT(configuration.in_force().nodes, SizeIs(3));
}

TEST_F(ReloadTest, ValuesMustGoTogether) {
  Configuration configuration = Start();
  Write(kNodes + "timeouts: {command: 3s}\n");
  EXPECT_FALSE(configuration.Reload());
  EXPECT_THAT(Mistakes(configuration), ElementsAre(HasSubstr("lease.ttl: expected at least ")));
}

// A file that is right by itself, and wrong beside what stays in force.
TEST_F(ReloadTest, ValuesMustGoTogetherWithThoseThatStay) {
  Configuration configuration = Start();
  Write(kNodes + "lease: {ttl: 90s, max_ttl: 2m}\n");
  EXPECT_FALSE(configuration.Reload());
  EXPECT_EQ(configuration.in_force().lease.ttl, 10s);
  EXPECT_THAT(
      Mistakes(configuration),
      ElementsAre(HasSubstr("lease.ttl: expected at most lease.max_ttl (60s), found 90s"),
                  AllOf(HasSubstr("lease.max_ttl: expected 1m, which is in force until a restart"),
                        HasSubstr("found 2m"))));
}

TEST_F(ReloadTest, NamesEachKeyThatNeedsARestartAndAppliesTheRest) {
  Configuration configuration = Start();
  Write(kNodes + "lease: {max_ttl: 2m, ttl: 5s}\nkey_prefix: x\n");
  testing::internal::CaptureStderr();
  EXPECT_TRUE(configuration.Reload());
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("lease.max_ttl: 1m stays in force; 2m needs a restart"),
                    HasSubstr("key_prefix: ")));
  EXPECT_EQ(configuration.in_force().lease.ttl, 5s);
  EXPECT_EQ(configuration.in_force().lease.max_ttl, 60s);
  EXPECT_EQ(KeyOf(configuration, "lease.max_ttl"), "1m (2m)");
  EXPECT_EQ(KeyOf(configuration, "key_prefix"), " (x)");
  Write(kNodes);
  EXPECT_TRUE(configuration.Reload());
  EXPECT_EQ(KeyOf(configuration, "lease.max_ttl"), "1m") << "nothing waits for a restart any more";
}

TEST_F(ReloadTest, OtherNodesNeedARestart) {
  Configuration configuration = Start();
  Write("nodes: [{address: a:1}, {address: b:1}, {address: d:1}]\n");
  EXPECT_TRUE(configuration.Reload());
  EXPECT_EQ(KeyOf(configuration, "nodes"), "a:1, b:1, c:1 (a:1, b:1, d:1)");
  EXPECT_EQ(KeyOf(configuration, "nodes[2].address"), "c:1");
}

TEST_F(ReloadTest, OfASecretFileThatIsWrongAppliesNothing) {
  test::WriteFile(dir_ / "password", "secret-one\n");
  const std::string node = "nodes: [{address: a:1, password_file: " + dir_ / "password" + "}]\n";
  Write(node);
  Configuration configuration(file_, LoadChecked(file_).config);
  test::WriteFile(dir_ / "password", "secret-two\n");
  EXPECT_TRUE(configuration.Reload());
  EXPECT_EQ(configuration.in_force().nodes[0].password.Reveal(), "secret-two");
  test::WriteFile(dir_ / "password", "");
  EXPECT_FALSE(configuration.Reload());
  EXPECT_EQ(configuration.in_force().nodes[0].password.Reveal(), "secret-two");
  EXPECT_THAT(Mistakes(configuration), ElementsAre(HasSubstr("nodes[0].password_file: ")));
  for (const auto& key : configuration.Status().keys) {
    EXPECT_EQ(key.in_force.find("secret"), std::string::npos) << key.key;
  }
}

TEST_F(ReloadTest, OfATlsFileThatIsWrongAppliesNothing) {
  Configuration configuration = Start();
  test::WriteFile(dir_ / "ca", "no certificate\n");
  Write(kNodes + "quorum_wait: 1s\ntls: {ca: " + dir_ / "ca" + "}\n");
  EXPECT_FALSE(configuration.Reload());
  EXPECT_THAT(Mistakes(configuration), ElementsAre(HasSubstr("tls.ca: expected ")));
  EXPECT_EQ(configuration.in_force().quorum_wait, 5s);
}

TEST_F(ReloadTest, WithoutAFileFails) {
  config::Config config = Start().in_force();
  Configuration configuration("", config);
  EXPECT_FALSE(configuration.Reload());
  EXPECT_THAT(Mistakes(configuration), ElementsAre(HasSubstr("--dev")));
}

}  // namespace
}  // namespace redlockd::app
