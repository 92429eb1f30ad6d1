#include "daemon/engine/options.h"

namespace redlockd::engine {

Duration Linger::Of(std::string_view name) const {
  // Among the prefixes of one name, the longest comes last in the order of names.
  for (auto rule = by_prefix.rbegin(); rule != by_prefix.rend(); ++rule) {
    if (name.starts_with(rule->first)) return rule->second;
  }
  return usual;
}

}  // namespace redlockd::engine
