// The fields that the log's lines have where stderr is the journal's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/acting_as.h"
#include "tests/support/daemon.h"
#include "tests/support/journal_stub.h"

namespace redlockd::test {
namespace {

using Fields = JournalStub::Fields;

constexpr uid_t kStranger = 65533;
constexpr char kMore[] =
    "drain_time: 100ms\n"
    "socket_mode: \"0666\"\n"
    "rules:\n"
    "  - {prefix: pay/, audit: true}\n";

// Reads as journald does, all the time: few lines fit into the socket.
class JournalReader {
 public:
  explicit JournalReader(const std::string& path) : journal_(path) {}

  // The first line that has all of these; empty if there is none yet.
  Fields Find(const Fields& wanted) {
    const std::lock_guard lock(mutex_);
    const auto line = std::find_if(lines_.begin(), lines_.end(), [&](const Fields& fields) {
      return std::includes(fields.begin(), fields.end(), wanted.begin(), wanted.end());
    });
    return line == lines_.end() ? Fields{} : *line;
  }

 private:
  void Read(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd readable{.fd = journal_.fd(), .events = POLLIN, .revents = 0};
      if (poll(&readable, 1, 20) != 1) continue;
      const std::lock_guard lock(mutex_);
      lines_.push_back(journal_.Next());
    }
  }

  JournalStub journal_;
  std::mutex mutex_;
  std::vector<Fields> lines_;
  std::jthread thread_{[this](const std::stop_token& stop) { Read(stop); }};
};

// In a mount namespace of its own: there the journal's socket is that of this test, and $JOURNAL_STREAM
// says that stderr leads to the journal.
class JournalFieldsTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::vector<std::string> within = {
        "unshare",
        "--mount",
        "sh",
        "-c",
        "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && "
        "ln -s \"$0\" /run/systemd/journal/socket && "
        "export JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) && exec \"$@\"",
        dir_ / "journal"};
    std::vector<std::string> try_it = within;
    try_it.push_back("true");
    if (!ActingAs::Possible() || Process(try_it).Wait() != ExitCode(0)) {
      GTEST_SKIP() << "needs root and a mount namespace";
    }
    world_.emplace(3, DaemonOptions{.more = kMore, .within = within});
    chmod(world_->daemon.dir().path().c_str(), 0711);
  }

  // The first line that has all of these; empty if none comes.
  Fields Line(const Fields& wanted) {
    Eventually([&] { return !journal_.Find(wanted).empty(); });
    return journal_.Find(wanted);
  }
  // Likewise, and of this test as the client.
  bool HasLineOfMine(Fields wanted) {
    wanted.emplace("REDLOCK_UID", std::to_string(getuid()));
    wanted.emplace("REDLOCK_PID", std::to_string(getpid()));
    return !Line(wanted).empty();
  }
  bool HasLine(const Fields& wanted) { return !Line(wanted).empty(); }

  TempDir dir_;
  JournalReader journal_{dir_ / "journal"};
  std::optional<World> world_;
};

TEST_F(JournalFieldsTest, OfAnAuditedLock) {
  LineClient client = world_->Connect();
  const std::string fence = Get(client.Ask("lock pay/x"), "fence");
  ASSERT_EQ(client.Brief("unlock pay/x"), "OK");
  const Fields lock{{"REDLOCK_LOCK", "pay/x"}, {"REDLOCK_FENCE", fence}, {"PRIORITY", "6"}};
  Fields grant = lock;
  grant.emplace("REDLOCK_EVENT", "granted");
  EXPECT_TRUE(HasLineOfMine(grant));
  Fields end = lock;
  end.emplace("REDLOCK_EVENT", "ended");
  end.emplace("REDLOCK_REASON", "unlock");
  EXPECT_TRUE(HasLineOfMine(end));
  EXPECT_EQ(world_->daemon.Log().find("pay/x"), std::string::npos)
      << "the stream has no line of it";
}

TEST_F(JournalFieldsTest, OfALockThatIsLostAndOfADrain) {
  LineClient client = world_->Connect();
  ASSERT_EQ(client.Brief("lock a max-hold=50ms"), "OK");
  EXPECT_TRUE(HasLineOfMine(
      {{"REDLOCK_EVENT", "lost"}, {"REDLOCK_LOCK", "a"}, {"REDLOCK_REASON", "max-hold"}}));
  ASSERT_EQ(client.Brief("lock b"), "OK");
  world_->daemon.Stop();
  EXPECT_TRUE(HasLine({{"REDLOCK_EVENT", "drain"}, {"PRIORITY", "6"}}));
  EXPECT_TRUE(HasLineOfMine(
      {{"REDLOCK_EVENT", "lost"}, {"REDLOCK_LOCK", "b"}, {"REDLOCK_REASON", "drain"}}));
}

TEST_F(JournalFieldsTest, OfWhatAdministratorsAskForAndOfADenial) {
  LineClient client = world_->Connect();
  EXPECT_EQ(client.Brief("break a fence=1"), "ERR not-held");
  EXPECT_TRUE(HasLineOfMine(
      {{"REDLOCK_EVENT", "requested"}, {"REDLOCK_VERB", "break"}, {"REDLOCK_LOCK", "a"}}));
  const Fields failed =
      Line({{"REDLOCK_EVENT", "failed"}, {"REDLOCK_VERB", "break"}, {"REDLOCK_LOCK", "a"}});
  EXPECT_THAT(failed, testing::Contains(testing::Key("REDLOCK_REASON")));
  EXPECT_EQ(client.Brief("reload"), "OK");
  EXPECT_TRUE(HasLineOfMine({{"REDLOCK_EVENT", "requested"}, {"REDLOCK_VERB", "reload"}}));
  EXPECT_TRUE(HasLine({{"REDLOCK_EVENT", "done"}, {"REDLOCK_VERB", "reload"}}));

  const ActingAs stranger(kStranger);
  EXPECT_EQ(world_->Connect().Brief("break a fence=1"), "ERR denied");
  EXPECT_TRUE(HasLine({{"REDLOCK_EVENT", "denied"},
                       {"REDLOCK_VERB", "break"},
                       {"REDLOCK_LOCK", "a"},
                       {"REDLOCK_UID", std::to_string(kStranger)}}));
}

TEST_F(JournalFieldsTest, OfNodesAndTheQuorum) {
  world_->nodes[0].Kill();
  world_->nodes[1].Kill();
  EXPECT_TRUE(HasLine({{"REDLOCK_EVENT", "no-quorum"}, {"PRIORITY", "3"}}));
  const Fields out = Line({{"REDLOCK_EVENT", "node-out"}, {"REDLOCK_NODE", "1"}});
  EXPECT_THAT(out, testing::Contains(testing::Key("REDLOCK_REASON")));
  world_->nodes[0].Start();
  EXPECT_TRUE(HasLine({{"REDLOCK_EVENT", "node-votes"}, {"REDLOCK_NODE", "1"}}));
  EXPECT_TRUE(HasLine({{"REDLOCK_EVENT", "quorum"}, {"PRIORITY", "6"}}));
}

}  // namespace
}  // namespace redlockd::test
