#include "tests/unit/session/session_fixture.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <tuple>

namespace redlockd::session {
namespace {

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

}  // namespace

std::vector<engine::RowView> FakeEngine::Rows(const engine::RowPlace& from,
                                              std::size_t most) const {
  std::map<std::tuple<std::string, std::size_t, std::size_t>, engine::RowView> all;
  for (const auto& hold : holds) all.emplace(std::tuple(hold.name, 0, hold.place), hold);
  for (const auto& lock : kept) all.emplace(std::tuple(lock.name, 0, 0), lock);
  for (const auto& wait : waits) all.emplace(std::tuple(wait.name, wait.place, 0), wait);
  std::vector<engine::RowView> rows;
  auto at = all.lower_bound({from.name, from.place, from.hold});
  for (; at != all.end() && rows.size() < most; ++at) rows.push_back(at->second);
  return rows;
}

Client::Client(event::Loop& loop, const std::string& path)
    : loop_(loop), fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const sockaddr_un address = AddressOf(path);
  EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  fcntl(fd_, F_SETFL, O_NONBLOCK);
}

void Client::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t sent = SendSome(bytes);
    bytes.remove_prefix(sent);
    if (sent == 0) loop_.RunUntil([] { return false; }, 1ms);
  }
}

std::size_t Client::SendSome(std::string_view bytes) {
  const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent >= 0) return static_cast<std::size_t>(sent);
  if (errno == EAGAIN) return 0;
  ADD_FAILURE() << "cannot send: " << std::strerror(errno);
  return bytes.size();  // else who sends all of it would try for ever
}

bool Client::ReadSome() {
  std::array<char, 65536> bytes;
  const ssize_t size = read(fd_, bytes.data(), bytes.size());
  if (size > 0) buffer_.append(bytes.data(), static_cast<std::size_t>(size));
  if (size == 0 || (size < 0 && errno != EAGAIN)) closed_ = true;
  return size > 0;
}

std::string Client::Line() {
  const auto whole = [this] {
    while (!closed_ && ReadSome()) {
    }
    return closed_ || buffer_.find('\n') != std::string::npos;
  };
  if (!loop_.RunUntil(whole, kPatience)) return "(nothing)";
  const std::size_t end = buffer_.find('\n');
  if (end == std::string::npos) return "(closed)";
  const std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  return line;
}

std::string Client::Rest() {
  int turns = 0;
  loop_.RunUntil(
      [this, &turns] {
        while (!closed_ && ReadSome()) {
        }
        return ++turns > 20;
      },
      20ms);
  return std::exchange(buffer_, "");
}

void Client::HalfClose() { shutdown(fd_, SHUT_WR); }

void Client::Close() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

SessionTest::SessionTest() {
  options.max_sessions = 100;
  options.max_sessions_per_uid = 100;
  options.max_unread_output = 256 * 1024;
  options.locks_per_session = 32;
  options.instance = "b007";
  options.node_addresses = {"10.0.0.1:6379", "10.0.0.2:6379", "10.0.0.3:6379"};
}

SessionTest::~SessionTest() {
  sessions.reset();
  if (fd_ >= 0) close(fd_);
}

void SessionTest::Start() {
  fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const sockaddr_un address = AddressOf(directory / "s");
  ASSERT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(fd_, 128), 0);
  StartAnother();
}

void SessionTest::Restart(engine::SessionId lost) {
  const State state = sessions->Save();
  EXPECT_EQ(WhyUnusable(state), "");
  const auto copy = [](int fd) { return redlock::base::Descriptor(fd < 0 ? -1 : dup(fd)); };
  std::map<engine::SessionId, Ends> ends;
  for (const EndsOf& of : sessions->Descriptors()) {
    if (of.session != lost) ends[of.session] = {copy(of.socket), copy(of.process), copy(of.page)};
  }
  StartAnother();
  sessions->Restore(state, std::move(ends));
  sessions->Resume();
}

void SessionTest::StartAnother() {
  sessions.reset();
  sessions = std::make_unique<Sessions>(loop, fd_, options, engine);
}

std::unique_ptr<Client> SessionTest::ConnectRaw() {
  if (!sessions) Start();
  return std::make_unique<Client>(loop, directory / "s");
}

std::unique_ptr<Client> SessionTest::Connect() {
  auto client = ConnectRaw();
  EXPECT_EQ(client->Line(), "* HELLO redlockd 1 caps=" + Caps() + " line=4096 boot=b007 now=" +
                                std::to_string(engine.now.time_since_epoch().count()));
  return client;
}

void SessionTest::Until(const std::function<bool()>& condition) {
  ASSERT_TRUE(loop.RunUntil(condition, kPatience));
}

void SessionTest::Turn(int turns) {
  loop.RunUntil([&turns] { return turns-- == 0; }, 20ms);
}

void SessionTest::Grant(const engine::LockRequested& lock, engine::Fence fence) {
  Answer(lock.session, lock.request,
         engine::Granted{lock.name, fence, engine.now + 10s, 10s, 2, 3, lock.mode});
}

void SessionTest::Notify(engine::SessionId session, engine::Notice::Kind kind,
                         const std::string& name, engine::Fence fence, engine::Time deadline) {
  engine::Notice notice{.kind = kind, .name = name, .fence = fence, .deadline = deadline};
  if (kind == engine::Notice::Kind::kLost) notice.reason = engine::LossReason::kDeadline;
  sessions->Notify({session, notice});
}

}  // namespace redlockd::session
