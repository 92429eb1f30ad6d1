#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "daemon/event/loop.h"
#include "daemon/event/watch.h"

namespace redlockd::redis {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

// Host names to addresses, without blocking the loop: each lookup is a getaddrinfo in a thread of
// its own, so that a name server that hangs for one node's name does not hold up another's. (Not
// libevent's evdns: it would not see what nsswitch.conf of this host says.) Threads that are still
// busy when the resolver goes touch nothing of it any more.
class Resolver {
 public:
  using Found = std::variant<std::vector<SocketAddress>, std::string>;  // addresses (>= 1), or why
                                                                        // there are none
  // Cancels when it is destroyed; must be destroyed before the resolver.
  class Lookup {
   public:
    ~Lookup() { resolver_.waiting_.erase(id_); }
    Lookup(const Lookup&) = delete;
    Lookup& operator=(const Lookup&) = delete;

   private:
    friend class Resolver;
    Lookup(Resolver& resolver, std::uint64_t id) : resolver_(resolver), id_(id) {}
    Resolver& resolver_;
    std::uint64_t id_;
  };

  explicit Resolver(event::Loop& loop);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Calls back in the loop, in a later turn; the callback may destroy the lookup.
  std::unique_ptr<Lookup> Find(const std::string& host, std::uint16_t port,
                               std::function<void(Found)> callback);

  // Returns the address for "127.0.0.1" and the like at once; nothing for a name.
  static std::optional<SocketAddress> Numeric(const std::string& host, std::uint16_t port);

 private:
  struct Shared;  // with the threads
  void Deliver();

  std::shared_ptr<Shared> shared_;
  std::uint64_t last_ = 0;
  std::unordered_map<std::uint64_t, std::function<void(Found)>> waiting_;
  std::unique_ptr<event::Watch> watch_;
};

}  // namespace redlockd::redis
