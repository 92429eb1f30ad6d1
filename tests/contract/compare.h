#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/contract/sides.h"
#include "tests/contract/step.h"

namespace redlockd::contract {

// How often the real node gave each answer: the verdict of a script, the code of an error, or "-".
using Census = std::map<std::string, std::size_t>;

// Does the steps on both sides, from empty ones. Where they first differ: both replies, or both
// states; none: nowhere.
struct Difference {
  std::size_t step;
  std::string text;
};
std::optional<Difference> Compare(FakeSide& fake, RealSide& real, const std::vector<Step>& steps,
                                  Census& census);

// As few of the steps as will do for a difference, and what that is; for a person to read.
std::string Story(FakeSide& fake, RealSide& real, std::vector<Step> steps);

}  // namespace redlockd::contract
