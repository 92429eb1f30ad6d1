#include "tests/faults/sigterm.h"

#include <csignal>
#include <initializer_list>

namespace redlockd::test::faults {
namespace {
volatile std::sig_atomic_t stopping = 0;
}  // namespace

void HeedSigterm() {
  struct sigaction action {};
  action.sa_handler = [](int) { stopping = 1; };  // without SA_RESTART
  for (const int signal : {SIGTERM, SIGINT}) sigaction(signal, &action, nullptr);
}

bool Stopping() { return stopping != 0; }

}  // namespace redlockd::test::faults
