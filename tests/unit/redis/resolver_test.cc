#include "daemon/redis/resolver.h"

#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>

#include <cstring>

namespace redlockd::redis {
namespace {

// The number of the interface that the address is reached through; 0: none in particular.
unsigned Scope(const std::string& host) {
  const auto found = Resolver::Numeric(host, 6379);
  if (!found) throw std::runtime_error("not an address: " + host);
  sockaddr_in6 address{};
  std::memcpy(&address, &found->storage, sizeof address);
  EXPECT_EQ(address.sin6_family, AF_INET6);
  return address.sin6_scope_id;
}

TEST(Numeric, AnIpv6AddressMayNameItsInterface) {
  const unsigned loopback = if_nametoindex("lo");
  ASSERT_NE(loopback, 0u);
  EXPECT_EQ(Scope("fe80::1%lo"), loopback);
  EXPECT_EQ(Scope("::1%lo"), loopback);
  EXPECT_EQ(Scope("fe80::1%" + std::to_string(loopback)), loopback);
  EXPECT_EQ(Scope("::1"), 0u);
}

TEST(Numeric, AnInterfaceThatIsNotThereIsNone) {
  EXPECT_FALSE(Resolver::Numeric("fe80::1%no-such", 6379));
}

}  // namespace
}  // namespace redlockd::redis
