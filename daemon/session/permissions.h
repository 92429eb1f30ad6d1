#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/session/peer.h"

namespace redlockd::session {

// What one may do with a lock.
enum class Right : std::uint8_t { kLock, kSee, kBreak };
inline constexpr std::size_t kRights = 3;

struct Who {
  bool everybody = false;
  std::vector<uid_t> users{};
  std::vector<gid_t> groups{};
};

// Who may do what with which locks, besides administrators, who may do all of it. For each right, the
// longest prefix of a lock's name that something was set for counts. Without one everybody may lock
// and see, and nobody break.
class Permissions {
 public:
  void Set(Right right, const std::string& prefix, Who who);
  bool May(Right right, std::string_view name, const Peer& peer) const;
  // Whether all users may.
  bool MayEverybody(Right right, std::string_view name) const;

 private:
  // Null if nothing was set for it.
  const Who* WhoMay(Right right, std::string_view name) const;

  using ByPrefix = std::map<std::string, Who, std::less<>>;
  std::array<ByPrefix, kRights> rules_;
};

}  // namespace redlockd::session
