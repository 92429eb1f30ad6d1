#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "daemon/redis/options.h"
#include "daemon/redis/resolver.h"

namespace redlockd::redis {

// Finds where to connect to for one node. A name is looked up anew each time; one with several
// addresses is tried at one after the other.
class Dialer {
 public:
  using Found = std::variant<SocketAddress, std::string>;  // or why there is none

  Dialer(Resolver& resolver, const Address& address);  // both outlive it

  // Calls back within the call, or, for a name, in a later turn of the loop; once, and not if it is
  // called again before. The callback may call it, but not destroy it.
  void Find(std::function<void(Found)> callback);

 private:
  Resolver& resolver_;
  const Address& address_;
  std::size_t count_ = 0;
  std::unique_ptr<Resolver::Lookup> lookup_;
};

}  // namespace redlockd::redis
