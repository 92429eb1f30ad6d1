#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/contract/sides.h"
#include "tests/contract/step.h"

namespace redlockd::contract {

// What must be the same of an error: the text, or its code and its place in the script, or the
// place.
enum class Errors { kText, kCodeAndPlace, kPlace };
Errors ErrorsOf(const test::Server& server);

bool Same(const sim::Reply& real, const sim::Reply& fake, Errors errors);

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
