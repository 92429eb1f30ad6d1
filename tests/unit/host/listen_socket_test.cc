#include "daemon/host/listen_socket.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/fd.h"
#include "tests/support/files.h"
#include "tests/support/process.h"

namespace redlockd::host {
namespace {

using test::Fd;

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return address;
}

// A socket of another program's; `listens` or is only bound.
Fd Foreign(const std::string& path, bool listens, int type = SOCK_STREAM) {
  Fd fd(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  const sockaddr_un address = AddressOf(path);
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_TRUE(!listens || listen(fd.get(), 1) == 0);
  return fd;
}

bool CanConnect(const std::string& path) {
  const Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = AddressOf(path);
  return connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

struct stat StatusOf(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(lstat(path.c_str(), &status), 0) << path;
  return status;
}

bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

std::string ErrorOf(const ListenSocket::OrError& made) {
  const auto* error = std::get_if<ListenSocket::Error>(&made);
  return error ? error->text : "none";
}

class BindTest : public ::testing::Test {
 protected:
  test::TempDir dir_;
  const std::string path_ = dir_ / "s";
};

TEST_F(BindTest, MakesASocketForClients) {
  const mode_t before = umask(0022);
  auto made = ListenSocket::Bind({.path = path_, .mode = 0666});
  EXPECT_EQ(umask(before), 0022u);  // as it was
  ASSERT_EQ(ErrorOf(made), "none");
  const auto& listener = std::get<ListenSocket>(made);
  EXPECT_EQ(listener.path(), path_);
  EXPECT_FALSE(listener.is_inherited());
  EXPECT_EQ(StatusOf(path_).st_mode, S_IFSOCK | 0666u);
  EXPECT_TRUE(CanConnect(path_));
  EXPECT_NE(fcntl(listener.fd(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(fcntl(listener.fd(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(BindTest, GivesTheSocketToItsGroup) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files to any group";
  const gid_t other = 12345;
  auto made = ListenSocket::Bind({.path = path_, .mode = 0660, .group = other});
  ASSERT_EQ(ErrorOf(made), "none");
  EXPECT_EQ(StatusOf(path_).st_gid, other);
  EXPECT_EQ(StatusOf(path_).st_mode, S_IFSOCK | 0660u);
}

TEST_F(BindTest, RemovesItsSocketAtTheEnd) {
  { auto made = ListenSocket::Bind({.path = path_}); }
  EXPECT_FALSE(Exists(path_));
}

TEST_F(BindTest, LeavesAnothersSocketAtTheEnd) {
  auto first = std::make_optional(ListenSocket::Bind({.path = path_}));
  ASSERT_EQ(unlink(path_.c_str()), 0);  // as an administrator would, or a new daemon
  auto second = ListenSocket::Bind({.path = path_});
  ASSERT_EQ(ErrorOf(second), "none");
  first.reset();
  EXPECT_TRUE(CanConnect(path_));
}

TEST_F(BindTest, IsOneSocketWhenMoved) {
  auto made = ListenSocket::Bind({.path = path_});
  std::optional<ListenSocket> moved(std::move(std::get<ListenSocket>(made)));
  { auto husk = std::move(made); }
  EXPECT_TRUE(CanConnect(path_));
  moved.reset();
  EXPECT_FALSE(Exists(path_));
}

TEST_F(BindTest, ReplacesWhatADeadDaemonLeft) {
  Foreign(path_, /*listens=*/true);  // closed at once
  ASSERT_TRUE(Exists(path_));
  auto made = ListenSocket::Bind({.path = path_});
  EXPECT_EQ(ErrorOf(made), "none");
  EXPECT_TRUE(CanConnect(path_));
}

TEST_F(BindTest, RefusesWhereSomebodyListens) {
  auto first = ListenSocket::Bind({.path = path_});
  EXPECT_EQ(ErrorOf(ListenSocket::Bind({.path = path_})), "another process listens on " + path_);
  EXPECT_TRUE(CanConnect(path_));
}

TEST_F(BindTest, RefusesWhereSomebodyListensAndIsBusy) {
  const Fd busy = Foreign(path_, /*listens=*/true);
  std::vector<Fd> waiting;  // until the backlog is full
  int error = 0;
  while (error == 0) {
    waiting.emplace_back(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const sockaddr_un address = AddressOf(path_);
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    error = connect(waiting.back().get(), generic, sizeof address) == 0 ? 0 : errno;
  }
  ASSERT_EQ(error, EAGAIN);
  EXPECT_EQ(ErrorOf(ListenSocket::Bind({.path = path_})), "another process listens on " + path_);
  EXPECT_TRUE(Exists(path_));
}

TEST_F(BindTest, RefusesWhatIsNotItsKind) {
  test::WriteFile(path_, "text");
  EXPECT_EQ(ErrorOf(ListenSocket::Bind({.path = path_})), path_ + " exists and is not a socket");
  EXPECT_EQ(test::ReadFile(path_), "text");

  const std::string datagrams = dir_ / "d";
  const Fd foreign = Foreign(datagrams, /*listens=*/false, SOCK_DGRAM);
  EXPECT_EQ(ErrorOf(ListenSocket::Bind({.path = datagrams})),
            "cannot find out who listens on " + datagrams + ": Protocol wrong type for socket");
  EXPECT_TRUE(Exists(datagrams));
}

TEST_F(BindTest, NeedsItsDirectory) {
  EXPECT_EQ(ErrorOf(ListenSocket::Bind({.path = dir_ / "none/s"})),
            "cannot find the directory " + (dir_ / "none") + ": No such file or directory");
}

TEST_F(BindTest, NeedsAPathThatFits) {
  const std::string fits = dir_ / std::string(107 - dir_.path().size() - 1, 'x');
  EXPECT_EQ(ErrorOf(ListenSocket::Bind({.path = fits})), "none");
  EXPECT_EQ(ErrorOf(ListenSocket::Bind({.path = fits + "x"})),
            "expected a socket's path of 1 to 107 bytes, found \"" + fits + "x\"");
  EXPECT_EQ(ErrorOf(ListenSocket::Bind({.path = ""})),
            "expected a socket's path of 1 to 107 bytes, found \"\"");
}

TEST_F(BindTest, KeepsStartsAtTheSameTimeApart) {
  const std::string lock = path_ + ".lock";
  Fd other(open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(flock(other.get(), LOCK_EX | LOCK_NB), 0);
  EXPECT_EQ(ErrorOf(ListenSocket::Bind({.path = path_})),
            "another process holds the lock file " + lock);
  EXPECT_FALSE(Exists(path_));
  EXPECT_TRUE(Exists(lock));
  other.Close();  // as if it had died with it
  auto made = ListenSocket::Bind({.path = path_});
  EXPECT_EQ(ErrorOf(made), "none");
  EXPECT_FALSE(Exists(lock));
}

// Everybody who can read a directory can lock it, forever.
TEST_F(BindTest, StartsWhereAnotherUserHasLockedTheDirectory) {
  const Fd other(open(dir_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(flock(other.get(), LOCK_EX | LOCK_NB), 0);
  auto made = ListenSocket::Bind({.path = path_});
  EXPECT_EQ(ErrorOf(made), "none");
}

TEST_F(BindTest, TakesNoLockThatAnotherUserCanHave) {
  const std::string lock = path_ + ".lock";
  test::WriteFile(lock, "");
  ASSERT_EQ(chmod(lock.c_str(), 0644), 0);
  EXPECT_THAT(ErrorOf(ListenSocket::Bind({.path = path_})),
              testing::StartsWith("expected " + lock + " to be accessible only to this user"));
  ASSERT_EQ(unlink(lock.c_str()), 0);
  ASSERT_EQ(mkfifo(lock.c_str(), 0600), 0);
  EXPECT_THAT(ErrorOf(ListenSocket::Bind({.path = path_})),
              testing::StartsWith("expected " + lock + " to be accessible only to this user"));
  ASSERT_EQ(unlink(lock.c_str()), 0);
  ASSERT_EQ(symlink((dir_ / "elsewhere").c_str(), lock.c_str()), 0);
  EXPECT_THAT(ErrorOf(ListenSocket::Bind({.path = path_})),
              testing::StartsWith("cannot make " + lock + ": "));
  EXPECT_FALSE(Exists(dir_ / "elsewhere"));
}

TEST_F(BindTest, WarnsOfADirectoryInWhichOthersCanMakeFiles) {
  const auto warning = [&](mode_t mode) {
    EXPECT_EQ(chmod(dir_.path().c_str(), mode), 0);
    const auto made = ListenSocket::Bind({.path = path_});
    EXPECT_EQ(ErrorOf(made), "none");
    return std::get<ListenSocket>(made).warning();
  };
  EXPECT_EQ(warning(0700), "");
  EXPECT_EQ(warning(0755), "");
  for (const mode_t mode : {0775u, 0777u, 01777u}) {
    EXPECT_THAT(warning(mode),
                testing::HasSubstr("other users can create files in " + dir_.path()));
  }
}

TEST_F(BindTest, SaysWhoseSocketIsThereFirst) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files to another user";
  const Fd other = Foreign(path_, /*listens=*/true);
  ASSERT_EQ(chown(path_.c_str(), 12345, 12345), 0);
  EXPECT_EQ(ErrorOf(ListenSocket::Bind({.path = path_})),
            "another process listens on " + path_ + ", a socket of uid 12345");
}

// What activated_program says when it is given these descriptors as 3, 4, ...
class ActivationTest : public ::testing::Test {
 protected:
  static std::string Activate(const std::vector<int>& fds) {
    std::string command;
    for (std::size_t i = 0; i < fds.size(); ++i) {
      command += std::to_string(i + 3) + "<&" + std::to_string(fds[i]) + " ";
    }
    command = "exec " ACTIVATED_PROGRAM " " + std::to_string(fds.size()) + " " + command;
    test::Process::Options options;
    options.keep = fds;
    test::Process process({"sh", "-c", command}, options);
    return process.ReadLine();
  }

  test::TempDir dir_;
  const std::string path_ = dir_ / "s";
};

TEST_F(ActivationTest, TakesTheSocket) {
  const Fd listener = Foreign(path_, /*listens=*/true);
  EXPECT_EQ(Activate({listener.get()}),
            "socket fd=3 path=" + path_ + " nonblocking=1 cloexec=1 env=0 inherited=1");
  EXPECT_TRUE(Exists(path_));  // it is the service manager's
}

TEST_F(ActivationTest, IsNotThereWithoutSockets) { EXPECT_EQ(Activate({}), "none"); }

TEST_F(ActivationTest, RefusesSeveral) {
  const Fd first = Foreign(path_, /*listens=*/true);
  const Fd second = Foreign(dir_ / "t", /*listens=*/true);
  EXPECT_EQ(Activate({first.get(), second.get()}),
            "error: expected one socket from the service manager, found 2");
}

TEST_F(ActivationTest, RefusesOtherKinds) {
  const std::string refusal =
      "error: expected a listening Unix stream socket from the service manager, found something "
      "else";
  const Fd datagrams = Foreign(path_, /*listens=*/false, SOCK_DGRAM);
  EXPECT_EQ(Activate({datagrams.get()}), refusal);
  const Fd deaf = Foreign(dir_ / "t", /*listens=*/false);
  EXPECT_EQ(Activate({deaf.get()}), refusal);
  const Fd tcp(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(listen(tcp.get(), 1), 0);
  EXPECT_EQ(Activate({tcp.get()}), refusal);
  const Fd file(open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(Activate({file.get()}), refusal);
}

}  // namespace
}  // namespace redlockd::host
