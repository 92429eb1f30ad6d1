#include "tests/faults/sigterm.h"

#include <csignal>

namespace redlockd::test::faults {
namespace {
volatile std::sig_atomic_t stopping = 0;
}  // namespace

void HeedSigterm() {
  struct sigaction action {};
  action.sa_handler = [](int) { stopping = 1; };  // without SA_RESTART
  sigaction(SIGTERM, &action, nullptr);
}

bool Stopping() { return stopping != 0; }

}  // namespace redlockd::test::faults
