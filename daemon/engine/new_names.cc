#include "daemon/engine/new_names.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"

namespace redlockd::engine {
namespace {

constexpr std::size_t kBitsPerName = 16;
constexpr int kBitsSet = 4;  // for each name
constexpr std::size_t kMostCapacity = std::size_t{1} << 22;
constexpr std::size_t kUsers = 1024;  // that are kept however little they asked for lately

// One of the usual ways to spread the bits of a number over all of it.
std::uint64_t Spread(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// What one user can ask for in a generation, rounded up.
std::size_t CapacityFor(std::size_t a_second, Duration fence_life) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(fence_life + Allowance::kSaved);
  const std::size_t names = a_second * static_cast<std::size_t>(seconds.count());
  return std::bit_ceil(std::clamp<std::size_t>(names, 64, kMostCapacity));
}

}  // namespace

NewNames::NewNames(const Limits& limits, RuleQuotas& quotas, Duration fence_life, Random& random)
    : limits_(limits),
      quotas_(quotas),
      fence_life_(fence_life),
      seed_(random.Below(UINT64_MAX)),
      capacity_(CapacityFor(a_second(), fence_life)) {}

std::optional<std::string> NewNames::Admit(Time now, std::uint32_t uid, std::string_view name) {
  if (bits_.empty() || now >= ends_ || added_ >= capacity_) BeginGeneration(now);
  const std::uint64_t hash = HashOf(name);
  if (Has(hash)) return std::nullopt;
  Allowance& of_user = of_users_[uid];
  if (!of_user.HasRoom(now, a_second())) {
    return "uid " + std::to_string(uid) + " asks for too many new names: expected at most " +
           std::to_string(a_second()) + " per second";
  }
  if (auto quota = quotas_.WhyNoNewName(now, name)) return quota;
  of_user.Take(now, a_second());
  Add(hash);
  ++count_;
  return std::nullopt;
}

void NewNames::BeginGeneration(Time now) {
  capacity_ = CapacityFor(a_second(), fence_life_);
  bits_.assign(capacity_ * kBitsPerName / 64, 0);
  added_ = 0;
  ends_ = now + fence_life_;
  if (of_users_.size() < kUsers) return;
  std::erase_if(of_users_, [now](const auto& entry) { return entry.second.IsFull(now); });
}

// The filter is large, and mostly empty.
record::Names NewNames::Save() const {
  record::Names names{.seed = seed_,
                      .bits = {},
                      .capacity = capacity_,
                      .added = added_,
                      .ends = ends_,
                      .users = {}};
  for (std::size_t at = 0; at < bits_.size(); ++at) {
    if (bits_[at] != 0) names.bits.insert(names.bits.end(), {at, bits_[at]});
  }
  for (const auto& [uid, allowance] : of_users_) {
    names.users.push_back({.uid = uid, .prefix = {}, .full_at = allowance.full_at()});
  }
  std::sort(names.users.begin(), names.users.end(),
            [](const auto& a, const auto& b) { return a.uid < b.uid; });
  return names;
}

// A user goes on with the names that it has asked for, and with what it may ask for besides.
void NewNames::Restore(const record::Names& former) {
  for (const record::Allowed& user : former.users) of_users_[user.uid].Restore(user.full_at);
  if (former.bits.empty() || former.capacity > kMostCapacity) return;
  seed_ = former.seed;
  capacity_ = former.capacity;
  added_ = former.added;
  ends_ = former.ends;
  bits_.assign(capacity_ * kBitsPerName / 64, 0);
  for (std::size_t i = 0; i + 1 < former.bits.size(); i += 2) {
    if (former.bits[i] < bits_.size()) bits_[former.bits[i]] = former.bits[i + 1];
  }
}

std::uint64_t NewNames::HashOf(std::string_view name) const {
  std::uint64_t hash = seed_ ^ name.size();
  while (!name.empty()) {
    std::uint64_t part = 0;
    const std::size_t size = std::min(name.size(), sizeof part);
    std::memcpy(&part, name.data(), size);
    hash = Spread(hash + seed_ + part);
    name.remove_prefix(size);
  }
  return Spread(hash);
}

bool NewNames::Has(std::uint64_t hash) const {
  for (int i = 0; i < kBitsSet; ++i) {
    hash = Spread(hash + seed_);
    const std::size_t bit = hash % (bits_.size() * 64);
    if (!(bits_[bit / 64] >> (bit % 64) & 1)) return false;
  }
  return true;
}

void NewNames::Add(std::uint64_t hash) {
  for (int i = 0; i < kBitsSet; ++i) {
    hash = Spread(hash + seed_);
    const std::size_t bit = hash % (bits_.size() * 64);
    bits_[bit / 64] |= std::uint64_t{1} << (bit % 64);
  }
  ++added_;
  CHECK(added_ <= capacity_);
}

}  // namespace redlockd::engine
