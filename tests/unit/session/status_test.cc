#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/support/acting_as.h"
#include "tests/unit/session/session_fixture.h"

// status and reload: what is in force, and who may see it.
namespace redlockd::session {
namespace {

using ::testing::SizeIs;
using ::testing::StartsWith;

class StatusTest : public SessionTest {
 protected:
  StatusTest() {
    engine.status = {
        .version = "1.2",
        .started = "S",
        .config_file = "/c.yaml",
        .since = "T",
        .last_reload = {},
        .keys = {{"lease.ttl", "10s", {}}, {"key_prefix", "", {}}, {"lease.max_ttl", "1m", "2m"}}};
  }
  void Failed() { engine.status.last_reload = {{.at = "U", .mistakes = {"one", "two"}}}; }
  const std::string begin_ = "OK version=1.2 started=S config=/c.yaml since=T pending=1 ";
};

TEST_F(StatusTest, NamesWhatNeedsAttention) {
  const auto client = Connect();
  client->Send("#s status\n");
  EXPECT_EQ(client->Line(), "#s - key=lease.max_ttl in-force=1m file=2m");
  EXPECT_EQ(client->Line(), "#s " + begin_ + "reload=none");
  Failed();
  client->Send("status\n");
  EXPECT_EQ(client->Line(), "- key=lease.max_ttl in-force=1m file=2m");
  EXPECT_EQ(client->Line(), "- mistake=1 :one");
  EXPECT_EQ(client->Line(), "- mistake=2 :two");
  EXPECT_EQ(client->Line(), begin_ + "reload=failed reloaded=U mistakes=2");
}

TEST_F(StatusTest, OfKeysNamesAll) {
  const auto client = Connect();
  client->Send("status keys\n");
  EXPECT_EQ(client->Line(), "- key=lease.ttl in-force=10s");
  EXPECT_EQ(client->Line(), "- key=key_prefix in-force=");
  EXPECT_EQ(client->Line(), "- key=lease.max_ttl in-force=1m file=2m");
  EXPECT_EQ(client->Line(), begin_ + "reload=none");
}

TEST_F(StatusTest, AReloadIsAnsweredWithItsOutcome) {
  engine.status.config_file = "";
  engine.on_reload = [this] {
    engine.status.keys = {{"lease.ttl", "20s", {}}};
    engine.status.last_reload = {{.at = "U", .mistakes = {}}};
    options.locks_per_session = 1;
    sessions->Change(options);
  };
  const auto client = Connect();
  client->Send("#r reload\n");
  EXPECT_EQ(
      client->Line(),
      "#r OK version=1.2 started=S config= since=T pending=0 reload=ok reloaded=U mistakes=0");
  EXPECT_THAT(engine.reloads, testing::ElementsAre(Nth<engine::SessionOpened>(0).session));
}

TEST_F(StatusTest, OthersThanAdministratorsSeeNoKeyAndReloadNothing) {
  if (getuid() != 0) GTEST_SKIP() << "needs to become another user";
  Failed();
  Start();
  ASSERT_EQ(chmod(directory.path().c_str(), 0755), 0);
  // From within, as those around it may be closed to strangers.
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(directory.path());
  ASSERT_EQ(chmod((directory / "s").c_str(), 0666), 0);
  std::unique_ptr<Client> client;
  {
    const test::ActingAs stranger(65534);
    client = std::make_unique<Client>(loop, "s");  // accepted later, by the test's own user
  }
  std::filesystem::current_path(before);
  EXPECT_THAT(client->Line(), StartsWith("* HELLO "));
  client->Send("status keys\nreload\n");
  EXPECT_EQ(client->Line(), begin_ + "reload=failed reloaded=U mistakes=2");
  EXPECT_THAT(client->Line(), StartsWith("ERR denied reason=not-admin :"));
  EXPECT_THAT(engine.reloads, SizeIs(0));
  EXPECT_THAT(engine.denied, testing::ElementsAre("reload"));
}

}  // namespace
}  // namespace redlockd::session
