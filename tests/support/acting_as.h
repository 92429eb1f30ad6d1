#pragma once

#include <sys/types.h>

namespace redlockd::test {

// Who connects to a daemon meanwhile, in this thread, is that user. Only root can do so.
class ActingAs {
 public:
  explicit ActingAs(uid_t uid);
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;
  ~ActingAs();

  static bool Possible();
};

}  // namespace redlockd::test
