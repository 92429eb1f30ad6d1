#pragma once

#include <map>
#include <string>
#include <string_view>

#include "daemon/engine/histogram.h"
#include "daemon/engine/options.h"

namespace redlockd::engine {

// How long requests waited and locks were held, since the start. By the rule that a name is under, never
// by name: there are as many names as clients think of.
class Histograms {
 public:
  struct OfRule {
    Histogram waits;    // from the request to its grant
    Histogram holds;    // from the grant to the end of the hold
    Histogram margins;  // what a hold had left to its deadline when that was put off
  };

  // `rules` outlives it.
  explicit Histograms(const Linger& rules) : rules_(rules) {}

  OfRule& Of(std::string_view name) {
    const std::string_view prefix = rules_.PrefixOf(name);
    const auto found = by_prefix_.find(prefix);
    return found != by_prefix_.end() ? found->second : by_prefix_[std::string(prefix)];
  }
  // By the rule's prefix; "" for the names that no rule is for.
  const auto& by_prefix() const { return by_prefix_; }

 private:
  const Linger& rules_;
  std::map<std::string, OfRule, std::less<>> by_prefix_;
};

}  // namespace redlockd::engine
