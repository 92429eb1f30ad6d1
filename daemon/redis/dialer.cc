#include "daemon/redis/dialer.h"

#include <sys/un.h>

#include <cstring>
#include <optional>
#include <utility>
#include <vector>

namespace redlockd::redis {
namespace {

std::optional<SocketAddress> UnixAddress(const std::string& path) {
  sockaddr_un name{};
  if (path.size() >= sizeof name.sun_path) return std::nullopt;
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), path.size());
  SocketAddress address;
  std::memcpy(&address.storage, &name, sizeof name);
  address.size = sizeof name;
  return address;
}

}  // namespace

Dialer::Dialer(Resolver& resolver, const Address& address)
    : resolver_(resolver), address_(address) {}

void Dialer::Find(std::function<void(Found)> callback) {
  ++count_;
  if (!address_.path.empty()) {
    if (const auto local = UnixAddress(address_.path)) return callback(*local);
    return callback("connect: the socket's path is too long");
  }
  if (const auto numeric = Resolver::Numeric(address_.host, address_.port)) {
    return callback(*numeric);
  }
  lookup_ = resolver_.Find(address_.host, address_.port,
                           [this, callback = std::move(callback)](Resolver::Found found) {
                             lookup_.reset();
                             if (const auto* error = std::get_if<std::string>(&found)) {
                               return callback("resolve " + address_.host + ": " + *error);
                             }
                             const auto& addresses = std::get<std::vector<SocketAddress>>(found);
                             callback(addresses[count_ % addresses.size()]);
                           });
}

}  // namespace redlockd::redis
