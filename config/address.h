#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace redlockd::config {

struct TcpAddress {
  std::string host;  // a name, an IPv4 address, or an IPv6 address without its brackets, which may
                     // end in an interface: "fe80::1%eth0"
  std::uint16_t port = 0;
  auto operator<=>(const TcpAddress&) const = default;
};

struct UnixAddress {
  std::string path;  // absolute, at most kMaxSocketPath bytes
  auto operator<=>(const UnixAddress&) const = default;
};

// Where a node listens. Equal addresses are the same place; different ones may be, too: a name and
// its number, two ports of one proxy. Those are found when connected (rule D8).
using Address = std::variant<TcpAddress, UnixAddress>;

// What sockaddr_un takes, less its terminating NUL.
inline constexpr std::size_t kMaxSocketPath = 107;

// `HOST:PORT`, `[IPV6]:PORT`, `[IPV6%INTERFACE]:PORT` or `unix:/PATH`; nothing if it is none of
// them. The host is kept in lower case and an IP address in its canonical spelling, so that ==
// finds one address spelt in two ways. Names are not resolved here.
std::optional<Address> ParseAddress(std::string_view text);

// A name, or an IP address without brackets, interface or port; nothing if it is neither. Spelt as
// ParseAddress does.
std::optional<std::string> ParseHost(std::string_view text);

// Whether the host of an address is an IP address, and no name.
bool IsIpAddress(const std::string& host);

// What ParseAddress takes, in short, for messages.
inline constexpr std::string_view kAddressSyntax = "HOST:PORT, [IPV6]:PORT or unix:/PATH";

// The address in ParseAddress's syntax.
std::string ToString(const Address& address);

}  // namespace redlockd::config
