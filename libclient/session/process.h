// The sessions of this process, and what becomes of them in a child.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "libclient/session/engine.h"

namespace redlock::client {

// The number of the calling thread. No other thread ever has it, unlike a std::thread::id, which the
// next thread may get when one has ended.
std::uint64_t ThisThread();

class Session {
 public:
  explicit Session(std::string path) : path_(std::move(path)) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  // The engine of this process. A child gets one of its own. *problem: "" or why it has no thread.
  std::shared_ptr<Engine> RunningEngine(std::string* problem);

  // The threads that count as holders of names. False, and nothing is changed, if this one is a
  // holder of one of them already.
  bool Enter(const std::vector<HeldLock>& locks);
  void Leave(const std::vector<HeldLock>& locks, std::uint64_t thread);

  // The one that all parts of the process share, one for each path. It lasts as long as the process.
  static std::shared_ptr<Session> Shared(const std::string& path);

 private:
  friend class Forks;
  const std::string path_;
  // Never destroyed in a child of the process that made it.
  std::shared_ptr<Engine> engine_;
  std::set<std::pair<std::string, std::uint64_t>> holders_;  // names and threads
};

}  // namespace redlock::client
