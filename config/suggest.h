#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace redlockd::config {

// How many letters must be put in, taken out, changed, or swapped with their neighbour, to make one
// word of the other.
std::size_t EditDistance(std::string_view a, std::string_view b);

// The candidate that was probably meant by `word`: the nearest, if no more than a third of the
// letters differ. The first of several.
std::optional<std::string> Nearest(std::string_view word,
                                   const std::vector<std::string>& candidates);

}  // namespace redlockd::config
