#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

// What a fuzz target says of an input that shows something wrong: where, what, and the end.
namespace redlockd::fuzz {

[[noreturn]] inline void Wrong(const char* file, int line, const std::string& what) {
  std::fprintf(stderr, "%s:%d: %s\n", file, line, what.c_str());
  std::abort();
}

}  // namespace redlockd::fuzz

#define FUZZ_CHECK(holds, what) \
  ((holds) ? void(0) : ::redlockd::fuzz::Wrong(__FILE__, __LINE__, (what)))
