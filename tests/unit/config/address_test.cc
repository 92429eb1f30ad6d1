#include "config/address.h"

#include <gtest/gtest.h>

#include <string>

namespace redlockd::config {
namespace {

// The address as it was understood, or "none".
std::string Understood(std::string_view text) {
  const std::optional<Address> address = ParseAddress(text);
  return address ? ToString(*address) : "none";
}

TEST(Address, TakesNameAndPort) {
  const std::optional<Address> address = ParseAddress("redis-a.example.net:6379");
  ASSERT_TRUE(address);
  EXPECT_EQ(std::get<TcpAddress>(*address), (TcpAddress{"redis-a.example.net", 6379}));
}

TEST(Address, TakesIpv6InBrackets) {
  const std::optional<Address> address = ParseAddress("[2001:db8::1]:6379");
  ASSERT_TRUE(address);
  EXPECT_EQ(std::get<TcpAddress>(*address), (TcpAddress{"2001:db8::1", 6379}));
}

TEST(Address, TakesIpv6WithAnInterface) {
  const std::optional<Address> address = ParseAddress("[FE80::1%eth0]:6379");
  ASSERT_TRUE(address);
  EXPECT_EQ(std::get<TcpAddress>(*address), (TcpAddress{"fe80::1%eth0", 6379}));
  EXPECT_EQ(Understood("[FE80:0::1%Eth0.100]:6379"), "[fe80::1%Eth0.100]:6379");
  EXPECT_EQ(Understood("[fe80::1%2]:1"), "[fe80::1%2]:1");
  EXPECT_EQ(Understood("[::1%lo]:1"), "[::1%lo]:1");
}

TEST(Address, TakesUnixPath) {
  const std::optional<Address> address = ParseAddress("unix:/run/redis/a.sock");
  ASSERT_TRUE(address);
  EXPECT_EQ(std::get<UnixAddress>(*address), (UnixAddress{"/run/redis/a.sock"}));
}

TEST(Address, HasOneSpelling) {
  EXPECT_EQ(Understood("Redis.Example.NET:1"), "redis.example.net:1");
  EXPECT_EQ(Understood("[2001:DB8:0:0::1]:1"), "[2001:db8::1]:1");
  EXPECT_EQ(Understood("10.0.0.1:06379"), "10.0.0.1:6379");
  EXPECT_EQ(Understood("unix:/run//redis/./x/../a.sock"), "unix:/run/redis/a.sock");
}

TEST(Address, RefusesWhatIsNone) {
  for (const std::string_view text : {"",
                                      "redis",
                                      "redis:",
                                      ":6379",
                                      "redis:0",
                                      "redis:65536",
                                      "redis:-1",
                                      "redis:+1",
                                      "redis:6379 ",
                                      "redis:63x",
                                      "re dis:1",
                                      "re/dis:1",
                                      "2001:db8::1:6379",
                                      "[2001:db8::1]",
                                      "[redis]:1",
                                      "[]:1",
                                      "[10.0.0.1]:1",
                                      "[fe80::1%]:1",
                                      "[fe80::1%a%b]:1",
                                      "[fe80::1%a/b]:1",
                                      "[fe80::1% eth0]:1",
                                      "[fe80::1%an-interface-too-long]:1",
                                      "[%eth0]:1",
                                      "fe80::1%eth0:1",
                                      "redis%eth0:1",
                                      "10.0.0.1%eth0:1",
                                      "10.0.0.256:1",
                                      "10.0.1:1",
                                      "unix:",
                                      "unix:run/a.sock",
                                      "tcp://redis:1"}) {
    EXPECT_EQ(Understood(text), "none") << text;
  }
}

TEST(Address, BoundsLengths) {
  EXPECT_NE(Understood(std::string(253, 'a') + ":1"), "none");
  EXPECT_EQ(Understood(std::string(254, 'a') + ":1"), "none");
  EXPECT_NE(Understood("unix:/" + std::string(kMaxSocketPath - 1, 'a')), "none");
  EXPECT_EQ(Understood("unix:/" + std::string(kMaxSocketPath, 'a')), "none");
}

}  // namespace
}  // namespace redlockd::config
