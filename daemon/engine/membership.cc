#include "daemon/engine/membership.h"

#include <algorithm>
#include <charconv>

namespace redlockd::engine {
namespace {

struct Parsed {
  std::size_t nodes = 0;
  std::vector<std::string_view> ids;
};

Parsed Parse(std::string_view set) {
  Parsed parsed;
  const auto colon = set.find(':');
  std::from_chars(set.data(), set.data() + std::min(colon, set.size()), parsed.nodes);
  if (colon == std::string_view::npos) return parsed;
  set.remove_prefix(colon + 1);
  while (!set.empty()) {
    const auto comma = set.find(',');
    parsed.ids.push_back(set.substr(0, comma));
    set.remove_prefix(comma == std::string_view::npos ? set.size() : comma + 1);
  }
  return parsed;
}

bool Contains(const std::vector<std::string_view>& ids, std::string_view id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

void Membership::Learn(NodeIndex node, const std::string& id, const std::string& set) {
  if (!id.empty()) ids_[node] = id;
  if (!set.empty()) seen_set_ = set;
}

std::string Membership::Own() const {
  std::vector<std::string> ids = ids_;
  std::sort(ids.begin(), ids.end());
  // A server that is listed twice (rule D8) is not two members.
  const bool twice = std::adjacent_find(ids.begin(), ids.end()) != ids.end();
  if (ids.front().empty() || twice) return {};
  std::string set = std::to_string(ids.size()) + ":";
  for (std::size_t i = 0; i < ids.size(); ++i) set += (i ? "," : "") + ids[i];
  return set;
}

bool Membership::Foreign(std::string_view set) const {
  if (set.empty()) return false;
  const std::string own = Own();
  if (!own.empty()) return set != own;
  const Parsed parsed = Parse(set);
  if (parsed.nodes != ids_.size()) return true;
  return std::any_of(ids_.begin(), ids_.end(), [&](const std::string& id) {
    return !id.empty() && !Contains(parsed.ids, id);
  });
}

std::optional<std::string> Membership::IdFor(NodeIndex node) const {
  if (!ids_[node].empty()) return ids_[node];
  if (seen_set_.empty()) return std::string();
  const Parsed parsed = Parse(seen_set_);
  std::vector<std::string_view> unclaimed;
  for (const auto id : parsed.ids) {
    if (std::find(ids_.begin(), ids_.end(), id) == ids_.end()) unclaimed.push_back(id);
  }
  // An id is given back only when there is no choice: with two nodes unknown, each could be either.
  const auto unknown = std::count(ids_.begin(), ids_.end(), std::string());
  if (parsed.nodes != ids_.size() || unclaimed.empty()) return std::string();
  if (unclaimed.size() != 1 || unknown != 1) return std::nullopt;
  return std::string(unclaimed.front());
}

}  // namespace redlockd::engine
