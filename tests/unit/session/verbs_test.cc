#include "daemon/session/verbs.h"

#include <gmock/gmock.h>

#include <set>

#include "protocol/reply.h"
#include "tests/unit/session/session_fixture.h"

namespace redlockd::session {
namespace {

using redlock::protocol::Request;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

using VerbsTest = SessionTest;

TEST_F(VerbsTest, TheTableHasTheVerbsOfThisVersion) {
  std::set<std::string_view> names;
  for (const Verb& verb : Verbs()) EXPECT_TRUE(names.insert(verb.name).second);
  EXPECT_EQ(names, (std::set<std::string_view>{"lock", "trylock", "unlock", "check", "cancel",
                                               "list", "show", "nodes", "stats", "trust-empty",
                                               "adopt", "ping", "help", "quit"}));
}

TEST_F(VerbsTest, HelpListsExactlyTheTable) {
  const auto client = Connect();
  client->Send("help\n");
  for (const Verb& verb : Verbs()) {
    EXPECT_EQ(client->Line(), "- verb=" + std::string(verb.name) + " :" + Usage(verb));
  }
  EXPECT_EQ(client->Line(), "OK");
  EXPECT_EQ(Usage(*FindVerb("lock")),
            "lock NAME [wait=DUR|0|forever] [ttl=DUR] [max-hold=DUR] [note=TEXT] [events=renew]");
  EXPECT_EQ(Usage(*FindVerb("trylock")),
            "trylock NAME [ttl=DUR] [max-hold=DUR] [note=TEXT] [events=renew]");
  EXPECT_EQ(Usage(*FindVerb("unlock")), "unlock NAME [sync] [fence=N]");
  EXPECT_EQ(Usage(*FindVerb("cancel")), "cancel TAG");
}

TEST_F(VerbsTest, BadLinesAreToldWhatWasExpected) {
  const std::vector<std::pair<std::string, std::string>> lines = {
      {"lock", "ERR bad-request :expected lock NAME [wait="},
      {"lock a b", "ERR bad-request :expected lock NAME ["},
      {"lock a sync", "ERR bad-request :expected lock NAME ["},
      {"unlock a now", "ERR bad-request :expected unlock NAME [sync] [fence=N], found 2 arguments"},
      {"ping x", "ERR bad-request :expected ping, found 1 argument"},
      {"lock a mood=good",
       "ERR unknown-option option=mood :lock takes wait ttl max-hold note events, found 'mood'"},
      {"lock a mode=shared", "ERR unknown-option option=mode :"},
      {"trylock a wait=1s", "ERR unknown-option option=wait :trylock takes ttl "},
      {"ping x=1", "ERR unknown-option option=x :ping takes no options, found 'x'"},
      {"lock a ttl=soon", "ERR bad-request :ttl: expected more than 0: a duration, like 5"},
      {"lock a ttl=0", "ERR bad-request :ttl: "},
      {"lock a ttl=-1s", "ERR bad-request :ttl: "},
      {"lock a max-hold=0s", "ERR bad-request :max-hold: "},
      {"lock a wait=10x", "ERR bad-request :wait: expected 0, forever, or a duration, like 5"},
      {"lock a events=all", "ERR bad-request :events: expected renew, found 'all'"},
      {"unlock a fence=x", "ERR bad-request :fence: expected the fence of a grant, a positive"},
      {"unlock a fence=0", "ERR bad-request :fence: "},
      {"check a fence=99999999999999999999", "ERR bad-request :fence: "},
      {"check a fence=1x", "ERR bad-request :fence: "},
      {"watch",
       "ERR unknown-verb :expected lock trylock unlock check cancel list show nodes stats "
       "trust-empty adopt ping help quit, found 'watch'"},
  };
  const auto client = Connect();
  for (const auto& [line, answer] : lines) {
    client->Send(line + "\n");
    EXPECT_THAT(client->Line(), StartsWith(answer)) << line;
  }
  EXPECT_THAT(engine.events, SizeIs(1));  // SessionOpened
}

TEST_F(VerbsTest, NamesThatAreNone) {
  const auto client = Connect();
  client->Send("lock redlockd:x\n#l lock " + std::string(256, 'n') + "\nshow redlockd%3A\n");
  EXPECT_THAT(client->Line(), StartsWith("ERR bad-name lock=redlockd:x :"));
  EXPECT_THAT(client->Line(), StartsWith("#l ERR bad-name lock=nnn"));
  EXPECT_THAT(client->Line(), StartsWith("ERR bad-name lock=redlockd: :"));
  client->Send("lock " + std::string(255, 'n') + "\n");
  EXPECT_EQ(Nth<engine::LockRequested>(0).name, std::string(255, 'n'));
}

TEST_F(VerbsTest, TheReservedNamesAreThoseOfTheWholeKey) {
  options.key_prefix = "red";
  const auto client = Connect();
  client->Send("lock lockd:x\nlock redlockd:x\n");
  EXPECT_THAT(client->Line(), StartsWith("ERR bad-name lock=lockd:x :"));
  EXPECT_EQ(Nth<engine::LockRequested>(0).name, "redlockd:x");
}

TEST_F(VerbsTest, AdministratorsVerbsAreAskedOfTheEngine) {
  const auto client = Connect();  // of the daemon's own uid
  client->Send("trust-empty\nadopt\n");
  const auto trust = Nth<engine::TrustEmptyRequested>(0);
  Answer(trust.session, trust.request,
         engine::Failed{.failure = engine::Failure::kRefused, .text = "node 2 is neither"});
  EXPECT_EQ(client->Line(), "ERR denied reason=in-use :node 2 is neither");
  const auto adopt = Nth<engine::AdoptRequested>(0);
  engine::NodesSet set;
  for (engine::NodeIndex node = 0; node < 3; ++node) {
    engine::NodeAnswer answer;
    answer.verdict = engine::Verdict::kOk;
    set.nodes.push_back({node, answer});
  }
  Answer(adopt.session, adopt.request, set);
  EXPECT_EQ(client->Line(), "OK nodes=3");
  client->Send("adopt\n");
  const auto again = Nth<engine::AdoptRequested>(1);
  set.nodes[1].answer.reset();
  Answer(again.session, again.request, set);
  EXPECT_EQ(client->Line(),
            "ERR no-quorum :all nodes must take it, but node 2 (10.0.0.2:6379) did not answer");
}

}  // namespace
}  // namespace redlockd::session
