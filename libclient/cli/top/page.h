// What `redlock top` shows, as text.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "libclient/cli/answer.h"

namespace redlock::cli {

// What the daemon said at one time, or why it said nothing.
struct Sample {
  std::chrono::steady_clock::time_point at;
  Answer nodes;
  Answer stats;
  Answer list;
  std::string trouble;  // empty: none
};

// How much room there is. 0 places: lines are as long as they are; 0 lines: there are as many as need be.
struct Room {
  std::size_t places = 0;
  std::size_t lines = 0;
};

// The sample as a page, of whole lines. Rates are those since `before`, if there is one. `time` is for
// the head of the page. Locks that most wait for come first, then those that are held for longest.
std::string PageOf(const Sample& now, const std::optional<Sample>& before, std::string_view time,
                   Room room);

}  // namespace redlock::cli
