#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "daemon/engine/allowance.h"
#include "daemon/engine/options.h"
#include "daemon/engine/random.h"
#include "daemon/engine/rule_quotas.h"
#include "daemon/engine/state.h"
#include "daemon/engine/types.h"

namespace redlockd::engine {

// Bounds how many names a user can make the nodes remember: each leaves a fence there for
// fence_life (rule C14). A name is new unless somebody here asked for it since a generation began,
// which lasts for fence_life; a user may ask for a number of new ones per second, and for what it
// has not asked for in the last minute besides.
//
// What was asked for is kept as a Bloom filter: of a fixed size, whatever clients do. One name in
// some hundred is taken for an old one, which makes the bound that much looser.
class NewNames {
 public:
  // `limits` outlives it, and may change. So do the quotas, which are asked for each new name.
  NewNames(const Limits& limits, RuleQuotas& quotas, Duration fence_life, Random& random);

  // Returns why the user may not ask for this name now, for a person. None: the user may, and the
  // name counts, if it is new.
  std::optional<std::string> Admit(Time now, std::uint32_t uid, std::string_view name);

  std::size_t a_second() const { return limits_.new_names_per_uid; }
  std::uint64_t count() const { return count_; }  // of new names, ever

  // For the next process, and from the former one.
  record::Names Save() const;
  void Restore(const record::Names& former);

 private:
  void BeginGeneration(Time now);
  std::uint64_t HashOf(std::string_view name) const;
  // The bits of the filter that stand for it: whether all of them are set, or to set them.
  bool Has(std::uint64_t hash) const;
  void Add(std::uint64_t hash);

  const Limits& limits_;
  RuleQuotas& quotas_;
  const Duration fence_life_;
  std::uint64_t seed_;               // so that nobody can find out which names have the same hash
  std::size_t capacity_;             // of this generation
  std::vector<std::uint64_t> bits_;  // once there is a name
  std::size_t added_ = 0;            // in this generation
  Time ends_;                        // of this generation
  std::uint64_t count_ = 0;
  std::unordered_map<std::uint32_t, Allowance> of_users_;  // by uid
};

}  // namespace redlockd::engine
