#pragma once

#include <array>
#include <string_view>

namespace redlockd::status {

// A part of the page as it is served. All of them are static; page/ has their sources.
struct Part {
  std::string_view name;  // "status.html"
  std::string_view type;  // for the header Content-Type
  std::string_view text;
};

// In the order of page/CMakeLists: the page itself comes first.
const std::array<Part, 3>& Parts();

// For the header Content-Security-Policy: the parts load each other and status.json from where they
// are themselves, and nothing else happens; whatever stands in a name, it is run nowhere.
inline constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

}  // namespace redlockd::status
