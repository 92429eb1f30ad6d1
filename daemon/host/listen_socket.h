#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <variant>

#include "base/descriptor.h"
#include "daemon/host/handover.h"

namespace redlockd::host {

// The socket on which clients connect: a listening, non-blocking, close-on-exec AF_UNIX stream
// socket, got from the service manager or bound here. Owns the descriptor; owns the file too, if it
// bound it, and removes it at the end if it still is this socket's.
class ListenSocket {
 public:
  struct Error {
    std::string text;  // one sentence with the path or the reason in it
  };
  using OrError = std::variant<ListenSocket, Error>;

  // The service manager's, or the former process's, which it takes. Nothing if there was none. An error
  // if there was more than one, or something else than a listening AF_UNIX stream socket.
  static std::optional<OrError> Of(Inherited& inherited);

  struct Options {
    std::string path;
    mode_t mode = 0600;            // of the file
    std::optional<gid_t> group{};  // of the file
  };
  // Binds a new one. A socket that a dead daemon left there is replaced; one on which somebody
  // still listens, or a file of any other kind, is an error and stays. Nobody can connect before
  // mode and group are set. Starts at the same time are kept apart by a lock file beside the
  // socket, which no other user can open. The directory must exist.
  static OrError Bind(const Options& options);

  ListenSocket(ListenSocket&& other) noexcept;
  ListenSocket& operator=(ListenSocket&& other) noexcept;
  ListenSocket(const ListenSocket&) = delete;
  ListenSocket& operator=(const ListenSocket&) = delete;
  ~ListenSocket();

  int fd() const { return fd_.get(); }
  // It is the service manager's, who keeps it for the next daemon.
  bool is_inherited() const { return !file_.has_value(); }
  // What the administrator should know about where it is; empty: nothing.
  const std::string& warning() const { return warning_; }
  // Where clients find it; the first name of the socket if it is the service manager's.
  const std::string& path() const { return path_; }

 private:
  ListenSocket(redlock::base::Descriptor fd, std::string path)
      : fd_(std::move(fd)), path_(std::move(path)) {}

  redlock::base::Descriptor fd_;
  std::string path_;
  std::string warning_;
  // The file that Bind made: only that one is removed.
  struct FileId {
    dev_t device;
    ino_t inode;
    bool operator==(const FileId&) const = default;
  };
  std::optional<FileId> file_;
};

}  // namespace redlockd::host
