#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/descriptor.h"

namespace redlockd::session {

// Who connected: the process as it was at that moment. Its children may go on with the socket.
struct Peer {
  pid_t pid = 0;  // 0: of another pid namespace
  uid_t uid = 0;
  std::vector<gid_t> groups;  // its main group and the others
  bool admin = false;
  std::string command;  // its name, as the kernel has it (15 bytes); empty if it had gone already
  redlock::base::Descriptor process;  // a pidfd; none if the kernel gives none

  // Whether the process has ended, though others may have the socket.
  bool Gone() const;
};

// Returns the peer of a connected Unix socket, or nothing if it has none any more. Administrators
// are uid 0, the daemon's own uid, and processes that were in `admin_group` when they connected.
std::optional<Peer> PeerOf(int fd, std::optional<gid_t> admin_group);

}  // namespace redlockd::session
