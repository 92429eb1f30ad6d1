#include "libclient/cli/client.h"

#include <cstdint>

namespace redlock::cli {
namespace {

// A daemon that lives greets in less than a millisecond.
constexpr std::int64_t kConnectTimeoutNs = 10'000'000'000;

}  // namespace

ClientPtr Connect(const std::string& socket, int* error, std::string* text) {
  ClientPtr client(redlock_new());
  if (client == nullptr) {
    *error = REDLOCK_ENOMEM;
    *text = redlock_strerror(*error);
    return nullptr;
  }
  *error =
      redlock_connect(client.get(), socket.empty() ? nullptr : socket.c_str(), kConnectTimeoutNs);
  if (*error == REDLOCK_OK) return client;
  *text = redlock_error_text(client.get());
  return nullptr;
}

}  // namespace redlock::cli
