#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>

#include "tests/unit/session/session_fixture.h"

// What the room refuses to do for one client, or for all.
namespace redlockd::session {
namespace {

using engine::LockRequested;
using ::testing::SizeIs;
using ::testing::StartsWith;

using LimitsTest = SessionTest;

TEST_F(LimitsTest, OneSessionTooMany) {
  options.max_sessions = 2;
  auto one = Connect();
  const auto two = Connect();
  const auto three = ConnectRaw();
  EXPECT_THAT(three->Line(), StartsWith("ERR limit :the daemon has 2 sessions"));
  EXPECT_EQ(three->Line(), "(closed)");
  EXPECT_THAT(engine.All<engine::SessionOpened>(), SizeIs(2));
  one.reset();
  Until([this] { return sessions->count() == 1; });
  Connect();
}

TEST_F(LimitsTest, OneSessionOfAUserTooMany) {
  options.max_sessions = 4;  // of which none is kept for the administrator that the test is
  options.max_sessions_per_uid = 1;
  auto one = Connect();
  const auto two = ConnectRaw();
  EXPECT_THAT(two->Line(), StartsWith("ERR limit :uid "));
  EXPECT_EQ(two->Line(), "(closed)");
  one.reset();
  Until([this] { return sessions->count() == 0; });
  Connect();
}

TEST_F(LimitsTest, OthersCountForThoseWhoComeAndNobodyIsClosed) {
  const auto one = Connect();
  const auto two = Connect();
  const auto three = Connect();
  options.max_sessions = 2;
  sessions->Change(options);
  EXPECT_THAT(ConnectRaw()->Line(), StartsWith("ERR limit :the daemon has 3 sessions"));
  one->Send("ping\n");
  EXPECT_EQ(one->Line(), kPong);
  options.max_sessions = 100;
  options.max_sessions_per_uid = 1;
  sessions->Change(options);
  // Some more are for administrators, of whom the test is one.
  const auto four = Connect();
  std::vector<std::unique_ptr<Client>> more;
  std::string line;
  while (more.size() < 20 && !line.starts_with("ERR limit :uid ")) {
    more.push_back(ConnectRaw());
    line = more.back()->Line();
  }
  EXPECT_THAT(line, StartsWith("ERR limit :uid "));
}

TEST_F(LimitsTest, OthersForWhatIsUnderWayAndUnreadCountAtOnce) {
  options.locks_per_session = 8;
  const auto client = Connect();
  options.locks_per_session = 100;
  sessions->Change(options);
  for (int i = 0; i < 100; ++i) {
    client->Send("#w" + std::to_string(i) + " lock n" + std::to_string(i) + "\n");
  }
  Nth<LockRequested>(99);
  options.max_unread_output = 16384;
  sessions->Change(options);
  for (int i = 0; i < 1000 && engine.All<engine::SessionDropped>().empty(); ++i) {
    client->SendSome("help\nhelp\nhelp\nhelp\n");
    Turn(2);
  }
  EXPECT_THAT(engine.All<engine::SessionDropped>(), SizeIs(1));
}

// The lowest free descriptor: with it, all above are free.
rlim_t FirstFree() {
  const int lowest = dup(0);
  close(lowest);
  return static_cast<rlim_t>(lowest);
}

TEST_F(LimitsTest, TheLastDescriptorsAreNotForClients) {
  options.reserved_descriptors = 5;
  Start();
  const auto one = ConnectRaw();
  const auto two = ConnectRaw();
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit few{FirstFree() + 5, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &few);
  const std::string first = one->Line(), first_end = one->Line();
  const std::string second = two->Line(), second_end = two->Line();
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_THAT(first, StartsWith("ERR limit :"));
  EXPECT_EQ(first_end, "(closed)");
  EXPECT_EQ(second, first);
  EXPECT_EQ(second_end, "(closed)");
  Connect();  // and it goes on
}

TEST_F(LimitsTest, WithNoDescriptorAtAllClientsWait) {
  Start();
  const auto client = ConnectRaw();
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{FirstFree(), before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  EXPECT_EQ(client->Rest(), "");
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_THAT(client->Line(), StartsWith("* HELLO "));
}

TEST_F(LimitsTest, RequestsUnderWayAreBoundedAndCancelGetsThrough) {
  options.locks_per_session = 8;
  const auto client = Connect();
  for (int i = 0; i < 8; ++i) {
    client->Send("#w" + std::to_string(i) + " lock n" + std::to_string(i) + "\n");
  }
  client->Send("#c cancel w3\n");
  EXPECT_EQ(Nth<engine::CancelRequested>(0).target, Nth<LockRequested>(3).request);
  for (int i = 0; i < 500; ++i) client->Send("#s" + std::to_string(i) + " show a\n");
  Turn();
  // 64 other than locks under way: the rest is not read.
  EXPECT_THAT(engine.All<engine::ShowRequested>(), SizeIs(64 - 1));
  Grant(Nth<LockRequested>(0));
  EXPECT_THAT(client->Line(), StartsWith("#w0 OK "));
  Turn();
  EXPECT_THAT(engine.All<engine::ShowRequested>(), SizeIs(64 - 1));
  const auto cancel = Nth<engine::CancelRequested>(0);
  Answer(cancel.session, cancel.request, engine::WaitCancelled{});
  Nth<engine::ShowRequested>(64 - 1);
}

TEST_F(LimitsTest, ALineWithoutAnEndIsNotKept) {
  const auto client = Connect();
  const auto other = Connect();
  const std::string garbage(1 << 20, 'x');
  for (int i = 0; i < 20; ++i) client->SendSome(garbage), Turn(2);
  EXPECT_THAT(client->Line(), StartsWith("ERR line-too-long :"));
  other->Send("ping\n");
  EXPECT_EQ(other->Line(), kPong);
  client->Send("\nping\n");
  EXPECT_EQ(client->Line(), kPong);
}

}  // namespace
}  // namespace redlockd::session
