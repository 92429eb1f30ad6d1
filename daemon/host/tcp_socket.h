#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "base/descriptor.h"

namespace redlockd::host {

// A listening, non-blocking, close-on-exec TCP socket on a port of `ip`, an address of this host; or, in
// one sentence, why there is none.
std::variant<redlock::base::Descriptor, std::string> ListenOnTcp(const std::string& ip,
                                                                 std::uint16_t port);

}  // namespace redlockd::host
