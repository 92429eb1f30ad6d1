#include "libclient/cli/run/nested.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "protocol/name.h"

namespace redlock::cli {
namespace {

constexpr std::int64_t kAMomentNs = 1'000'000'000;

}  // namespace

std::string WithHeld(std::string_view held, std::string_view name, std::uint64_t fence) {
  std::string all(held);
  if (!all.empty()) all += ' ';
  return all + protocol::PercentEncode(name) + "=" + std::to_string(fence);
}

std::optional<std::uint64_t> HeldFence(std::string_view held, std::string_view name) {
  const std::string key = protocol::PercentEncode(name) + "=";
  std::optional<std::uint64_t> fence;
  while (!held.empty()) {
    const std::string_view word = held.substr(0, held.find(' '));
    held.remove_prefix(word.size() < held.size() ? word.size() + 1 : word.size());
    if (!word.starts_with(key)) continue;
    std::uint64_t number = 0;
    const char* const end = word.data() + word.size();
    const auto [rest, error] = std::from_chars(word.data() + key.size(), end, number);
    if (error == std::errc() && rest == end) fence = number;
  }
  return fence;
}

bool IsHeldAround(redlock_client* client, const std::string& name, std::int64_t answer_by) {
  const char* held = std::getenv(kHeldVariable);
  const auto fence = HeldFence(held == nullptr ? "" : held, name);
  if (!fence) return false;
  redlock_set_answer_timeout(client,
                             std::clamp<std::int64_t>(answer_by - redlock_now(), 1, kAMomentNs));
  redlock_grant grant = REDLOCK_GRANT_INIT;
  return redlock_check(client, name.c_str(), *fence, &grant) == REDLOCK_OK;
}

}  // namespace redlock::cli
