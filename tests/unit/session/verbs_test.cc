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
  EXPECT_EQ(names, (std::set<std::string_view>{
                       "lock",   "trylock",     "unlock", "check", "cancel", "list",   "show",
                       "watch",  "unwatch",     "page",   "nodes", "stats",  "status", "break",
                       "reload", "trust-empty", "adopt",  "ping",  "help",   "quit"}));
}

TEST_F(VerbsTest, HelpListsExactlyTheTable) {
  const auto client = Connect();
  client->Send("help\n");
  for (const Verb& verb : Verbs()) {
    EXPECT_EQ(client->Line(), "- verb=" + std::string(verb.name) + " :" + Usage(verb));
  }
  EXPECT_EQ(client->Line(), "OK");
  EXPECT_EQ(Usage(*FindVerb("lock")),
            "lock NAME... [wait=DUR|0|forever] [ttl=DUR] [max-hold=DUR] [min-hold=DUR] "
            "[mode=exclusive|shared] [note=TEXT] [events=WORD,...] [as=OWNER] [task=N]");
  EXPECT_EQ(Usage(*FindVerb("trylock")),
            "trylock NAME... [ttl=DUR] [max-hold=DUR] [min-hold=DUR] [mode=exclusive|shared] "
            "[note=TEXT] [events=WORD,...] [as=OWNER] [task=N]");
  EXPECT_EQ(Usage(*FindVerb("unlock")), "unlock NAME... [sync] [fence=N] [as=OWNER]");
  EXPECT_EQ(Usage(*FindVerb("break")), "break NAME [now] [fence=N] [owner=VALUE]");
  EXPECT_EQ(Usage(*FindVerb("cancel")), "cancel TAG");
  EXPECT_EQ(Caps(), "exclusive,set,watch,page,break,min-hold,shared,renew,wanted,owners,tasks");
}

// So that a later version can give a meaning to it.
TEST_F(VerbsTest, NoVerbTakesWhatItDoesNotKnow) {
  const auto client = Connect();
  for (const Verb& verb : Verbs()) {
    SCOPED_TRACE(verb.name);
    const bool has_subject = verb.subject == Subject::kName || verb.subject == Subject::kNames ||
                             verb.subject == Subject::kTag;
    const std::string line = std::string(verb.name) + (has_subject ? " a" : "");
    client->Send(line + " frob=1\n");
    EXPECT_THAT(client->Line(), StartsWith("ERR unknown-option option=frob :"));
    if (verb.subject == Subject::kNames) continue;  // these are names
    client->Send(line + " b c\n");
    EXPECT_THAT(client->Line(),
                StartsWith("ERR bad-request :expected " + Usage(verb) + ", found "));
  }
  EXPECT_THAT(engine.events, SizeIs(1)) << "that of the session alone";
}

