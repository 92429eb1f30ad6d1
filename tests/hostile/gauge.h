#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "tests/support/daemon.h"
#include "tests/support/files.h"

namespace redlockd::test {

// What a daemon has taken of the machine.
struct Usage {
  std::size_t heap = 0;      // bytes that are allocated, exactly
  std::size_t resident = 0;  // bytes in memory (VmRSS); under ASan of little meaning
  std::size_t descriptors = 0;
};

// Reads it off. Made before the daemon, which is to be started with Environment().
class Gauge {
 public:
  Gauge();
  // Of ASan it is asked to give back at once what is freed: else that counts for some time as used.
  std::map<std::string, std::string> Environment() const;

  Usage Read(const Daemon& daemon) const;

 private:
  std::size_t Heap(const Process& process) const;

  TempDir dir_;
};

}  // namespace redlockd::test
