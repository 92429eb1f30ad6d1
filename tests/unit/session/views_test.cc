#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "daemon/session/peer.h"
#include "tests/unit/session/session_fixture.h"

// list, show, nodes, stats, and who may see what.
namespace redlockd::session {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ViewsTest : public SessionTest {
 protected:
  engine::HoldView Hold(const std::string& name, engine::SessionId session) {
    return {.name = name,
            .session = session,
            .fence = 7,
            .granted = engine.now - 3s,
            .deadline = engine.now + 7s,
            .ttl = 10s,
            .votes = 3,
            .jeopardy = false,
            .note = "a note"};
  }
  engine::NodeWord Word(engine::NodeIndex node, const std::string& owner) {
    engine::NodeAnswer answer;
    answer.node = node;
    answer.verdict = engine::Verdict::kOk;
    answer.text = owner;
    answer.left = owner.empty() ? engine::Duration(0) : engine::Duration(5s);
    return {node, answer};
  }
  const std::string me = "pid=" + std::to_string(getpid()) + " uid=" + std::to_string(getuid());
};

TEST_F(ViewsTest, RowsOfWhatIsSharedSaySo) {
  const auto client = Connect();
  const auto id = Nth<engine::SessionOpened>(0).session;
  engine.holds = {Hold("a", id)};
  engine.holds[0].mode = engine::Mode::kShared;
  engine.waits = {{.name = "a",
                   .session = id,
                   .since = engine.now,
                   .until = {},
                   .place = 1,
                   .note = "",
                   .mode = engine::Mode::kShared}};
  client->Send("list\n");
  EXPECT_THAT(client->Line(), StartsWith("- lock=a state=held mode=shared fence=7 deadline="));
  EXPECT_THAT(client->Line(), StartsWith("- lock=a state=waiting mode=shared place=1 waited=0s "));
  EXPECT_EQ(client->Line(), "OK holds=1 waits=1");
}

TEST_F(ViewsTest, ShowSaysThatALockIsShared) {
  const auto client = Connect();
  const auto id = Nth<engine::SessionOpened>(0).session;
  for (const bool is_here : {false, true}) {
    client->Send("show a\n");
    const auto show = Nth<engine::ShowRequested>(is_here ? 1 : 0);
    engine::Shown shown{.name = "a"};
    for (engine::NodeIndex n = 0; n < 3; ++n) shown.nodes.push_back(Word(n, "redlockd:shared"));
    if (is_here) {
      shown.hold = Hold("a", id);
      shown.hold->mode = engine::Mode::kShared;
      shown.hold->holds = 2;
    }
    Answer(show.session, show.request, shown);
    if (is_here) {
      EXPECT_THAT(client->Line(), StartsWith("- place=here state=held mode=shared fence=7 "));
    }
    for (int n = 1; n <= 3; ++n) {
      EXPECT_THAT(client->Line(), AllOf(StartsWith("- place=node node=" + std::to_string(n)),
                                        HasSubstr(" state=shared left=")));
    }
    EXPECT_EQ(client->Line(), is_here ? "OK lock=a state=shared by=here readers=2 votes=3/3"
                                      : "OK lock=a state=shared by=other votes=3/3");
  }
}

TEST_F(ViewsTest, ListHasHoldsAndBehindEachItsWaiters) {
  const auto client = Connect();
  const auto id = Nth<engine::SessionOpened>(0).session;
  engine.holds = {Hold("a", id), Hold("c", id)};
  engine.holds[1].jeopardy = true;
  engine.waits = {
      {.name = "a",
       .session = id,
       .since = engine.now - 1500us,
       .until = {},
       .place = 1,
       .note = ""},
      {.name = "a", .session = id, .since = engine.now, .until = {}, .place = 2, .note = ""},
      {.name = "b",
       .session = id,
       .since = engine.now,
       .until = {},
       .place = 1,
       .note = "",
       .set = 5}};
  client->Send("#l list\n");
  EXPECT_THAT(client->Line(), StartsWith("#l - lock=a state=held fence=7 deadline=1007000000000 "
                                         "left=7s ttl=10s held=3s " +
                                         me + " cmd="));
  EXPECT_THAT(client->Line(), StartsWith("#l - lock=a state=waiting place=1 waited=1ms " + me));
  EXPECT_THAT(client->Line(), StartsWith("#l - lock=a state=waiting place=2 waited=0s " + me));
  EXPECT_THAT(client->Line(),
              StartsWith("#l - lock=b state=waiting place=1 waited=0s set=5 " + me));
  EXPECT_THAT(client->Line(),
              AllOf(StartsWith("#l - lock=c state=jeopardy "), HasSubstr(" note=a%20note")));
  EXPECT_EQ(client->Line(), "#l OK holds=2 waits=3");
}

TEST_F(ViewsTest, WhatIsKeptIsOfNoProcess) {
  const auto client = Connect();
  const auto id = Nth<engine::SessionOpened>(0).session;
  engine.kept = {{.name = "a", .fence = 7, .until = engine.now + 59s + 999us}};
  engine.waits = {
      {.name = "a", .session = id, .since = engine.now, .until = {}, .place = 1, .note = ""}};
  client->Send("list\n");
  EXPECT_EQ(client->Line(), "- lock=a state=kept fence=7 left=59s");
  EXPECT_THAT(client->Line(), StartsWith("- lock=a state=waiting place=1 "));
  EXPECT_EQ(client->Line(), "OK holds=0 waits=1");
}

TEST_F(ViewsTest, AListLongerThanTheBoundIsReadToItsEnd) {
  options.max_unread_output = 16384;
  const auto client = Connect();
  const auto id = Nth<engine::SessionOpened>(0).session;
  for (int i = 0; i < 3000; ++i) engine.holds.push_back(Hold(std::to_string(100000 + i), id));
  client->Send("list\nping\n");
  Turn();  // nobody reads for a while
  for (int i = 0; i < 3000; ++i) {
    ASSERT_THAT(client->Line(), StartsWith("- lock=" + std::to_string(100000 + i) + " "));
  }
  EXPECT_EQ(client->Line(), "OK holds=3000 waits=0");
  EXPECT_EQ(client->Line(), kPong);
}

TEST_F(ViewsTest, TheConnectedProcessMayHaveGone) {
  Start();
  const auto reader = Connect();
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  // A child connects, its own child keeps the socket; then the first one dies.
  const pid_t parent = fork();
  if (parent == 0) {
    close(ends[0]);
    const Client client(loop, directory / "s");
    if (fork() == 0) {
      char byte = 'r';
      (void)!write(ends[1], &byte, 1);
      (void)!read(ends[1], &byte, 1);  // until the test is over
      _exit(0);
    }
    pause();
  }
  close(ends[1]);
  char ready = 0;
  ASSERT_EQ(read(ends[0], &ready, 1), 1);
  const auto id = Nth<engine::SessionOpened>(1).session;
  engine.holds = {Hold("a", id)};
  reader->Send("list\n");
  const std::string pid = "pid=" + std::to_string(parent);
  EXPECT_THAT(reader->Line(), HasSubstr(" " + pid + " uid="));
  EXPECT_EQ(reader->Line(), "OK holds=1 waits=0");
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  reader->Send("list\n");
  EXPECT_THAT(reader->Line(), HasSubstr(" " + pid + "(gone) uid="));
  EXPECT_EQ(sessions->count(), 2u);
  close(ends[0]);
  Nth<engine::SessionClosed>(0);
}

TEST_F(ViewsTest, NotesAndAdministratorsVerbsAreNotForOtherUsers) {
  if (getuid() != 0) GTEST_SKIP() << "needs to become another user";
  const auto owner = Connect();
  const auto id = Nth<engine::SessionOpened>(0).session;
  engine.holds = {Hold("a", id)};
  int pipes[2];
  ASSERT_EQ(pipe(pipes), 0);
  ASSERT_EQ(chmod(directory.path().c_str(), 0755), 0);
  ASSERT_EQ(chmod((directory / "s").c_str(), 0666), 0);
  const pid_t other = fork();
  if (other == 0) {
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(1);
    Client client(loop, directory / "s");
    client.Send("list\nadopt\nbreak a fence=7\n");
    std::string all;
    char bytes[4096];
    while (std::count(all.begin(), all.end(), '\n') < 5) {
      const ssize_t size = read(client.fd(), bytes, sizeof bytes);
      if (size > 0) all.append(bytes, static_cast<std::size_t>(size));
    }
    (void)!write(pipes[1], all.data(), all.size());
    _exit(0);
  }
  close(pipes[1]);
  Nth<engine::SessionClosed>(0);
  EXPECT_EQ(waitpid(other, nullptr, 0), other);
  char bytes[4096];
  const ssize_t size = read(pipes[0], bytes, sizeof bytes);
  close(pipes[0]);
  const std::string said(bytes, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  EXPECT_THAT(said, AllOf(HasSubstr("lock=a state=held"), Not(HasSubstr("note="))));
  EXPECT_THAT(said, AllOf(HasSubstr("ERR denied reason=not-admin :"),
                          HasSubstr("ERR denied lock=a reason=not-admin :")));
}

TEST_F(ViewsTest, ShowCountsWhatTheNodesSay) {
  const auto client = Connect();
  const auto id = Nth<engine::SessionOpened>(0).session;
  client->Send("show a\n");
  const auto show = Nth<engine::ShowRequested>(0);
  EXPECT_EQ(show.name, "a");
  Answer(id, show.request,
         engine::Shown{
             "a",
             {Word(0, "b007:1:host1"), Word(1, "b007:1:host1"), {2, {}, "did not answer in time"}},
             Hold("a", id)});
  EXPECT_THAT(client->Line(), StartsWith("- place=here state=held fence=7 deadline=1007000000000 "
                                         "left=7s held=3s " +
                                         me));
  EXPECT_EQ(client->Line(),
            "- place=node node=1 address=10.0.0.1:6379 state=held "
            "owner=b007:1:host1 host=host1 left=5s");
  EXPECT_THAT(client->Line(), StartsWith("- place=node node=2 "));
  EXPECT_EQ(client->Line(),
            "- place=node node=3 address=10.0.0.3:6379 state=unknown :did not answer in time");
  EXPECT_EQ(client->Line(), "OK lock=a state=held by=here votes=2/3");
}

TEST_F(ViewsTest, ShowOfWhatOthersHoldOrNobody) {
  const auto client = Connect();
  const auto id = Nth<engine::SessionOpened>(0).session;
  const std::vector<std::pair<engine::Shown, std::string>> cases = {
      {{"a", {Word(0, "x"), Word(1, "x"), Word(2, "y")}},
       "OK lock=a state=held by=other votes=2/3"},
      {{"a", {Word(0, "b007:1:h"), Word(1, "b007:1:h"), Word(2, "")}},
       "OK lock=a state=held by=here votes=2/3"},  // it lingers
      {{"a", {Word(0, ""), Word(1, ""), Word(2, "y")}}, "OK lock=a state=free votes=2/3"},
      {{"a", {Word(0, "x"), Word(1, "y"), Word(2, "")}}, "OK lock=a state=undecided"},
      {{"a", {Word(0, "redlockd:kept:o:1:h"), Word(1, "redlockd:kept:o:1:h"), Word(2, "o:1:h")}},
       "OK lock=a state=kept by=other votes=2/3"},
      {{"a", {Word(0, "redlockd:kept:b007:1:h"), Word(1, "redlockd:kept:b007:1:h"), Word(2, "")}},
       "OK lock=a state=kept by=here votes=2/3"},
      {{"a", {Word(0, "x"), {1, {}}, {2, {}}}}, "ERR no-quorum lock=a :1/3 nodes answered"},
  };
  for (std::size_t i = 0; i < cases.size(); ++i) {
    client->Send("show a\n");
    Answer(id, Nth<engine::ShowRequested>(i).request, cases[i].first);
    for (int row = 0; row < 3; ++row) EXPECT_THAT(client->Line(), StartsWith("- place=node "));
    EXPECT_EQ(client->Line(), cases[i].second);
  }
}

TEST_F(ViewsTest, ShowOfAHolderElsewhere) {
  const auto client = Connect();
  const auto id = Nth<engine::SessionOpened>(0).session;
  const engine::HolderFacts holder{
      .fence = 7, .held = 1500us, .pid = 12, .uid = 4294967295, .note = "a\nb=%"};
  const std::string row =
      "- place=other state=held host=h fence=7 held=1ms pid=12 uid=4294967295 note=a%0Ab%3D%25";
  const auto named = [&](engine::NodeIndex node, const std::string& owner,
                         std::optional<engine::HolderFacts> facts) {
    engine::NodeWord word = Word(node, owner);
    word.named = engine::HolderNamed{node, 1, facts};
    return word;
  };
  std::size_t asked = 0;
  const auto first_row = [&](const std::vector<engine::NodeWord>& words) {
    client->Send("show a\n");
    Answer(id, Nth<engine::ShowRequested>(asked++).request, engine::Shown{"a", words});
    const std::string first = client->Line();
    for (std::string line = first; !line.starts_with("OK"); line = client->Line()) {
      EXPECT_EQ(line.find("place=other"), line == row ? 2u : std::string::npos);
    }
    return first;
  };
  EXPECT_EQ(first_row({Word(0, "o:1:h"), named(1, "o:1:h", holder), Word(2, "o:1:h")}), row);
  // Nobody; the word of another's daemon; of one's own lease.
  EXPECT_NE(first_row({named(0, "o:1:h", std::nullopt), Word(1, "o:1:h"), Word(2, "o:1:h")}), row);
  EXPECT_NE(first_row({named(0, "p:1:h", holder), Word(1, "o:1:h"), Word(2, "o:1:h")}), row);
  EXPECT_NE(first_row({named(0, "b007:1:h", holder), Word(1, "b007:1:h"), Word(2, "")}), row);
  EXPECT_NE(first_row({named(0, "o:1:h", holder), Word(1, "p:1:h"), Word(2, "")}), row);
  // A node lies: no daemon has been asked, as no redlockd wrote that.
  EXPECT_NE(first_row({named(0, "x", holder), Word(1, "x"), Word(2, "x")}), row);
}

TEST_F(ViewsTest, ShowOfABrokenLockNamesWhoseLeaseItWas) {
  const auto client = Connect();
  client->Send("show a\n");
  Answer(Nth<engine::SessionOpened>(0).session, Nth<engine::ShowRequested>(0).request,
         engine::Shown{"a", {Word(0, "redlockd:kept:o:1:there"), {1, {}}, {2, {}}}});
  EXPECT_EQ(client->Line(),
            "- place=node node=1 address=10.0.0.1:6379 state=kept "
            "owner=redlockd:kept:o:1:there host=there left=5s");
}

TEST_F(ViewsTest, Nodes) {
  using engine::NodeState;
  engine.nodes = {
      {.node = 0,
       .state = NodeState::kUp,
       .text = "",
       .round_trip = 412345ns,
       .run_id = "0123456789abcdef0123"},
      {.node = 1, .state = NodeState::kNew, .text = "new or restarted", .ready_in = 2800500us},
      {.node = 2, .state = NodeState::kSkewed, .text = "clock off by 1h", .clock_off = -1h}};
  const auto client = Connect();
  client->Send("nodes\n");
  EXPECT_EQ(client->Line(), "- node=1 address=10.0.0.1:6379 state=up run=0123456789ab rtt=412us");
  EXPECT_EQ(client->Line(),
            "- node=2 address=10.0.0.2:6379 state=quarantine ready=2801ms :new or restarted");
  EXPECT_EQ(client->Line(),
            "- node=3 address=10.0.0.3:6379 state=refused offset=-1h :clock off by 1h");
  EXPECT_EQ(client->Line(), "OK up=1 nodes=3 quorum=2");
}

TEST_F(ViewsTest, Stats) {
  engine.counters.grants = 42;
  engine.counters.holds = 1;
  const auto client = Connect();
  client->Send("stats\n");
  std::string all, line;
  while ((line = client->Line()).starts_with("- ")) all += line + "\n";
  EXPECT_EQ(line, "OK");
  EXPECT_THAT(all, HasSubstr("- name=grants value=42\n"));
  EXPECT_THAT(all, HasSubstr("- name=sessions value=1\n"));
  EXPECT_THAT(all, HasSubstr("- name=holds value=1\n"));
  EXPECT_THAT(all, HasSubstr("- name=waits value=0\n"));
}

TEST(PeerTest, IsWhoConnected) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const auto peer = PeerOf(ends[0], std::nullopt);
  ASSERT_TRUE(peer);
  EXPECT_EQ(peer->pid, getpid());
  EXPECT_EQ(peer->uid, getuid());
  EXPECT_TRUE(peer->admin);
  EXPECT_EQ(peer->command, "unit_session");
  EXPECT_FALSE(peer->Gone());
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace redlockd::session
