// libredlock's client with an owner.
#pragma once

#include <redlock/redlock.h>

#include <cstdint>
#include <memory>
#include <string>

namespace redlock::cli {

struct FreeClient {
  void operator()(redlock_client* client) const { redlock_free(client); }
};
using ClientPtr = std::unique_ptr<redlock_client, FreeClient>;

// A daemon that lives greets in less than a millisecond.
inline constexpr std::int64_t kConnectTimeoutNs = 10'000'000'000;

// A client connected to `socket`, or to libredlock's default if that is empty. Without one, *error
// is why, for redlock_strerror(), and *text the same in words.
ClientPtr Connect(const std::string& socket, int* error, std::string* text,
                  std::int64_t timeout_ns = kConnectTimeoutNs);

}  // namespace redlock::cli
