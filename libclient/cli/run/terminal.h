// The controlling terminal, and which process group has it. All of it does nothing without one.
#pragma once

#include <sys/types.h>

#include "base/descriptor.h"

namespace redlock::cli {

class Terminal {
 public:
  Terminal();

  bool exists() const { return fd_.get() >= 0; }

  // Our own process group is in the foreground.
  bool IsOurs() const;

  bool IsOf(pid_t group) const;

  // Not so in a pipeline: the others of it, in our group, may want the terminal as well.
  bool is_all_ours_to_give() const { return stdio_is_terminal_; }

  // Both need SIGTTOU blocked. TakeBack only if `group` has it.
  void GiveTo(pid_t group) const;
  void TakeBackFrom(pid_t group) const;

 private:
  base::Descriptor fd_;
  bool stdio_is_terminal_;
};

}  // namespace redlock::cli
