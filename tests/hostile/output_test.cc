// Answers and events that are not read, or not as fast as they are asked for.
#include <sys/socket.h>

#include <deque>

#include "tests/hostile/hostile_test.h"

namespace redlockd::test {
namespace {

constexpr std::size_t kUnread = 65536;

class HostileOutput : public HostileTest {
 protected:
  HostileOutput() : HostileTest("unread_output: " + std::to_string(kUnread)) {}
};

struct Question {
  std::string name;
  std::string line;
};
void PrintTo(const Question& question, std::ostream* out) { *out << question.name; }

class EachQuestion : public HostileOutput, public testing::WithParamInterface<Question> {};

// The daemon closes such a session; what it held stays until its deadline (rule C9).
TEST_P(EachQuestion, NeverRead) {
  const std::size_t count = Scaled(3);
  Withstand([&] {
    std::vector<Duration> deadlines;
    for (std::size_t i = 0; i < count; ++i) {
      LineClient client = world_.Connect();
      const Reply granted = client.Ask("lock hostile-" + std::to_string(i) + " ttl=500ms");
      deadlines.emplace_back(GetNumber(granted, "deadline"));
      EXPECT_THROW(for (;;) client.SendBytes(GetParam().line), std::runtime_error);
      NotePeak();
    }
    for (std::size_t i = 0; i < count; ++i) {
      const std::string name = "hostile-" + std::to_string(i);
      EXPECT_EQ(observer_.Brief("lock " + name), "OK");
      EXPECT_GE(BootTime(), deadlines[i]);
      EXPECT_EQ(observer_.Brief("unlock " + name), "OK");
    }
  });
  EXPECT_LE(PeakGrowth(), 4 * kUnread);
}

INSTANTIATE_TEST_SUITE_P(, EachQuestion,
                         testing::Values(Question{"List", "#l list\n"},
                                         Question{"TaggedPings", "#ping ping\n"}),
                         [](const auto& info) { return info.param.name; });

// Of events only the newest of each hold is kept: they fill nothing.
TEST_F(HostileOutput, EventsNeverRead) {
  Withstand([&] {
    std::deque<HostileClient> clients;
    for (std::size_t i = 0; i < 2; ++i) {
      HostileClient& client = clients.emplace_back(world_.daemon);
      for (std::size_t n = 0; n < 50; ++n) {
        client.Say("#l lock hostile-" + std::to_string(i) + "-" + std::to_string(n) +
                   " ttl=2s events=renew\n");
        client.Hear(1);
      }
    }
    const std::uint64_t renewals = Stat("renewals");
    EXPECT_TRUE(Eventually([&] { return Stat("renewals") > renewals + 100 * Scaled(2); }));
    NotePeak();
    EXPECT_GE(Stat("holds"), 100u);
  });
}

// It reads, but little, and asks for more all the time: it is answered or closed.
TEST_F(HostileOutput, AskedForFasterThanRead) {
  Withstand([&] {
    HostileClient client(world_.daemon);
    bool open = true;
    for (std::size_t i = 0; open && i < Scaled(2000); ++i) {
      std::string questions;
      for (int n = 0; n < 50; ++n) questions += "#x ping\nlist\n";
      open = client.unsent() > (1 << 20) ? client.Say("") : client.Say(questions);
      char few[100];
      [[maybe_unused]] const ssize_t got = recv(client.fd(), few, sizeof few, MSG_DONTWAIT);
      if (i % 100 == 0) NotePeak();
    }
    NotePeak();
  });
  EXPECT_LE(PeakGrowth(), 4 * kUnread);
}

}  // namespace
}  // namespace redlockd::test
