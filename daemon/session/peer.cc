#include "daemon/session/peer.h"

#include <fcntl.h>
#include <poll.h>
extern "C" {  // glibc 2.36 forgets to say so
#include <sys/pidfd.h>
}
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "daemon/event/watch.h"

// Linux 6.5; missing in the headers of Debian 12.
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

namespace redlockd::session {
namespace {

using redlock::base::Descriptor;

Descriptor ProcessOf(int fd, pid_t pid) {
  int process = -1;
  socklen_t size = sizeof process;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &process, &size) == 0) return Descriptor(process);
  if (errno != ENOPROTOOPT || pid <= 0) return Descriptor();
  // An older kernel. The pid may belong to another process by now, but hardly so while the one
  // that connected still has its end of the socket.
  Descriptor opened(pidfd_open(pid, 0));
  if (event::LookAt(fd) == event::PeerState::kGone) opened.Reset();
  return opened;
}

std::string CommandOf(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/comm";
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return "";
  std::array<char, 64> text;
  const ssize_t size = read(file.get(), text.data(), text.size());
  std::string command(text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  if (command.ends_with('\n')) command.pop_back();
  return command;
}

// Of a process with that main group.
std::vector<gid_t> GroupsOf(int fd, gid_t main) {
  std::vector<gid_t> groups(32);
  while (true) {
    auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    const bool done = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0;
    if (!done && errno != ERANGE) return {main};
    groups.resize(size / sizeof(gid_t));  // what there is, or what is needed
    if (done) break;
  }
  if (std::find(groups.begin(), groups.end(), main) == groups.end()) groups.push_back(main);
  groups.shrink_to_fit();
  return groups;
}

bool IsAdmin(const Peer& peer, std::optional<gid_t> admin_group) {
  if (peer.uid == 0 || peer.uid == geteuid()) return true;
  return admin_group &&
         std::find(peer.groups.begin(), peer.groups.end(), *admin_group) != peer.groups.end();
}

}  // namespace

bool Peer::Gone() const {
  pollfd look{process.get(), POLLIN, 0};
  return process && poll(&look, 1, 0) > 0;
}

std::optional<Peer> PeerOf(int fd, std::optional<gid_t> admin_group) {
  ucred who{};
  socklen_t size = sizeof who;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return std::nullopt;
  Peer peer;
  peer.pid = who.pid;
  peer.uid = who.uid;
  peer.groups = GroupsOf(fd, who.gid);
  peer.admin = IsAdmin(peer, admin_group);
  peer.process = ProcessOf(fd, who.pid);
  peer.command = CommandOf(who.pid);
  // Read of a process that took over the pid, maybe.
  if (peer.Gone()) peer.command.clear();
  return peer;
}

}  // namespace redlockd::session
