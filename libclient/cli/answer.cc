#include "libclient/cli/answer.h"

namespace redlock::cli {

std::string Row::Get(std::string_view key) const {
  for (const auto& [name, value] : fields_) {
    if (name == key) return value;
  }
  return {};
}

bool Row::Has(std::string_view key) const {
  for (const auto& [name, value] : fields_) {
    if (name == key) return true;
  }
  return false;
}

}  // namespace redlock::cli
