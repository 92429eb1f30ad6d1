#pragma once

#include <string>
#include <vector>

#include "config/load.h"

namespace redlockd::config {

// Each of `problems`, which are of `loaded`, as the administrator reads it.
inline std::vector<std::string> Texts(const Loaded& loaded, const std::vector<Problem>& problems) {
  std::vector<std::string> texts;
  for (const Problem& problem : problems) texts.push_back(loaded.Text(problem));
  return texts;
}

}  // namespace redlockd::config
