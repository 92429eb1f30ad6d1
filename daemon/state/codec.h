#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/engine/state.h"
#include "daemon/session/state.h"

// What a daemon's process leaves to the next one, as bytes (rules H). They go from one version to
// another, so the format only grows:
//
//   "REDLOCKD" version:u32 length:u64 checksum:u64 body
//
// All numbers are little-endian. Each record of the body begins with its length; its fields follow
// in their order. A reader takes the fields that it knows, and skips the rest; those that are missing
// at the end of a record have their defaults. So fields are added at the end of a record and never
// taken away, and values of an enum are never given to something else. Where that is not enough, the
// version grows, and who does not know it takes nothing over: version 2 has locks that are shared, which a
// daemon that knows version 1 would take for locks of one holder. What has none is still written as version 1.
namespace redlockd::state {

inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::uint32_t kVersionWithShared = 2;

struct Image {
  // Of which nodes, and under which settings that leases rest on: as text, to be compared.
  std::vector<std::string> terms{};
  engine::State engine{};
  session::State sessions{};
  bool operator==(const Image&) const = default;
};

std::string Encode(const Image& image);
// The image, or, in one sentence, why it cannot be read. `bytes` may be anything.
std::variant<Image, std::string> Decode(std::string_view bytes);
// The body with the header that belongs before it.
std::string Seal(std::string_view body, std::uint32_t version = kVersion);

}  // namespace redlockd::state
