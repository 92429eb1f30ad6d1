// The signals of `redlock run`: read from a descriptor, forwarded to the command, and given back to
// it as the wrapper found them.
//
// A signal that was ignored when redlock began (nohup, a background job of a plain shell) stays
// ignored and is not forwarded: the command ignores it too.
#pragma once

#include <signal.h>

#include <vector>

#include "base/descriptor.h"

namespace redlock::cli {

// Sets what the signal does; gives what it did before, for sigaction().
struct sigaction ReplaceHandler(int signal, void (*handler)(int));

class Signals {
 public:
  // Blocks and reads those that end a wait: TERM INT HUP QUIT USR1 USR2. A stop (^Z) works as
  // always then. SIGPIPE is ignored from here on.
  Signals();

  // From now on also WINCH, TSTP, CONT and CHLD are read, and TTOU is held off: for the time in
  // which there is a command.
  void ReadAll();

  // Polls readable when Take() has something to give.
  int fd() const { return fd_.get(); }

  // Those that came since, in no order.
  std::vector<int> Take();

  // Stops this process group as `stop` (TSTP, TTIN, TTOU) would have without a wrapper. Returns
  // when it goes on; at once where such a stop has no effect (an orphaned group). The SIGCONT is
  // taken.
  void StopOwnGroup(int stop);

  // The mask and the dispositions with which redlock was started: in the child, and where another
  // Signals may follow.
  void RestoreInherited() const;

 private:
  void Read(const std::vector<int>& more);

  sigset_t inherited_mask_;
  struct sigaction inherited_chld_;
  struct sigaction inherited_pipe_;
  sigset_t read_;
  base::Descriptor fd_;
};

}  // namespace redlock::cli
