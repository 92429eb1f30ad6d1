// Faults of all nodes that pass before a lease ends: none of them costs it. And those that do not
// pass, but leave a lease what it needs.
#include <gtest/gtest.h>
#include <hiredis/hiredis.h>

#include <filesystem>
#include <functional>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

using Words = std::vector<std::string>;

struct Fault {
  std::string name;
  std::function<void(RedisNode&)> begin;
  std::function<void(RedisNode&)> end;
};

std::ostream& operator<<(std::ostream& out, const Fault& fault) { return out << fault.name; }

std::filesystem::path FileOf(const RedisNode& node) {
  return std::filesystem::path(node.SocketPath()).parent_path() / "dump.rdb";
}

std::function<void(RedisNode&)> Says(std::vector<Words> commands) {
  return [commands = std::move(commands)](RedisNode& node) {
    for (const Words& command : commands) node.Command(command);
  };
}

// Sends a command on a connection that does not wait for its answer, and waits until what others
// ask is refused.
void BeginAndExpect(RedisNode& node, const Words& command, const std::string& refusal) {
  redisContext* context = redisConnectUnix(node.SocketPath().c_str());
  std::vector<const char*> words;
  for (const std::string& word : command) words.push_back(word.c_str());
  redisAppendCommandArgv(context, static_cast<int>(words.size()), words.data(), nullptr);
  int written = 0;
  while (!written) ASSERT_EQ(redisBufferWrite(context, &written), REDIS_OK);
  EXPECT_TRUE(Eventually([&] { return node.Command({"PING"}).rfind(refusal, 0) == 0; }));
  redisFree(context);
}

// A script that does not end.
void BeginBusy(RedisNode& node) {
  node.Command({"CONFIG", "SET", "lua-time-limit", "1"});
  BeginAndExpect(node, {"EVAL", "while true do end", "0"}, "BUSY");
}

// Reads its file again, each key of which takes a while.
void BeginLoading(RedisNode& node) {
  node.Command({"CONFIG", "SET", "rdbcompression", "no"});
  // It answers others after so many bytes: in Redis 6 always after 2 MB.
  const bool is_set =
      node.Command({"CONFIG", "SET", "loading-process-events-interval-bytes", "1024"}) == "OK";
  const std::string value(is_set ? 2000 : 2100000, 'x');
  for (int i = 0; i < 20; ++i) node.Command({"SET", "filler:" + std::to_string(i), value});
  node.Command({"CONFIG", "SET", "key-load-delay", "100000"});  // us
  BeginAndExpect(node, {"DEBUG", "RELOAD"}, "LOADING");
}
void EndLoading(RedisNode& node) {
  ASSERT_TRUE(Eventually([&] { return node.Command({"PING"}) == "PONG"; }));
  for (int i = 0; i < 20; ++i) node.Command({"DEL", "filler:" + std::to_string(i)});
  node.Command({"CONFIG", "SET", "key-load-delay", "0"});
}

// A folder stands where its file is to be.
void BeginUnsaved(RedisNode& node) {
  node.Command({"CONFIG", "SET", "save", "3600 1000000"});
  std::filesystem::create_directory(FileOf(node));
  node.Command({"BGSAVE"});
  ASSERT_TRUE(Eventually([&] { return node.Command({"SET", "x", "y"}).rfind("MISCONF", 0) == 0; }));
}
void EndUnsaved(RedisNode& node) {
  std::filesystem::remove(FileOf(node));
  node.Command({"BGSAVE"});
  ASSERT_TRUE(Eventually([&] { return node.Command({"SET", "x", "y"}) == "OK"; }));
}

