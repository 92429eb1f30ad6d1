#include "daemon/host/listen_socket.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/check.h"
#include "base/descriptor.h"

namespace redlockd::host {
namespace {

using Error = ListenSocket::Error;
using redlock::base::Descriptor;

Error Failed(const std::string& doing, int error) {
  return Error{"cannot " + doing + ": " + std::strerror(error)};
}

// What sockaddr_un takes, less its terminating NUL.
constexpr std::size_t kMostBytes = sizeof(sockaddr_un::sun_path) - 1;

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  CHECK(path.size() <= kMostBytes);
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

std::string NameOf(int fd) {
  sockaddr_un address{};
  socklen_t size = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "";
  const std::size_t length = size - offsetof(sockaddr_un, sun_path);
  if (length == 0 || address.sun_path[0] == '\0') return "";  // unnamed or abstract
  return std::string(address.sun_path, strnlen(address.sun_path, length));
}

// Removes what a dead daemon left at `path`; an error if anything there is to be kept.
std::optional<Error> ClearWay(const std::string& path) {
  struct stat file {};
  if (lstat(path.c_str(), &file) != 0) {
    if (errno == ENOENT) return std::nullopt;
    return Failed("look at " + path, errno);
  }
  if (!S_ISSOCK(file.st_mode)) return Error{path + " exists and is not a socket"};

  const Descriptor probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return Failed("make a socket", errno);
  const sockaddr_un address = AddressOf(path);
  const int result =
      connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  // Only a refusal says that nobody listens. EAGAIN, a full backlog, is somebody too; EPROTOTYPE is
  // another kind of socket, which is none of ours.
  if (result != 0 && errno != ECONNREFUSED && errno != EAGAIN) {
    return Failed("find out who listens on " + path, errno);
  }
  if (result == 0 || errno == EAGAIN) {
    const std::string whose =
        file.st_uid == geteuid() ? "" : ", a socket of uid " + std::to_string(file.st_uid);
    return Error{"another process listens on " + path + whose};
  }
  if (unlink(path.c_str()) != 0) return Failed("remove the stale socket " + path, errno);
  return std::nullopt;
}

// Keeps starts at the same time apart, by a lock on a file that only this user can open: a lock on
// the directory could be held forever by everybody who can read that. The file goes with the lock.
class StartLock {
 public:
  explicit StartLock(const std::string& socket) : path_(socket + ".lock") {}
  ~StartLock() {
    if (fd_) unlink(path_.c_str());
  }
  StartLock(const StartLock&) = delete;
  StartLock& operator=(const StartLock&) = delete;

  std::optional<Error> Take() {
    while (!fd_) {
      Descriptor fd(open(path_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
      struct stat file {};
      if (!fd || fstat(fd.get(), &file) != 0) return Failed("make " + path_, errno);
      if (!S_ISREG(file.st_mode) || file.st_uid != geteuid() || (file.st_mode & 077) != 0) {
        return Error{"expected " + path_ +
                     " to be accessible only to this user, found a file of uid " +
                     std::to_string(file.st_uid) + "; remove it"};
      }
      if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) return Error{"another process holds the lock file " + path_};
        return Failed("lock " + path_, errno);
      }
      // Who had it before may have taken the file away meanwhile.
      struct stat now {};
      const bool is_there = lstat(path_.c_str(), &now) == 0;
      if (is_there && now.st_dev == file.st_dev && now.st_ino == file.st_ino) fd_ = std::move(fd);
    }
    return std::nullopt;
  }

 private:
  const std::string path_;
  Descriptor fd_;
};

// Others who can make files in the directory can be there first, or take the socket's place.
std::string WarningOf(const std::string& directory, const struct stat& status) {
  const bool is_safe_owner = status.st_uid == 0 || status.st_uid == geteuid();
  if (is_safe_owner && (status.st_mode & 022) == 0) return "";
  return "other users can create files in " + directory +
         ": they can keep redlockd from starting or impersonate it; expected a directory that only "
         "root or the daemon's user can write to";
}

// bind() makes the file with the mode that the umask leaves: none at all, until it is given away.
int BindClosed(int fd, const std::string& path) {
  const sockaddr_un address = AddressOf(path);
  const mode_t before = umask(0777);
  const int result = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = errno;
  umask(before);
  return result == 0 ? 0 : error;
}

}  // namespace

std::optional<ListenSocket::OrError> ListenSocket::Of(Inherited& inherited) {
  if (inherited.error < 0) {
    return Failed("take the service manager's sockets", -inherited.error);
  }
  const std::size_t count = inherited.sockets.size();
  if (count == 0) return std::nullopt;
  if (count > 1) {
    return Error{"expected one socket from the service manager, found " + std::to_string(count)};
  }
  Descriptor fd = std::move(inherited.sockets.front());
  inherited.sockets.clear();
  if (sd_is_socket_unix(fd.get(), SOCK_STREAM, /*listening=*/1, nullptr, 0) <= 0) {
    return Error{
        "expected a listening Unix stream socket from the service manager, found something else"};
  }
  if (fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) | O_NONBLOCK) != 0) {
    return Failed("make the service manager's socket non-blocking", errno);
  }
  const std::string path = NameOf(fd.get());
  ListenSocket made(std::move(fd), path);
  struct stat file {};
  if (inherited.binds && lstat(path.c_str(), &file) == 0) {
    made.file_ = FileId{file.st_dev, file.st_ino};
  }
  return made;
}

ListenSocket::OrError ListenSocket::Bind(const Options& options) {
  const std::string& path = options.path;
  if (path.empty() || path.size() > kMostBytes) {
    return Error{"expected a socket's path of 1 to " + std::to_string(kMostBytes) +
                 " bytes, found \"" + path + "\""};
  }
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::string directory = parent.empty() ? "." : parent.string();
  struct stat status {};
  if (stat(directory.c_str(), &status) != 0) {
    return Failed("find the directory " + directory, errno);
  }
  StartLock lock(path);
  if (std::optional<Error> error = lock.Take()) return *error;
  if (std::optional<Error> error = ClearWay(path)) return *error;
  Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Failed("make a socket", errno);
  if (const int error = BindClosed(fd.get(), path)) return Failed("bind " + path, error);

  ListenSocket made(std::move(fd), path);
  made.warning_ = WarningOf(directory, status);
  struct stat file {};
  if (lstat(path.c_str(), &file) != 0) return Failed("look at " + path, errno);
  made.file_ = FileId{file.st_dev, file.st_ino};
  if (options.group && chown(path.c_str(), static_cast<uid_t>(-1), *options.group) != 0) {
    return Failed("give " + path + " to group " + std::to_string(*options.group), errno);
  }
  if (chmod(path.c_str(), options.mode) != 0) return Failed("set the mode of " + path, errno);
  if (listen(made.fd(), SOMAXCONN) != 0) return Failed("listen on " + path, errno);
  return made;
}

ListenSocket::ListenSocket(ListenSocket&& other) noexcept = default;

ListenSocket& ListenSocket::operator=(ListenSocket&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  std::swap(warning_, other.warning_);
  std::swap(file_, other.file_);
  return *this;
}

ListenSocket::~ListenSocket() {
  if (!fd_) return;
  struct stat file {};
  if (file_ && lstat(path_.c_str(), &file) == 0 && FileId{file.st_dev, file.st_ino} == *file_) {
    unlink(path_.c_str());
  }
}

}  // namespace redlockd::host
