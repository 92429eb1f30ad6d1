#include "tests/support/acting_as.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <stdexcept>

namespace redlockd::test {
namespace {

// The system call itself is of this thread alone; what the C library makes of it is not.
void BecomeUser(uid_t uid) {
  if (syscall(SYS_setresuid, -1, uid, -1) != 0) throw std::runtime_error("cannot change the user");
}

}  // namespace

ActingAs::ActingAs(uid_t uid) { BecomeUser(uid); }

ActingAs::~ActingAs() { syscall(SYS_setresuid, -1, 0, -1); }

bool ActingAs::Possible() { return geteuid() == 0; }

}  // namespace redlockd::test
