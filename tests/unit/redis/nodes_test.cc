// Links and nodes, against a scripted node and against real ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netdb.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "daemon/event/hold_ups.h"
#include "daemon/redis/hint.h"
#include "daemon/redis/scripts.h"
#include "tests/support/free_port.h"
#include "tests/unit/redis/nodes_fixture.h"

namespace redlockd::redis {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

const std::string kOther = "fedcba987654321001234567:1:other";

bool IsSubscribed(const test::RedisNode& server, const std::string& instance) {
  const std::string channel = ChannelOf(instance);
  return server.Command({"PUBSUB", "NUMSUB", channel}) == channel + "\n1";
}

// --- a scripted node: the handshake -------------------------------------------------------------

TEST_F(NodesTest, TheHandshakeGoesInOrderAndIsUpAfterTheScripts) {
  NodeOptions& node = AddFake();
  node.username = "redlock";
  node.password = "secret";
  node.database = 3;
  StartAndWaitUp();
  EXPECT_EQ(ups_[0].node, 0u);
  EXPECT_EQ(ups_[0].facts.run_id, "run-1");
  ASSERT_EQ(fake_->heard.size(), 5 + kScripts);
  EXPECT_THAT(fake_->heard[0], ElementsAre("AUTH", "redlock", "secret"));
  EXPECT_THAT(fake_->heard[1], ElementsAre("SELECT", "3"));
  EXPECT_THAT(fake_->heard[2], ElementsAre("CLIENT", "ID"));
  EXPECT_THAT(fake_->heard[3], ElementsAre("TIME"));
  EXPECT_THAT(fake_->heard[4], ElementsAre("INFO"));
  EXPECT_EQ(fake_->Count("SCRIPT"), kScripts);
  EXPECT_TRUE(notes_.empty());
}

TEST_F(NodesTest, WhatTheNodeRefusesInTheHandshakeIsTheReasonOnce) {
  AddFake().password = "secret";
  std::string refusal = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
  fake_->answer = [&](const FakeNode::Argv& argv) {
    return argv[0] == "AUTH" ? refusal : FakeNode::Good(argv);
  };
  Start();
  ASSERT_TRUE(Until([&] { return fake_->Count("AUTH") >= 3; }));  // it goes on trying
  EXPECT_THAT(downs_, ElementsAre("AUTH: WRONGPASS invalid username-password pair or user is "
                                  "disabled."));
  refusal = "+OK\r\n";
  EXPECT_TRUE(Until([&] { return !ups_.empty(); }));
}

TEST_F(NodesTest, ANodeThatIsLoadingSaysSo) {
  AddFake();
  fake_->answer = [](const FakeNode::Argv& argv) -> std::string {
    if (argv[0] != "SCRIPT") return FakeNode::Good(argv);
    return "-LOADING Redis is loading the dataset in memory\r\n";
  };
  Start();
  ASSERT_TRUE(Until([&] { return !downs_.empty(); }));
  EXPECT_EQ(downs_[0], "SCRIPT LOAD: LOADING Redis is loading the dataset in memory");
}

TEST_F(NodesTest, ANodeThatHangsInTheHandshakeIsDown) {
  AddFake().connect_timeout = 20ms;
  fake_->answer = [](const FakeNode::Argv&) { return ""; };
  Start();
  ASSERT_TRUE(Until([&] { return !downs_.empty(); }));
  EXPECT_EQ(downs_[0], "handshake: no answer within 20ms");
}

// It would only have more to do.
TEST_F(NodesTest, ASlowNodeHasLongerForEachHandshakeUntilItIsUp) {
  AddFake().connect_timeout = 20ms;
  const auto silent = [](const FakeNode::Argv&) { return ""; };
  fake_->answer = silent;
  Start();
  ASSERT_TRUE(Until([&] { return downs_.size() == 3; }));
  EXPECT_THAT(downs_,
              ElementsAre("handshake: no answer within 20ms", "handshake: no answer within 40ms",
                          "handshake: no answer within 80ms"));
  // Twice more: what was said is not said again.
  const std::size_t begun = fake_->Count("INFO");
  ASSERT_TRUE(Until([&] { return fake_->Count("INFO") == begun + 2; }));
  EXPECT_EQ(downs_.size(), 3u);
  fake_->answer = [](const FakeNode::Argv& argv) { return FakeNode::Good(argv); };
  ASSERT_TRUE(Until([&] { return !ups_.empty(); }));
  fake_->answer = silent;
  fake_->Drop();
  EXPECT_TRUE(Until([&] { return downs_.back() == "handshake: no answer within 20ms"; }));
}

TEST_F(NodesTest, WhatIsNotRedisIsDown) {
  AddFake();
  fake_->answer = [](const FakeNode::Argv&) { return "HTTP/1.1 400 Bad Request\r\n\r\n"; };
  Start();
  ASSERT_TRUE(Until([&] { return !downs_.empty(); }));
  EXPECT_THAT(downs_[0], StartsWith("not a Redis reply: Protocol error"));
}

// Thirteen bytes that made hiredis set aside 16 GB, and held up all of the daemon for seconds when
// they were given back.
TEST_F(NodesTest, ANodeThatSpeaksOfABillionElementsIsDown) {
  AddFake();
  fake_->answer = [](const FakeNode::Argv&) { return "*2147483647\r\n"; };
  Start();
  ASSERT_TRUE(Until([&] { return !downs_.empty(); }));
  EXPECT_EQ(downs_[0], "not a Redis reply: an array of more than 112 elements, or a nested one");
}

TEST_F(NodesTest, ASocketThatIsNotThereIsDownWithItsReason) {
  AddNode("/nonexistent/redis.sock");
  AddNode("/" + std::string(200, 'x'));
  Start();
  ASSERT_TRUE(Until([&] { return downs_.size() == 2; }));
  EXPECT_THAT(downs_, Contains("connect: No such file or directory"));
  EXPECT_THAT(downs_, Contains("connect: the socket's path is too long"));
}

TEST_F(NodesTest, APortWithNobodyBehindItIsRefused) {
  const test::FreePort port;
  NodeOptions& node = options_.nodes.emplace_back();
  node.address = {.host = "127.0.0.1", .port = port.number(), .path = ""};
  Start();
  ASSERT_TRUE(Until([&] { return !downs_.empty(); }));
  EXPECT_EQ(downs_[0], "connect: Connection refused");
}

TEST_F(NodesTest, ANameThatCannotBeResolvedIsDownWithItsName) {
  NodeOptions& node = options_.nodes.emplace_back();
  node.address = {.host = "no host", .port = 1, .path = ""};  // a space: no name server is asked
  Start();
  ASSERT_TRUE(Until([&] { return !downs_.empty(); }));
  EXPECT_THAT(downs_[0], StartsWith("resolve no host: "));
}

// --- rule C7 ------------------------------------------------------------------------------------

TEST_F(NodesTest, TheConnectionBeforeIsKilledIfItIsTheSameServer) {
  AddFake();
  StartAndWaitUp();
  EXPECT_EQ(fake_->Count("CLIENT"), 1u) << "there was none before";
  fake_->heard.clear();
  fake_->Drop();
  ASSERT_TRUE(Until([&] { return ups_.size() == 2; }));
  EXPECT_THAT(fake_->heard, Contains(FakeNode::Argv{"CLIENT", "KILL", "ID", "7"}));
  EXPECT_THAT(downs_, ElementsAre("connection: closed by the other side"));

  fake_->heard.clear();
  fake_->answer = [](const FakeNode::Argv& argv) {
    return argv[0] == "INFO" ? InfoReply("run-2") : FakeNode::Good(argv);
  };
  fake_->Drop();
  ASSERT_TRUE(Until([&] { return ups_.size() == 3; }));
  EXPECT_THAT(fake_->heard, Not(Contains(FakeNode::Argv{"CLIENT", "KILL", "ID", "7"})));
}

TEST_F(NodesTest, ThatKillingIsNotPermittedIsNotedOnce) {
  AddFake();
  fake_->answer = [](const FakeNode::Argv& argv) -> std::string {
    const bool kill = argv.size() == 4 && argv[1] == "KILL";
    return kill ? "-NOPERM no permissions\r\n" : FakeNode::Good(argv);
  };
  StartAndWaitUp();
  for (std::size_t ups = 2; ups <= 3; ++ups) {
    fake_->Drop();
    ASSERT_TRUE(Until([&] { return ups_.size() == ups; }));
  }
  EXPECT_THAT(notes_, ElementsAre("CLIENT KILL: NOPERM no permissions"));
}

// What is asked in the very step of NodeLinkUp goes out first.
TEST_F(NodesTest, WhatNodeLinkUpLeadsToIsTheFirstThingToBeSent) {
  AddFake();
  on_event_ = [&](const engine::Event& event) {
    if (std::holds_alternative<NodeLinkUp>(event)) Ask(engine::ReleaseOp{"job", kOwner});
  };
  StartAndWaitUp();
  ASSERT_TRUE(Until([&] { return answers_.size() == 1; }));
  EXPECT_EQ(fake_->heard.back()[1], Get(ScriptId::kRelease).sha);
}

// --- several links ------------------------------------------------------------------------------

// A fake node that lets so many connections in, and refuses the others.
class SeveralLinks : public NodesTest {
 protected:
  void Begin(std::size_t links) {
    AddFake();
    options_.links = links;
    StartAndWaitUp();
    fake_->heard.clear();
  }
  // Locks of each of the two links.
  std::pair<std::string, std::string> LockOfEach() {
    std::string locks[2];
    for (int i = 0; locks[0].empty() || locks[1].empty(); ++i) {
      const std::string name = "job" + std::to_string(i);
      locks[LaneOf(name) % 2] = name;
    }
    return {locks[0], locks[1]};
  }
};

TEST_F(SeveralLinks, OneThatReachesAnotherServerIsNotUsed) {
  AddFake();
  options_.links = 2;
  std::size_t infos = 0;
  fake_->answer = [&](const FakeNode::Argv& argv) {
    // As a balancer with two servers behind it.
    return argv[0] == "INFO" ? InfoReply("run-" + std::to_string(infos++ % 2))
                             : FakeNode::Good(argv);
  };
  Start();
  ASSERT_TRUE(Until([&] { return !notes_.empty(); }));
  EXPECT_EQ(notes_[0],
            "1 of 2 connections missing: the address leads to another server (run run-1) than the "
            "other connections to this node (run run-0)");
  EXPECT_EQ(nodes_->Missing(0), notes_[0]);
  EXPECT_THAT(downs_, SizeIs(0));
  EXPECT_EQ(Answer(Acquire()).verdict, Verdict::kOk);
  // As soon as it reaches the same one it is taken.
  ASSERT_TRUE(Until([&] { return ups_.size() == 2; }));
  EXPECT_EQ(ups_[0].facts.run_id, ups_[1].facts.run_id);
  EXPECT_EQ(nodes_->Missing(0), "");
  EXPECT_THAT(notes_, Contains("all connections work"));
}

TEST_F(SeveralLinks, WhereOneIsMissingItsLocksTakeAnother) {
  AddFake();
  options_.links = 2;
  std::size_t ids = 0;
  bool full = true;
  fake_->answer = [&](const FakeNode::Argv& argv) -> std::string {
    if (argv.size() == 2 && argv[1] == "ID" && full && ids++ > 0) {
      return "-ERR max number of clients reached\r\n!";
    }
    return FakeNode::Good(argv);
  };
  Start();
  ASSERT_TRUE(Until([&] { return !ups_.empty() && !nodes_->Missing(0).empty(); }));
  EXPECT_THAT(nodes_->Missing(0), StartsWith("1 of 2 connections missing: "));
  for (const auto& lock : {LockOfEach().first, LockOfEach().second}) {
    EXPECT_EQ(Answer(Acquire(lock)).verdict, Verdict::kOk);
  }
  EXPECT_THAT(silences_, SizeIs(0));
  full = false;
  EXPECT_TRUE(Until([&] { return ups_.size() == 2; }));
}

// What was asked on it could run after what is asked on another, a release before its acquire.
TEST_F(SeveralLinks, AnotherIsTakenOnceTheServerHasEndedTheLostConnection) {
  AddFake().connect_timeout = 300ms;
  options_.nodes[0].command_timeout = 20ms;
  options_.links = 2;
  StartAndWaitUp();
  fake_->heard.clear();
  const std::string lock = LockOfEach().first;
  bool dead = true;  // the one that carries it
  fake_->answer = [&](const FakeNode::Argv& argv) -> std::string {
    const bool carries = argv[0] == "EVALSHA" && std::count(argv.begin(), argv.end(), lock) > 0;
    return dead && (carries || argv[0] == "CLIENT") ? "" : FakeNode::Good(argv);
  };
  Ask(Acquire(lock), 1);
  ASSERT_TRUE(Until([&] { return Gone() == 1; }));
  EXPECT_FALSE(silences_.back().unasked);
  // The kill has no answer yet: what the lost connection carries may still run.
  Ask(engine::ReleaseOp{lock, kOwner}, 2);
  ASSERT_TRUE(Until([&] { return Gone() == 2; }));
  EXPECT_TRUE(silences_.back().unasked);
  EXPECT_THAT(fake_->heard, Contains(FakeNode::Argv{"CLIENT", "KILL", "ID", "7"}));
}

TEST_F(SeveralLinks, AnIdleLinkThatIsLostIsReplacedAtOnce) {
  Begin(2);
  const auto [lock, other] = LockOfEach();
  bool refuse = true;
  fake_->answer = [&](const FakeNode::Argv& argv) -> std::string {
    return refuse && argv[0] == "INFO" ? "-LOADING\r\n" : FakeNode::Good(argv);
  };
  // Both break; one comes back, and then carries the locks of both.
  fake_->Drop();
  ASSERT_TRUE(Until([&] { return !downs_.empty(); }));
  refuse = false;
  ASSERT_TRUE(Until([&] { return ups_.size() == 3; }));
  for (const auto& name : {lock, other}) EXPECT_EQ(Answer(Acquire(name)).verdict, Verdict::kOk);
  EXPECT_THAT(silences_, SizeIs(0));
}

// --- asking -------------------------------------------------------------------------------------

TEST_F(NodesTest, EachCallGetsTheRunIdOfItsOwnConnection) {
  AddFake();
  StartAndWaitUp();
  EXPECT_EQ(Answer(Acquire()).verdict, Verdict::kOk);
  EXPECT_THAT(fake_->heard.back(), Contains("run-1"));
  fake_->answer = [](const FakeNode::Argv& argv) {
    return argv[0] == "INFO" ? InfoReply("run-2") : FakeNode::Good(argv);
  };
  fake_->Drop();
  ASSERT_TRUE(Until([&] { return ups_.size() == 2; }));
  Answer(Acquire());
  EXPECT_THAT(fake_->heard.back(), Contains("run-2"));
}

TEST_F(NodesTest, AllOfATurnGoesOutInOneWriteAndIsAnsweredInOrder) {
  AddFake();
  StartAndWaitUp();
  fake_->per_read.clear();
  for (std::uint64_t i = 0; i < 200; ++i) Ask(Acquire(), i);
  ASSERT_TRUE(Until([&] { return answers_.size() == 200; }));
  EXPECT_THAT(fake_->per_read, ElementsAre(200));
  for (std::uint64_t i = 0; i < 200; ++i) EXPECT_EQ(answers_[i].ticket.subject, i);
}

TEST_F(NodesTest, OfALinkThatIsNotReadyTheSilenceComesAtTheEndOfTheTurn) {
  AddFake();
  Start();
  Ask(Acquire(), 5);
  EXPECT_TRUE(silences_.empty());
  ASSERT_TRUE(Until([&] { return !silences_.empty(); }));
  EXPECT_TRUE(silences_[0].gone);
  EXPECT_EQ(silences_[0].ticket.subject, 5u);
  EXPECT_EQ(fake_->Count("EVALSHA"), 0u);
}

TEST_F(NodesTest, PastTheBoundOfWhatIsUnsentTheRestIsGoneAtOnce) {
  AddFake();
  options_.max_unsent = 10'000;
  StartAndWaitUp();
  for (std::uint64_t i = 0; i < 200; ++i) Ask(Acquire(), i);
  ASSERT_TRUE(Until([&] { return answers_.size() + silences_.size() == 200; }));
  EXPECT_GT(answers_.size(), 10u);
  EXPECT_GT(Gone(), 100u);
}

TEST_F(NodesTest, ALocksOpsTakeOneLinkAndLocksAreSpreadOverAll) {
  AddFake();
  options_.links = 3;
  StartAndWaitUp();
  EXPECT_EQ(fake_->connections(), 3u);
  fake_->per_read.clear();
  for (int i = 0; i < 10; ++i) Ask(Acquire("same"));
  ASSERT_TRUE(Until([&] { return answers_.size() == 10; }));
  EXPECT_THAT(fake_->per_read, SizeIs(1));
  fake_->per_read.clear();
  for (int i = 0; i < 60; ++i) Ask(Acquire("job" + std::to_string(i)));
  ASSERT_TRUE(Until([&] { return answers_.size() == 70; }));
  EXPECT_THAT(fake_->per_read, SizeIs(3));
}

// An acquire that was sent once more would run after its own release.
TEST_F(NodesTest, ANodeThatLostItsScriptsIsConnectedToAnewAndNothingIsSentAgain) {
  AddFake();
  StartAndWaitUp();
  fake_->heard.clear();
  fake_->answer = [unknown = true](const FakeNode::Argv& argv) mutable -> std::string {
    if (argv[0] != "EVALSHA" || !std::exchange(unknown, false)) return FakeNode::Good(argv);
    return "-NOSCRIPT No matching script. Please use EVAL.\r\n";
  };
  Ask(Acquire(), 1);
  Ask(engine::ReleaseOp{"job", kOwner}, 2);
  ASSERT_TRUE(Until([&] { return ups_.size() == 2; }));
  EXPECT_THAT(downs_, ElementsAre("the node has lost its scripts"));
  EXPECT_EQ(Gone(), 2u);
  EXPECT_THAT(silences_, SizeIs(2)) << "once each";
  EXPECT_THAT(answers_, SizeIs(0));
  EXPECT_EQ(fake_->Count("SCRIPT"), kScripts);
  EXPECT_THAT(fake_->heard, Contains(FakeNode::Argv{"CLIENT", "KILL", "ID", "7"}));
  EXPECT_EQ(Answer(Acquire()).verdict, Verdict::kOk);
  EXPECT_EQ(fake_->Count("EVALSHA"), 3u);
}

TEST_F(NodesTest, AProbeIsOneAnswerOfTwoReplies) {
  AddFake();
  StartAndWaitUp();
  fake_->answer = [](const FakeNode::Argv& argv) {
    if (argv[0] != "EVALSHA") return FakeNode::Good(argv);
    return "*13" + ScriptReply("quarantine", 0, 1'500'000).substr(2) + Bulk("id-1") +
           Bulk("set-1") + Bulk("OOM full") + Bulk("a note") + ":7\r\n" + Bulk("used") + Bulk("");
  };
  const auto answer = Answer(engine::ProbeOp{"id-2", ""});
  EXPECT_EQ(answer.verdict, Verdict::kQuarantine);
  EXPECT_EQ(answer.left, 1500ms);
  EXPECT_EQ(answer.facts->run_id, "run-1");
  EXPECT_EQ(answer.facts->node_id, "id-1");
  EXPECT_EQ(answer.facts->set, "set-1");
  EXPECT_EQ(answer.facts->refuses, "OOM full");
  EXPECT_EQ(answer.facts->note, "a note");
  EXPECT_THAT(answers_, SizeIs(1));
}

// --- other options while it runs -----------------------------------------------------------------

TEST_F(NodesTest, AnotherLoginCountsForTheNextConnectionAlone) {
  AddFake().password = "old";
  StartAndWaitUp();
  options_.nodes[0].username = "redlock";
  options_.nodes[0].password = "new";
  nodes_->Change(options_);
  Answer(Acquire());
  EXPECT_EQ(fake_->Count("AUTH"), 1u) << "the connection stays as it is";
  EXPECT_TRUE(downs_.empty());
  fake_->heard.clear();
  fake_->Drop();
  ASSERT_TRUE(Until([&] { return ups_.size() == 2; }));
  EXPECT_THAT(fake_->heard[0], ElementsAre("AUTH", "redlock", "new"));
}

TEST_F(NodesTest, AnotherCommandTimeoutCountsForWhatIsAskedNext) {
  AddFake();
  StartAndWaitUp();
  fake_->answer = [](const FakeNode::Argv&) { return ""; };
  options_.nodes[0].command_timeout = 10ms;
  nodes_->Change(options_);
  Ask(Acquire(), 1);
  EXPECT_TRUE(Until([&] { return silences_.size() == 1; }));
  EXPECT_EQ(TimedOut(), 1u);
}

TEST_F(NodesTest, WaitersPollByTheIntervalOfNow) {
  AddFake();
  StartAndWaitUp();
  options_.set.retry_interval = 123ms;
  nodes_->Change(options_);
  fake_->heard.clear();
  Answer(Acquire());
  EXPECT_THAT(fake_->heard.back(), testing::Contains("123000"));
}

using NodesDeathTest = NodesTest;

TEST_F(NodesDeathTest, TheNodesThemselvesMustNotChange) {
  AddFake();
  Start();
  options_.nodes[0].database = 1;
  EXPECT_DEATH(nodes_->Change(options_), "database");
}

// --- silence ------------------------------------------------------------------------------------

TEST_F(NodesTest, PastTheCommandTimeoutEachIsToldOnceAndTheAnswerMayStillCome) {
  AddFake().command_timeout = 10ms;
  StartAndWaitUp();
  fake_->answer = [](const FakeNode::Argv&) { return ""; };
  Ask(Acquire(), 1);
  Ask(Acquire(), 2);
  ASSERT_TRUE(Until([&] { return silences_.size() == 2; }));
  EXPECT_EQ(TimedOut(), 2u);
  loop_.RunUntil([] { return false; }, 50ms);
  EXPECT_THAT(silences_, SizeIs(2)) << "once each";
  fake_->Say(ScriptReply("ok", 41) + ScriptReply("busy", 42, -1, "x"));
  ASSERT_TRUE(Until([&] { return answers_.size() == 2; }));
  EXPECT_EQ(answers_[0].ticket.subject, 1u);
  EXPECT_EQ(answers_[0].fence, 41);
  EXPECT_EQ(answers_[1].ticket.subject, 2u);
  EXPECT_EQ(answers_[1].verdict, Verdict::kBusy);
}

TEST_F(NodesTest, ALinkThatStaysSilentIsGivenUpAndMadeAgain) {
  NodeOptions& node = AddFake();
  node.command_timeout = 5ms;
  node.connect_timeout = 300ms;
  StartAndWaitUp();
  fake_->answer = [](const FakeNode::Argv&) { return ""; };
  Ask(Acquire(), 1);
  Ask(Acquire(), 2);
  ASSERT_TRUE(Until([&] { return !downs_.empty(); }));
  EXPECT_EQ(downs_[0], "connection: no answer for 300ms");
  EXPECT_EQ(Gone(), 2u);
  EXPECT_EQ(TimedOut(), 2u);
  fake_->answer = [](const FakeNode::Argv& argv) { return FakeNode::Good(argv); };
  EXPECT_TRUE(Until([&] { return ups_.size() == 2; }));
}

// A network that forgets idle connections tells nobody: it is to be known before a lock needs them.
TEST_F(NodesTest, AnIdleLinkThatIsDeadIsFoundAndMadeAgain) {
  AddFake().connect_timeout = 100ms;
  options_.links = 2;
  StartAndWaitUp();
  fake_->answer = [](const FakeNode::Argv&) { return ""; };
  ASSERT_TRUE(Until([&] { return !downs_.empty(); }));
  EXPECT_EQ(downs_[0], "connection: no answer for 100ms");
  EXPECT_THAT(silences_, SizeIs(0)) << "nobody had asked for anything";
  fake_->answer = [](const FakeNode::Argv& argv) { return FakeNode::Good(argv); };
  EXPECT_TRUE(Until([&] { return ups_.size() == 4; }));
}

TEST_F(NodesTest, AnyReplyToAHeartbeatWillDo) {
  AddFake().connect_timeout = 100ms;
  StartAndWaitUp();
  fake_->heard.clear();
  fake_->answer = [](const FakeNode::Argv&) { return "-BUSY Redis is busy running a script\r\n"; };
  ASSERT_TRUE(Until([&] { return fake_->Count("TIME") >= 4; }));
  EXPECT_THAT(downs_, SizeIs(0));
  EXPECT_THAT(answers_, SizeIs(0));
}

TEST_F(NodesTest, AnIdleLinkIsKept) {
  AddFake().connect_timeout = 250ms;
  StartAndWaitUp();
  Answer(Acquire());
  loop_.RunUntil([] { return false; }, 600ms);
  EXPECT_TRUE(downs_.empty());
}

// Else each pause of the daemon would cost it all its connections.
TEST_F(NodesTest, WhatCameWhileTheDaemonItselfWasHeldUpIsHeardFirst) {
  NodeOptions& node = AddFake();
  node.command_timeout = 100ms;
  node.connect_timeout = 400ms;
  StartAndWaitUp();
  downs_.clear();
  fake_->answer = [](const FakeNode::Argv&) { return ""; };
  Ask(Acquire());
  ASSERT_TRUE(Until([&] { return fake_->Count("EVALSHA") == 1; }));
  silences_.clear();
  fake_->Say(ScriptReply("ok"));
  const auto held_up_until = std::chrono::steady_clock::now() + 600ms;
  while (std::chrono::steady_clock::now() < held_up_until) {
  }
  ASSERT_TRUE(Until([&] { return !answers_.empty() || !downs_.empty(); }));
  EXPECT_TRUE(downs_.empty());
  EXPECT_TRUE(silences_.empty());
}

// Nor what was asked before and could not be sent, or not be answered in time that way.
TEST_F(NodesTest, TimeInWhichTheLoopDidNotTurnIsNotTheNodes) {
  NodeOptions& node = AddFake();
  node.command_timeout = 200ms;
  node.connect_timeout = 400ms;
  StartAndWaitUp();
  downs_.clear();
  // After so long a silence the connection itself is asked, too: perhaps before the lock.
  fake_->answer = [](const FakeNode::Argv& argv) {
    return argv.at(0) == "EVALSHA" ? "" : FakeNode::Good(argv);
  };
  Ask(Acquire());
  for (int i = 0; i < 2; ++i) {  // the second time it is not the first that is late
    const auto held_up_until = std::chrono::steady_clock::now() + 390ms;
    while (std::chrono::steady_clock::now() < held_up_until) {
    }
    loop_.RunUntil([] { return false; }, 20ms);
  }
  EXPECT_TRUE(silences_.empty());
  EXPECT_TRUE(downs_.empty());
  fake_->Say(ScriptReply("ok"));
  EXPECT_TRUE(Until([&] { return !answers_.empty(); }));
  EXPECT_TRUE(silences_.empty());
}

// 256 daemons on one host that were to look at the clock often, for each link, had no time for the answers.
TEST_F(NodesTest, WaitingForManyAnswersCostsHardlyMoreTurnsThanForOne) {
  NodeOptions& node = AddFake();
  node.command_timeout = 800ms;
  options_.links = 16;
  StartAndWaitUp();
  fake_->answer = [](const FakeNode::Argv&) { return ""; };
  std::set<std::size_t> lanes;
  for (int i = 0; lanes.size() < options_.links; ++i) {
    const std::string lock = "job" + std::to_string(i);
    if (lanes.insert(std::hash<std::string>()(lock) % options_.links).second) Ask(Acquire(lock));
    loop_.RunUntil([] { return false; }, 1ms);  // so that each waits for a time of its own
  }
  ASSERT_TRUE(Until([&] { return fake_->Count("EVALSHA") == options_.links; }));
  using Clock = event::HoldUps::Clock;
  constexpr auto kStep = 200ms;  // a quarter of the time that is waited for
  const auto begin = Clock::now();
  event::HoldUps hold_ups(loop_, kStep);  // this machine's, while the test runs
  hold_ups.WatchUntil(begin, begin + 1h);
  std::size_t turns = 0;
  ASSERT_TRUE(Until([&] { return ++turns, TimedOut() == options_.links; }));
  const auto end = Clock::now();
  // All together, and the test, look at the clock once in a step. Each has a turn of its own when its time
  // is up, and another for each time that it is held up; one such time may be seen by them alone. Were
  // each to look at the clock by itself, it had four turns more.
  const auto looks = static_cast<std::size_t>((end - begin) / kStep);
  const auto held_up = static_cast<std::size_t>(hold_ups.Total(end) / kStep);
  EXPECT_LE(turns, 2 * (looks + 1) + options_.links * (2 + held_up));
}

TEST_F(NodesTest, ACloseInTheMiddleOfAReplyLeavesNobodyWaiting) {
  AddFake();
  StartAndWaitUp();
  fake_->answer = [](const FakeNode::Argv&) { return ""; };
  for (std::uint64_t i = 0; i < 3; ++i) Ask(Acquire(), i);
  ASSERT_TRUE(Until([&] { return fake_->Count("EVALSHA") == 3; }));
  fake_->Say(ScriptReply("ok", 41) + ScriptReply("ok", 42).substr(0, 20));
  ASSERT_TRUE(Until([&] { return answers_.size() == 1; }));
  fake_->answer = [](const FakeNode::Argv& argv) { return FakeNode::Good(argv); };
  fake_->Drop();
  ASSERT_TRUE(Until([&] { return ups_.size() == 2; }));
  EXPECT_EQ(Gone(), 2u);
  EXPECT_EQ(silences_[0].ticket.subject, 1u);
  EXPECT_EQ(silences_[1].ticket.subject, 2u);
  EXPECT_EQ(Answer(Acquire()).verdict, Verdict::kOk) << "nothing of the old reply is left over";
}

TEST_F(NodesTest, AReplyThatNobodyAskedForEndsTheConnection) {
  AddFake();
  StartAndWaitUp();
  fake_->Say("+hello\r\n");
  ASSERT_TRUE(Until([&] { return !downs_.empty(); }));
  EXPECT_EQ(downs_[0], "an unexpected reply: status hello");
}

TEST_F(NodesTest, AReplyWithoutAnEndEndsTheConnection) {
  AddFake();
  StartAndWaitUp();
  fake_->answer = [](const FakeNode::Argv&) { return "$100000000\r\n" + std::string(60'000, 'x'); };
  Ask(Acquire());
  ASSERT_TRUE(Until([&] { return fake_->Count("EVALSHA") == 1; }));
  ASSERT_TRUE(Until([&] {
    fake_->Say(std::string(60'000, 'x'));
    return !downs_.empty();
  }));
  EXPECT_THAT(downs_[0], HasSubstr("a reply of more than 1048576 bytes"));
  EXPECT_EQ(Gone(), 1u);
}

TEST_F(NodesTest, WhatAnEventLeadsToMayBeAskedAtOnceEvenWhenTheLinkIsLost) {
  AddFake();
  StartAndWaitUp();
  fake_->answer = [](const FakeNode::Argv& argv) {
    return argv[0] == "EVALSHA" ? "" : FakeNode::Good(argv);
  };
  Ask(Acquire(), 1);
  ASSERT_TRUE(Until([&] { return fake_->Count("EVALSHA") == 1; }));
  bool asked = false;
  on_event_ = [&](const engine::Event& event) {
    if (std::holds_alternative<NodeSilence>(event) && !std::exchange(asked, true)) {
      Ask(Acquire(), 2);
    }
  };
  fake_->Drop();
  ASSERT_TRUE(Until([&] { return Gone() == 2; }));
  EXPECT_EQ(silences_[1].ticket.subject, 2u);
}

TEST_F(NodesTest, OneLinkOfSeveralLostIsNotDown) {
  AddFake();
  options_.links = 2;
  StartAndWaitUp();
  fake_->answer = [first = true](const FakeNode::Argv& argv) mutable -> std::string {
    return argv[0] == "EVALSHA" && std::exchange(first, false) ? "?\r\n" : FakeNode::Good(argv);
  };
  Ask(Acquire());
  ASSERT_TRUE(Until([&] { return ups_.size() == 3; }));
  EXPECT_EQ(Gone(), 1u);
  EXPECT_TRUE(downs_.empty());
}

TEST_F(NodesTest, DestroyedWithOpsOutItTellsNothing) {
  AddFake();
  StartAndWaitUp();
  fake_->answer = [](const FakeNode::Argv&) { return ""; };
  Ask(Acquire());
  nodes_.reset();
  loop_.RunUntil([] { return false; }, 5ms);
  EXPECT_TRUE(silences_.empty());
  EXPECT_EQ(fake_->connections(), 0u);
}

// --- real nodes ---------------------------------------------------------------------------------

// A bare chroot has no /etc/hosts.
bool LocalhostHasAnAddress() {
  addrinfo* found = nullptr;
  if (getaddrinfo("localhost", nullptr, nullptr, &found) != 0) return false;
  freeaddrinfo(found);
  return true;
}

TEST_F(NodesTest, OverTcpAndByNameALockIsTakenAndReleased) {
  if (!LocalhostHasAnAddress()) GTEST_SKIP() << "no address for localhost, see /etc/hosts";
  test::RedisNode server;
  NodeOptions& node = options_.nodes.emplace_back();
  node.address = {.host = "localhost", .port = server.port(), .path = ""};
  node.connect_timeout = kPatience;
  node.command_timeout = kPatience;
  options_.set.key_prefix = "app:";
  StartAndWaitUp();
  EXPECT_EQ(Answer(engine::ProbeOp{"id-1", ""}).verdict, Verdict::kAmnesia);
  EXPECT_EQ(answers_.back().facts->node_id, "id-1");
  EXPECT_EQ(answers_.back().facts->maxmemory_policy, "noeviction");
  EXPECT_EQ(Answer(engine::TrustOp{}).verdict, Verdict::kOk);
  const auto acquired = Answer(Acquire());
  EXPECT_EQ(acquired.verdict, Verdict::kOk) << acquired.text;
  EXPECT_GT(acquired.fence, 0);
  EXPECT_EQ(server.Command({"GET", "app:job"}), kOwner);
  server.Command({"SCRIPT", "FLUSH"});
  Ask(engine::ReleaseOp{"job", kOwner});
  ASSERT_TRUE(Until([&] { return ups_.size() == 2; }));
  EXPECT_EQ(Gone(), 1u);
  EXPECT_EQ(Answer(engine::ReleaseOp{"job", kOwner}).verdict, Verdict::kOk);
  EXPECT_EQ(server.Command({"EXISTS", "app:job"}), "0");
}

// The user of the README's ACL line, exactly.
TEST_F(NodesTest, TheAclLineOfTheReadmeSuffices) {
  test::RedisNode server;
  const std::string readme = test::ReadFile(REDLOCKD_README);
  const std::string start = "    ACL SETUSER redlock ";
  const auto at = readme.find(start);
  ASSERT_NE(at, std::string::npos);
  std::vector<std::string> command;
  for (std::size_t from = at + 4; readme[from - 1] != '\n';) {
    const auto to = readme.find_first_of(" \n", from);
    command.push_back(readme.substr(from, to - from));
    from = to + 1;
  }
  ASSERT_EQ(server.Command(command), "OK");
  NodeOptions& node = AddNode(server.SocketPath());
  node.username = "redlock";
  node.password = "PASSWORD";
  node.database = 1;
  options_.instance = kInstance;
  StartAndWaitUp();
  server.Command({"CLIENT", "KILL", "USER", "redlock"});
  ASSERT_TRUE(Until([&] { return ups_.size() == 2; }));
  ASSERT_TRUE(Until([&] { return IsSubscribed(server, kInstance); }));
  EXPECT_EQ(Answer(engine::ProbeOp{"id-1", "set-1"}).verdict, Verdict::kAmnesia);
  EXPECT_EQ(Answer(engine::TrustOp{}).verdict, Verdict::kOk);
  const engine::Fence fence = Answer(Acquire()).fence;
  EXPECT_EQ(Answer(engine::ConfirmOp{"job", kOwner, fence + 1}).verdict, Verdict::kOk);
  EXPECT_EQ(Answer(engine::RenewOp{"job", kOwner, 2s}).verdict, Verdict::kOk);
  EXPECT_EQ(Answer(engine::InspectOp{"job", "another", 1}).greatest, 1) << "the holder is asked";
  EXPECT_EQ(Answer(engine::NameHolderOp{.asker = kInstance, .inquiry = 1}).verdict, Verdict::kOk);
  EXPECT_TRUE(Until([&] { return named_.size() == 1; })) << "an answer reaches the asker";
  EXPECT_EQ(Answer(engine::AcquireOp{"job", kOther, 1s, 0}).verdict, Verdict::kBusy);
  EXPECT_TRUE(Until([&] { return hints_.size() == 1; })) << "to be wanted is told to the holder";
  engine::AcquireOp stand = Acquire();
  stand.queueing = engine::Queueing::kStand;
  stand.stamp = 1;
  EXPECT_EQ(Answer(stand).place, 1u);
  stand.owner = kOther;
  EXPECT_EQ(Answer(stand).place, 2u);
  EXPECT_EQ(Answer(engine::ReleaseOp{"job", kOwner, true}).verdict, Verdict::kOk);
  EXPECT_EQ(Answer(Acquire()).verdict, Verdict::kOk) << "the other does not hear its call";
  EXPECT_EQ(Answer(engine::SuspectOp{}).verdict, Verdict::kOk);
  EXPECT_EQ(Answer(engine::AdoptOp{"set-2"}).verdict, Verdict::kOk);
  EXPECT_EQ(Answer(engine::AdoptOp{""}).verdict, Verdict::kOk);
  EXPECT_THAT(notes_, ElementsAre()) << "CLIENT KILL is part of it";
}

// Rule E5, both ways.
TEST_F(NodesTest, WhatScriptsPublishIsAHint) {
  test::RedisNode server;
  AddNode("/nonexistent/redis.sock");
  AddNode(server.SocketPath());
  options_.set.key_prefix = "app:";
  // Neither the lease nor the want ends while the test looks, however slow the machine is.
  options_.set.max_ttl = 60s;
  options_.set.first_poll = 60s;
  options_.set.max_interval = 60s;
  options_.instance = kInstance;
  Start();
  ASSERT_TRUE(Until([&] { return ups_.size() == 1 && IsSubscribed(server, kInstance); }));
  Answer(engine::ProbeOp{});
  Answer(engine::TrustOp{});
  EXPECT_EQ(Answer(Acquire()).verdict, Verdict::kOk);
  engine::AcquireOp wanted{"job", kOther, 60s, 0};
  EXPECT_EQ(Answer(wanted).verdict, Verdict::kBusy);
  ASSERT_TRUE(Until([&] { return hints_.size() == 1; }));
  EXPECT_EQ(hints_[0].node, 1u);
  EXPECT_EQ(hints_[0].kind, NodeHint::Kind::kWanted);
  EXPECT_EQ(hints_[0].lock, "job");

  Answer(engine::ReleaseOp{"job", kOwner});
  EXPECT_EQ(Answer(wanted).verdict, Verdict::kOk);
  engine::AcquireOp next = Acquire();
  next.queueing = engine::Queueing::kAlways;
  next.stamp = 1;
  next.grace = 50ms;
  EXPECT_EQ(Answer(next).verdict, Verdict::kBusy);
  EXPECT_TRUE(server.Command({"HGET", "redlockd:wait:app:job", kInstance}).ends_with(" 1"))
      << "it hears calls";
  Answer(engine::ReleaseOp{"job", kOther});
  ASSERT_TRUE(Until([&] { return hints_.size() == 2; }));
  EXPECT_EQ(hints_[1].kind, NodeHint::Kind::kFree);
  EXPECT_EQ(hints_[1].lock, "job");
}

// Rule E11, both ways.
TEST_F(NodesTest, AQuestionAndItsAnswerComeWithTheNodeThatPassedThemOn) {
  test::RedisNode server;
  AddNode("/nonexistent/redis.sock");
  AddNode(server.SocketPath());
  options_.instance = kInstance;
  Start();
  ASSERT_TRUE(Until([&] { return ups_.size() == 1 && IsSubscribed(server, kInstance); }));
  server.Command({"SET", "job", kOwner});
  EXPECT_EQ(Answer(engine::InspectOp{"job", kInstance, 5}).greatest, 0) << "it need not ask itself";
  EXPECT_EQ(Answer(engine::InspectOp{"job", "another", 5}).greatest, 1);
  ASSERT_TRUE(Until([&] { return holder_asked_.size() == 1; }));
  EXPECT_EQ(holder_asked_[0].node, 1u);
  EXPECT_EQ(holder_asked_[0].inquiry, 5u);
  EXPECT_EQ(holder_asked_[0].asker, "another");
  EXPECT_EQ(holder_asked_[0].lock, "job");
  const engine::HolderFacts holder{.fence = 7, .pid = 12, .uid = 1000, .note = "a note\n"};
  EXPECT_EQ(Answer(engine::NameHolderOp{kInstance, 6, holder}).verdict, Verdict::kOk);
  ASSERT_TRUE(Until([&] { return named_.size() == 1; }));
  EXPECT_EQ(named_[0].node, 1u);
  EXPECT_EQ(named_[0].inquiry, 6u);
  EXPECT_EQ(named_[0].holder, holder);
}

// Rule E8.2.
TEST_F(NodesTest, ADaemonThatIsNotSubscribedSaysThatItHearsNoCalls) {
  test::RedisNode server;
  AddNode(server.SocketPath());
  StartAndWaitUp();
  Answer(engine::ProbeOp{});
  Answer(engine::TrustOp{});
  engine::AcquireOp stand = Acquire();
  stand.queueing = engine::Queueing::kStand;
  stand.stamp = 1;
  EXPECT_EQ(Answer(stand).verdict, Verdict::kTurn);
  EXPECT_TRUE(server.Command({"HGET", "redlockd:wait:job", kInstance}).ends_with(" 0"));
}

TEST_F(NodesTest, AWrongPasswordIsSaidAndNotRepeated) {
  test::RedisNode server({.args = {"--requirepass", "right"}});
  AddNode(server.SocketPath()).password = "wr0ng";
  AddNode(server.SocketPath());
  Start();
  ASSERT_TRUE(Until([&] { return downs_.size() == 2; }));
  EXPECT_THAT(downs_, Contains(StartsWith("AUTH: WRONGPASS")));
  EXPECT_THAT(downs_, Contains(HasSubstr("NOAUTH Authentication required")));
  for (const auto& reason : downs_) EXPECT_THAT(reason, Not(HasSubstr("wr0ng")));
}

// Rule C7: what waited on the old connection of a hung node cannot run after the release.
TEST_F(NodesTest, AHungNodeThatGoesOnRunsNothingOfTheOldConnectionAfterTheNew) {
  test::RedisNode server;
  NodeOptions& node = AddNode(server.SocketPath());
  node.command_timeout = 10ms;
  node.connect_timeout = 400ms;
  StartAndWaitUp();
  Answer(engine::ProbeOp{});
  Answer(engine::TrustOp{});
  server.Freeze();
  Ask(Acquire());
  ASSERT_TRUE(Until([&] { return Gone() == 1; }));
  on_event_ = [&](const engine::Event& event) {
    if (std::holds_alternative<NodeLinkUp>(event)) Ask(engine::ReleaseOp{"job", kOwner}, 99);
  };
  server.Thaw();
  ASSERT_TRUE(Until([&] { return !answers_.empty() && answers_.back().ticket.subject == 99; }));
  EXPECT_EQ(server.Command({"EXISTS", "job"}), "0");
}

TEST_F(NodesTest, ARestartedNodeIsFoundAgainWithItsNewRunId) {
  test::RedisNode server;
  AddNode(server.SocketPath());
  StartAndWaitUp();
  server.RestartEmpty();
  ASSERT_TRUE(Until([&] { return ups_.size() == 2; }));
  EXPECT_NE(ups_[0].facts.run_id, ups_[1].facts.run_id);
  EXPECT_FALSE(downs_.empty());
  EXPECT_EQ(Answer(Acquire()).verdict, Verdict::kAmnesia);
}

}  // namespace
}  // namespace redlockd::redis
