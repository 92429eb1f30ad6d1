#pragma once

#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

#include "daemon/engine/engine.h"

namespace redlockd::test {

// All holds, or all waits, of the engine, in order of name and then of place in line.
template <typename View>
std::vector<View> RowsOf(const engine::Engine& engine, engine::Time now) {
  std::vector<View> views;
  for (engine::RowView& row : engine.Rows(now, {}, SIZE_MAX)) {
    if (auto* view = std::get_if<View>(&row)) views.push_back(std::move(*view));
  }
  return views;
}

}  // namespace redlockd::test
