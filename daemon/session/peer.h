#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "daemon/session/descriptor.h"

namespace redlockd::session {

// Who connected: the process as it was at that moment. Its children may go on with the socket.
struct Peer {
  pid_t pid = 0;  // 0: of another pid namespace
  uid_t uid = 0;
  bool admin = false;
  std::string command;  // its name, as the kernel has it (15 bytes); empty if it had gone already
  Descriptor process;   // a pidfd; none if the kernel gives none

  // The process has ended, whoever has the socket now.
  bool Gone() const;
};

// Of a connected Unix socket. Administrators are uid 0, the daemon's own uid, and who was in
// `admin_group` when connecting, by its main or a supplementary group. Nothing if the socket has no
// peer any more.
std::optional<Peer> PeerOf(int fd, std::optional<gid_t> admin_group);

}  // namespace redlockd::session
