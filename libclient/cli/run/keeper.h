// What is left of `redlock run` when it is killed.
//
// SIGKILL ends the wrapper at any time, and nobody would end the command at its deadline any more.
// So there is a second process, which does nothing but wait for that. It has a process group of its
// own, so that a signal to the wrapper's does not reach it, and a copy of the session's socket, so
// that the lock stays, and is renewed, as long as it lives. When the wrapper is gone it kills the
// command's group and stays until nothing is left of that.
#pragma once

#include <sys/types.h>

#include "base/descriptor.h"

namespace redlock::cli {

class Keeper {
 public:
  // Throws std::system_error if there can be no process.
  Keeper();
  // The command has ended: nothing is left to be done.
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  // In the child, before it becomes the command: this is its group.
  void Watch(pid_t group) const;

 private:
  // The writing end of a pipe: the group, then a byte if all is well; else its end.
  base::Descriptor news_;
};

}  // namespace redlock::cli
