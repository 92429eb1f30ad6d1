#include "libclient/cli/client.h"

#include <cstdint>

namespace redlock::cli {

ClientPtr Connect(const std::string& socket, int* error, std::string* text,
                  std::int64_t timeout_ns) {
  ClientPtr client(redlock_new());
  if (client == nullptr) {
    *error = REDLOCK_ENOMEM;
    *text = redlock_strerror(*error);
    return nullptr;
  }
  *error = redlock_connect(client.get(), socket.empty() ? nullptr : socket.c_str(), timeout_ns);
  if (*error == REDLOCK_OK) return client;
  *text = redlock_error_text(client.get());
  return nullptr;
}

}  // namespace redlock::cli