std::vector<Fault> Faults() {
  const auto with_links = [](Words command) {  // also for those that are made anew
    return Says({std::move(command), {"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}});
  };
  const auto set = [](const char* key, const char* value) {
    return Words{"CONFIG", "SET", key, value};
  };
  return {
      {"Stall", [](RedisNode& node) { node.Freeze(); }, [](RedisNode& node) { node.Thaw(); }},
      {"Busy", BeginBusy, Says({{"SCRIPT", "KILL"}})},
      {"Loading", BeginLoading, EndLoading},
      {"Unsaved", BeginUnsaved, EndUnsaved},
      {"Pause", Says({{"CLIENT", "PAUSE", "1500"}}), [](RedisNode&) {}},
      {"Full", Says({set("maxmemory", "1")}), Says({set("maxmemory", "0")})},
      {"ReadOnly", Says({{"REPLICAOF", "127.0.0.1", "1"}}), Says({{"REPLICAOF", "NO", "ONE"}})},
      {"NoReplicas", Says({set("min-replicas-to-write", "1")}),
       Says({set("min-replicas-to-write", "0")})},
      {"NoLogin", with_links(set("requirepass", "secret")),
       [](RedisNode& node) {
         redisContext* context = redisConnectUnix(node.SocketPath().c_str());
         freeReplyObject(redisCommand(context, "AUTH secret"));
         freeReplyObject(redisCommand(context, "CONFIG SET requirepass %s", ""));
         redisFree(context);
       }},
      {"NoRight", Says({{"ACL", "SETUSER", "default", "-pexpire"}}),
       Says({{"ACL", "SETUSER", "default", "+pexpire"}})},
      {"ScriptsLost", Says({{"SCRIPT", "FLUSH"}}), [](RedisNode&) {}},
      {"LinksLost", Says({{"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}}),
       [](RedisNode&) {}},
  };
}

DaemonOptions LongLease() { return {.ttl = "5s", .max_ttl = "5s"}; }

class PassingFault : public testing::TestWithParam<Fault> {};

TEST_P(PassingFault, OfAllNodesCostsNoLease) {
  World world(3, LongLease());
  LineClient holder = world.Connect();
  ASSERT_EQ(Brief(holder.Ask("lock a events=renew")), "OK");
  holder.Event("RENEWED");
  const Duration began = BootTime();
  for (std::size_t i = 0; i < 3; ++i) GetParam().begin(world.nodes[i]);
  // Through the next renewal, which is due 5/3 s after the last; nearly half of the lease is left
  // then.
  while (BootTime() - began < 2200ms) std::this_thread::sleep_for(10ms);
  for (std::size_t i = 0; i < 3; ++i) GetParam().end(world.nodes[i]);
  const Duration ended = BootTime();
  // A deadline that rests on what was asked after the fault.
  Duration deadline{};
  while (deadline < ended + 4900ms)
    deadline = Duration(GetNumber(holder.Event("RENEWED"), "deadline"));
  EXPECT_FALSE(holder.HasEvent("LOST"));
  EXPECT_EQ(holder.Brief("check a"), "OK");
  world.daemon.WaitForNodes(3);
  EXPECT_EQ(Brief(world.Connect().Ask("lock b")), "OK");
}

INSTANTIATE_TEST_SUITE_P(PassingFaults, PassingFault, testing::ValuesIn(Faults()),
                         [](const auto& info) { return info.param.name; });

// What is to be renewed needs no memory.
TEST(LastingFault, FullNodesKeepTheLeasesThatTheyHave) {
  World world(3);
  LineClient holder = world.Connect();
  const Reply held = holder.Ask("lock a events=renew");
  ASSERT_EQ(Brief(held), "OK");
  for (std::size_t i = 0; i < 3; ++i) world.nodes[i].Command({"CONFIG", "SET", "maxmemory", "1"});
  ASSERT_TRUE(Eventually([&] { return !world.daemon.NodeIs(0, "up"); }));
  const std::string why = world.daemon.NodeRow(0).text;
  EXPECT_EQ(why.rfind("keeps the leases that it has, but takes no new ones: OOM", 0), 0u) << why;
  const Duration ended = BootTime();
  Duration deadline{};
  while (deadline < ended + 5s) deadline = Duration(GetNumber(holder.Event("RENEWED"), "deadline"));
  EXPECT_FALSE(holder.HasEvent("LOST"));
  const Reply refused = world.Connect().Ask("trylock b");
  EXPECT_EQ(Brief(refused), "ERR no-quorum");
  EXPECT_NE(refused.text.find("OOM"), std::string::npos) << refused.text;
  EXPECT_EQ(holder.Brief("unlock a sync"), "OK");
  for (std::size_t i = 0; i < 3; ++i) world.nodes[i].Command({"CONFIG", "SET", "maxmemory", "0"});
  world.daemon.WaitForNodes(3);
}

// What was lost, and why, is in the event and in the log.
TEST(LastingFault, ALossSaysWhatEachNodeDid) {
  World world(3);
  LineClient holder = world.Connect();
  ASSERT_EQ(Brief(holder.Ask("lock a")), "OK");
  world.nodes[0].Command({"REPLICAOF", "127.0.0.1", "1"});
  world.nodes[1].Kill();
  const Reply lost = holder.Event("LOST");
  EXPECT_EQ(Get(lost, "reason"), "expired");
  EXPECT_NE(lost.text.find("node 1 refused: READONLY"), std::string::npos) << lost.text;
  EXPECT_NE(lost.text.find("node 2 connect"), std::string::npos) << lost.text;
  const std::string log = world.daemon.Log();
  EXPECT_NE(log.find("lock a (fence " + Get(lost, "fence") + ") of uid "), std::string::npos);
  EXPECT_NE(log.find(") is in jeopardy: "), std::string::npos) << log;
  EXPECT_NE(log.find(") was lost at its deadline: node 1 "), std::string::npos) << log;
}

}  // namespace
}  // namespace redlockd::test