TEST_F(VerbsTest, BadLinesAreToldWhatWasExpected) {
  const std::vector<std::pair<std::string, std::string>> lines = {
      {"lock", "ERR bad-request :expected lock NAME... [wait="},
      {"unlock", "ERR bad-request :expected unlock NAME... [sync] [fence=N] [as=OWNER], found 0 "},
      {"lock a b a", "ERR bad-request :expected each name once, found 'a' twice"},
      {"unlock a b b sync", "ERR bad-request :expected each name once, found 'b' twice"},
      {"trylock 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17",
       "ERR bad-request :expected at most 16 names, found 17"},
      {"lock a redlockd:b", "ERR bad-name lock=redlockd:b :"},
      {"unlock a b fence=7",
       "ERR bad-request :fence: expected with one name, which has that fence, found 2 names"},
      {"check a b", "ERR bad-request :expected check NAME [fence=N] [as=OWNER], found 2 arguments"},
      {"status key", "ERR bad-request :expected status [keys], found 'key'"},
      {"status keys x", "ERR bad-request :expected status [keys], found 2 arguments"},
      {"ping x", "ERR bad-request :expected ping, found 1 argument"},
      {"lock a mood=good",
       "ERR unknown-option option=mood :lock takes wait ttl max-hold min-hold mode note events as "
       "task, "
       "found "
       "'mood'"},
      {"lock a mode=both", "ERR bad-request :mode: expected exclusive or shared, found 'both'"},
      {"lock a b mode=shared",
       "ERR bad-request :mode=shared: expected with one name, found 2 names"},
      {"trylock a mode=shared min-hold=1s",
       "ERR bad-request :mode=shared: expected without min-hold"},
      {"trylock a wait=1s", "ERR unknown-option option=wait :trylock takes ttl "},
      {"ping x=1", "ERR unknown-option option=x :ping takes no options, found 'x'"},
      {"lock a ttl=soon", "ERR bad-request :ttl: expected more than 0: a duration, like 5"},
      {"lock a ttl=0", "ERR bad-request :ttl: "},
      {"lock a ttl=-1s", "ERR bad-request :ttl: "},
      {"lock a max-hold=0s", "ERR bad-request :max-hold: "},
      {"lock a min-hold=0", "ERR bad-request :min-hold: expected more than 0: "},
      {"lock a min-hold=24.1h", "ERR bad-request :min-hold: expected at most 24h, found '24.1h'"},
      {"lock a min-hold=2m max-hold=90s",
       "ERR bad-request :min-hold: expected at most max-hold, 90s, found 2m"},
      {"lock a wait=10x", "ERR bad-request :wait: expected 0, forever, or a duration, like 5"},
      {"lock a events=all",
       "ERR bad-request :events: expected renew, wanted, or renew,wanted, found 'all'"},
      {"lock a events=renew,", "ERR bad-request :events: "},
      {"lock a events=", "ERR bad-request :events: "},
      {"lock a as=", "ERR bad-request :as: expected a name of 1 to 255 bytes for an owner within"},
      {"check a as=", "ERR bad-request :as: "},
      {"show a as=x", "ERR unknown-option option=as :show takes no options, found 'as'"},
      {"unlock a fence=x", "ERR bad-request :fence: expected the fence of a grant, a positive"},
      {"unlock a fence=0", "ERR bad-request :fence: "},
      {"check a fence=99999999999999999999", "ERR bad-request :fence: "},
      {"check a fence=1x", "ERR bad-request :fence: "},
      {"break a", "ERR bad-request :expected fence=N, of a hold of this host, or owner=VALUE"},
      {"break a fence=1 owner=x", "ERR bad-request :expected fence=N, of a hold of this host, or"},
      {"break a now fence=1", "ERR bad-request :expected fence=N, of a hold of this host, or"},
      {"break a sync owner=x", "ERR bad-request :expected break NAME [now] [fence=N] [owner="},
      {"break a owner=", "ERR bad-request :owner: expected an owner as show names it, found ''"},
      {"break a owner=redlockd:kept:", "ERR bad-request :owner: expected an owner as show names"},
      {"watch a b", "ERR bad-request :expected watch [NAME], found 2 arguments"},
      {"watch a sync", "ERR bad-request :expected watch [NAME], found 2 arguments"},
      {"unwatch a b", "ERR bad-request :expected unwatch [NAME], found 2 arguments"},
      {"hold",
       "ERR unknown-verb :expected lock trylock unlock check cancel list show watch unwatch page "
       "nodes "
       "stats status break reload trust-empty adopt ping help quit, found 'hold'"},
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

TEST_F(VerbsTest, ABreakIsOfAFenceHereOrOfAnOwnerAnywhere) {
  const auto client = Connect();  // of the daemon's own uid
  client->Send("break job fence=7\n");
  const auto here = Nth<engine::BreakRequested>(0);
  EXPECT_EQ(here.name, "job");
  EXPECT_EQ(here.fence, 7);
  EXPECT_EQ(here.owner, "");
  EXPECT_FALSE(here.at_once);
  Answer(here.session, here.request, engine::Broken{"job", std::chrono::microseconds(1001)});
  EXPECT_EQ(client->Line(), "OK lock=job left=2ms") << "rounded up";

  client->Send("break job now owner=i:1:h\n");
  const auto owner = Nth<engine::BreakRequested>(1);
  EXPECT_EQ(owner.fence, std::nullopt);
  EXPECT_EQ(owner.owner, "i:1:h");
  EXPECT_TRUE(owner.at_once);
  Answer(owner.session, owner.request,
         engine::Failed{.failure = engine::Failure::kNotHeld, .name = "job", .text = "node 1 ..."});
  EXPECT_EQ(client->Line(), "ERR not-held lock=job :node 1 ...");

  client->Send("break job owner=redlockd:kept:i:1:h\n");
  EXPECT_EQ(Nth<engine::BreakRequested>(2).owner, "i:1:h") << "as show names it once it is broken";
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
