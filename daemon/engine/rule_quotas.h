#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/engine/allowance.h"
#include "daemon/engine/options.h"
#include "daemon/engine/state.h"
#include "daemon/engine/types.h"
#include "daemon/engine/views.h"

namespace redlockd::engine {

// What the names of each rule take of its quotas, of all users of this host together (rule C19). Knows
// no session and no lock: its owner reports how many there are.
class RuleQuotas {
 public:
  explicit RuleQuotas(const Quotas& quotas) { Change(quotas); }

  // From now on these count. What is in use is 0 until it is counted anew; refusals and new names go
  // on from where they were, where their quota does.
  void Change(const Quotas& quotas);

  // There are that many more locks of that name, and requests that wait for it. Fewer if negative.
  void Count(std::string_view name, int locks, int waits);

  // Each returns which quota one more would pass, for a person, and counts that as a refusal; none:
  // there is room. Only that for a new name is taken at once.
  std::optional<std::string> WhyNoLock(std::string_view name);
  std::optional<std::string> WhyNoWait(std::string_view name);
  std::optional<std::string> WhyNoNewName(Time now, std::string_view name);

  // What rules may ask for besides, for the next process, and from the former one.
  std::vector<record::Allowed> Save() const;
  void Restore(const std::vector<record::Allowed>& former);

  // Of each quota, in order of kind and prefix.
  std::vector<QuotaView> Views() const;

 private:
  struct Use {
    std::size_t most = 0;
    std::size_t used = 0;   // not of kNewNames
    Allowance new_names{};  // of kNewNames alone
    std::uint64_t refused = 0;
  };
  using Rule = std::pair<const std::string, Use>;

  void Change(QuotaKind kind, const Quotas::ByPrefix& quotas);
  // The rule that counts for the name; null if none has a quota of that kind.
  Rule* Find(QuotaKind kind, std::string_view name);
  void Count(QuotaKind kind, std::string_view name, int more);

  std::array<std::map<std::string, Use>, kQuotaKinds> by_prefix_;
};

}  // namespace redlockd::engine
