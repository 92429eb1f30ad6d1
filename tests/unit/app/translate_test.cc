#include "daemon/app/translate.h"

#include <gmock/gmock.h>
#include <grp.h>

#include <string>
#include <vector>

namespace redlockd::app {
namespace {

using namespace std::chrono_literals;
using session::Peer;
using session::Right;
using testing::ElementsAre;
using testing::IsEmpty;

config::Config WithRules(const std::string& rules) {
  const config::Loaded loaded =
      config::LoadText("nodes: [{address: 'a:1'}]\nlease: {linger: 20ms}\nrules:\n" + rules, "t");
  EXPECT_THAT(loaded.errors, IsEmpty());
  return loaded.config;
}

TEST(Translate, LingersAsTheLongestPrefixThatSaysSo) {
  const auto options = EngineOptionsOf(WithRules("  - {prefix: a/b/c/, lock: everybody}\n"
                                                 "  - {prefix: a/, linger: 0s}\n"
                                                 "  - {prefix: a/b/, linger: 1s}\n"
                                                 "  - {prefix: b/}\n"),
                                       "i");
  EXPECT_EQ(options.linger.Of("a/x"), 0s);
  EXPECT_EQ(options.linger.Of("a/b/x"), 1s);
  EXPECT_EQ(options.linger.Of("a/b/c/x"), 1s) << "that rule says nothing of it";
  EXPECT_EQ(options.linger.Of("b/x"), 20ms);
  EXPECT_EQ(options.linger.Of("x"), 20ms);
  EXPECT_EQ(options.linger.PrefixOf("a/b/c/x"), "a/b/c/") << "metrics are by rule";
}

TEST(Translate, AuditsAsTheLongestPrefixThatSaysSo) {
  const auto options = EngineOptionsOf(WithRules("  - {prefix: a/, audit: true}\n"
                                                 "  - {prefix: a/b/, audit: false}\n"
                                                 "  - {prefix: a/c/, linger: 0s}\n"),
                                       "i");
  EXPECT_TRUE(options.audit.Covers("a/x"));
  EXPECT_FALSE(options.audit.Covers("a/b/x"));
  EXPECT_TRUE(options.audit.Covers("a/c/x")) << "that rule says nothing of it";
  EXPECT_FALSE(options.audit.Covers("x"));
}

TEST(Translate, QuotasAreOfTheirRulesAlone) {
  const engine::Quotas quotas =
      EngineOptionsOf(WithRules("  - {prefix: a/, quota: {locks: 5, waits: 2}}\n"
                                "  - {prefix: a/b/, quota: {new_names: 7}}\n"
                                "  - {prefix: b/, linger: 0s}\n"),
                      "i")
          .limits.quotas;
  EXPECT_EQ(quotas, (engine::Quotas{
                        .locks = {{"a/", 5}}, .waits = {{"a/", 2}}, .new_names = {{"a/b/", 7}}}));
}

TEST(Translate, FindsUsersAndGroupsByNameOrNumber) {
  std::vector<std::string> unknown;
  const session::Permissions permissions =
      PermissionsOf(WithRules("  - {prefix: a/, lock: 'root,group:daemon,4242'}\n"
                              "  - {prefix: b/, see: 'group:4343', break: everybody}\n"),
                    unknown);
  EXPECT_THAT(unknown, IsEmpty());
  const auto may = [&](Right right, const char* name, uid_t uid, gid_t gid) {
    Peer peer;
    peer.uid = uid;
    peer.groups = {gid};
    return permissions.May(right, name, peer);
  };
  EXPECT_TRUE(may(Right::kLock, "a/x", 0, 9));
  EXPECT_TRUE(may(Right::kLock, "a/x", 9, getgrnam("daemon")->gr_gid));
  EXPECT_TRUE(may(Right::kLock, "a/x", 4242, 9));
  EXPECT_FALSE(may(Right::kLock, "a/x", 9, 9));
  EXPECT_TRUE(may(Right::kSee, "a/x", 9, 9));
  EXPECT_TRUE(may(Right::kSee, "b/x", 9, 4343));
  EXPECT_FALSE(may(Right::kSee, "b/x", 4343, 9));
  EXPECT_TRUE(may(Right::kBreak, "b/x", 9, 9));
  EXPECT_FALSE(may(Right::kBreak, "a/x", 9, 9));
}

TEST(Translate, NamesThoseThatTheHostDoesNotKnow) {
  std::vector<std::string> unknown;
  const session::Permissions permissions = PermissionsOf(
      WithRules("  - {prefix: a/, lock: 'no-such-user,group:no-such-group'}\n"), unknown);
  EXPECT_THAT(unknown, ElementsAre("user no-such-user", "group no-such-group"));
  Peer peer;
  peer.uid = 1000;
  EXPECT_FALSE(permissions.May(Right::kLock, "a/x", peer));
}

}  // namespace
}  // namespace redlockd::app
