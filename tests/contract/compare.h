#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/contract/sides.h"
#include "tests/contract/step.h"

namespace redlockd::contract {

// What must be the same of an error: the text, or code and place (of another kind of server).
enum class Errors { kWithWords, kWithoutWords };

// Does the steps on both sides, from empty ones. Where they first differ: both replies, or both
// states; none: nowhere.
struct Difference {
  std::size_t step;
  std::string text;
};
std::optional<Difference> Compare(FakeSide& fake, RealSide& real, const std::vector<Step>& steps,
                                  Errors errors);

// As few of the steps as will do for a difference, and what that is; for a person to read.
std::string Story(FakeSide& fake, RealSide& real, std::vector<Step> steps, Errors errors);

}  // namespace redlockd::contract
