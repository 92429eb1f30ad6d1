// Sessions in crowds: opened, dropped, kept.
#include <sys/resource.h>
#include <sys/socket.h>

#include <deque>

#include "tests/hostile/hostile_test.h"

namespace redlockd::test {
namespace {

class HostileSessions : public HostileTest {
 protected:
  explicit HostileSessions(const std::string& limits = ScaledLimits()) : HostileTest(limits) {}

  std::deque<HostileClient> Crowd(std::size_t size) {
    std::deque<HostileClient> crowd;
    for (std::size_t i = 0; i < size; ++i) crowd.emplace_back(world_.daemon);
    return crowd;
  }
};

class FewSessions : public HostileSessions {
 protected:
  FewSessions() : HostileSessions("sessions: 200") {}
};

TEST_F(FewSessions, MoreThanThereMayBe) {
  Withstand([&] {
    for (std::size_t i = 0; i < Scaled(3); ++i) {
      const auto crowd = Crowd(400);
      NotePeak();
    }
  });
}

TEST_F(HostileSessions, MoreThanThereAreDescriptors) {
  rlimit few{.rlim_cur = 100, .rlim_max = 100};
  ASSERT_EQ(prlimit(world_.daemon.process().pid(), RLIMIT_NOFILE, &few, nullptr), 0);
  Withstand([&] {
    for (std::size_t i = 0; i < Scaled(2); ++i) {
      const auto crowd = Crowd(400);
      NotePeak();
    }
  });
}

// With nothing said, and in the middle of anything that a session can be in the middle of.
TEST_F(HostileSessions, OpenedAndDropped) {
  const std::vector<std::string> said = {
      "",
      "lock hostile-",            // half a line
      "lock hostile-1 wait=0\n",  // perhaps a hold, perhaps while it is asked for
      "lock hostile-2\n",         // behind the others: a wait
      "#a lock hostile-3\n#b lock hostile-2\nping\n",
      "help\nlist\nshow hostile-1\n",  // answers that nobody reads: for the daemon, a reset
      "unlock hostile-1 sync\ncancel a\nquit\nping\n",
  };
  std::size_t next = 0;
  Withstand([&] {
    for (std::size_t batch = 0; batch < Scaled(20); ++batch) {
      auto crowd = Crowd(50);
      for (HostileClient& client : crowd) {
        client.Say(said[next++ % said.size()]);
        const linger at_once{.l_onoff = 1, .l_linger = 0};
        if (next % 5 == 0) {
          setsockopt(client.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        }
        if (next % 3 == 0) shutdown(client.fd(), SHUT_WR);
      }
      if (batch % 4 == 0) NotePeak();
    }
  });
}

// Their holds live as long as the copies of their sockets.
TEST_F(HostileSessions, KeptOpenByAChildThatInheritedThem) {
  const std::size_t count = 100;
  Withstand([&] {
    auto crowd = Crowd(count);
    Process::Options options{.input = Process::Input::kPipe};
    for (std::size_t i = 0; i < count; ++i) {
      crowd[i].Say("lock hostile-" + std::to_string(i) + "\n");
      crowd[i].Hear(1);
      options.keep.push_back(crowd[i].fd());
    }
    const Process heir({"cat"}, options);
    ASSERT_TRUE(Eventually(
        [&] { return ReadFile("/proc/" + std::to_string(heir.pid()) + "/comm") == "cat\n"; }));
    crowd.clear();
    NotePeak();
    EXPECT_GE(Stat("holds"), count);
  });
}

// Stopped, they are no dead: the daemon holds and renews for them. What it says to them is bounded.
TEST_F(HostileSessions, StoppedClients) {
  Withstand([&] {
    std::deque<Process> clients;
    for (int i = 0; i < 10; ++i) {
      Process& client = clients.emplace_back(
          std::vector<std::string>{"socat", "-", "UNIX-CONNECT:" + world_.daemon.socket()},
          Process::Options{.input = Process::Input::kPipe});
      client.Write("lock hostile-" + std::to_string(i) + " ttl=1s events=renew\n");
      client.ReadUntil("OK lock=hostile");
      client.Write("help\nlist\n");
      client.Freeze();
    }
    NotePeak();
    const std::uint64_t renewals = Stat("renewals");
    EXPECT_TRUE(Eventually([&] { return Stat("renewals") > renewals + 30; }));
    EXPECT_GE(Stat("holds"), 10u);
  });
}

}  // namespace
}  // namespace redlockd::test
