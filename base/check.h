#pragma once

// What every room may know: how to say that something cannot be otherwise.
namespace redlock::base {

// Prints where the process found itself to be wrong, and aborts.
[[noreturn, gnu::cold]] void CheckFailed(const char* condition, const char* file, int line);

}  // namespace redlock::base

// CHECK(condition): an invariant. Where it does not hold, this program has a bug, and to go on
// could give one lock to two holders: the process ends with the expression and the place, in
// release builds too. For input and for what the environment does, return an error instead.
#define CHECK(condition) \
  ((condition) ? void(0) : ::redlock::base::CheckFailed(#condition, __FILE__, __LINE__))
