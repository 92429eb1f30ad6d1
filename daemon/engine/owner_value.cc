#include "daemon/engine/owner_value.h"

namespace redlockd::engine {

std::string OwnerValue(std::string_view instance, AttemptNumber attempt, std::string_view host) {
  const std::string number = std::to_string(attempt);
  std::string owner;
  owner.reserve(instance.size() + number.size() + host.size() + 2);
  owner.append(instance).append(":").append(number).append(":").append(host);
  return owner;
}

std::optional<OwnerParts> ParseOwnerValue(std::string_view owner) {
  const std::size_t instance = owner.find(':');
  if (instance == 0 || instance == owner.npos) return std::nullopt;
  const std::size_t attempt = owner.find_first_not_of("0123456789", instance + 1);
  if (attempt == owner.npos || attempt == instance + 1 || owner[attempt] != ':') {
    return std::nullopt;
  }
  return OwnerParts{owner.substr(0, instance), owner.substr(attempt + 1)};
}

}  // namespace redlockd::engine
