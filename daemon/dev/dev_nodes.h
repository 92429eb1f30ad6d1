#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace redlockd::dev {

// The throw-away nodes of --dev: redis-server processes of our own, each on a Unix socket in a
// private directory, keeping nothing on disk. They go down with this object, and if the daemon is
// killed the kernel kills them (parent-death signal). Only their directory is left then.
class DevNodes {
 public:
  // Starts them and waits until all answer. `count` >= 1. The directory is made under
  // $XDG_RUNTIME_DIR if that is set, else under /tmp. Throws std::runtime_error with what is
  // missing: redis-server not installed, a directory that cannot be made, a server that ended or
  // did not answer within 10 s. To be called by the process's first thread, which the parent-death
  // signal is bound to.
  explicit DevNodes(unsigned count);
  ~DevNodes();
  DevNodes(const DevNodes&) = delete;
  DevNodes& operator=(const DevNodes&) = delete;

  const std::string& directory() const { return directory_; }
  const std::vector<std::string>& sockets() const { return sockets_; }
  const std::vector<pid_t>& pids() const { return pids_; }

 private:
  void Start(const std::string& socket);
  void WaitUntilAnswering(std::size_t node) const;
  void TakeDown();

  std::string directory_;
  std::vector<std::string> sockets_;
  std::vector<pid_t> pids_;
};

}  // namespace redlockd::dev
