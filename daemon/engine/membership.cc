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
  Member& member = members_[node];
  member.heard = true;
  member.set = set;
  if (id.empty() || id == member.id) return;
  member.id = id;
  own_ = SetOfIds();
}

std::string Membership::SetOfIds() const {
  std::vector<std::string> ids;
  for (const Member& member : members_) ids.push_back(member.id);
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
  if (!own_.empty()) return set != own_;
  const Parsed parsed = Parse(set);
  if (parsed.nodes != members_.size()) return true;
  return std::any_of(members_.begin(), members_.end(), [&](const Member& member) {
    return !member.id.empty() && !Contains(parsed.ids, member.id);
  });
}

bool Membership::SetKnown() const {
  return std::any_of(members_.begin(), members_.end(),
                     [](const Member& member) { return !member.set.empty(); });
}

std::optional<std::string> Membership::IdFor(NodeIndex node) const {
  if (!members_[node].id.empty()) return members_[node].id;
  const bool all_heard = std::all_of(members_.begin(), members_.end(),
                                     [](const Member& member) { return member.heard; });
  if (!all_heard || SetKnown()) return std::nullopt;
  return std::string();
}

}  // namespace redlockd::engine
