#pragma once

#include <initializer_list>
#include <string>
#include <utility>

#include "libclient/cli/answer.h"

namespace redlock::cli {

// A row of an answer, with these fields in this order.
inline Row Of(std::initializer_list<std::pair<const char*, std::string>> fields) {
  Row row;
  for (const auto& [key, value] : fields) row.Add(key, value);
  return row;
}

}  // namespace redlock::cli
