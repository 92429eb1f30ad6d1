#include "config/address.h"

#include <arpa/inet.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>

namespace redlockd::config {
namespace {

std::optional<std::uint16_t> ParsePort(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

// The one spelling of an IP address that the system prints, or nothing if `text` is not one.
template <int kFamily>
std::optional<std::string> CanonicalIp(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  std::array<char, INET6_ADDRSTRLEN> canonical{};
  if (inet_pton(kFamily, text.c_str(), bytes.data()) != 1) return std::nullopt;
  return inet_ntop(kFamily, bytes.data(), canonical.data(), canonical.size());
}

// An IPv6 address, with the network interface behind a '%' that it is to be reached through: a
// link-local one leads nowhere without.
std::optional<std::string> ParseIpv6(const std::string& text) {
  const std::size_t percent = text.find('%');
  const auto address = CanonicalIp<AF_INET6>(text.substr(0, percent));
  if (!address || percent == std::string::npos) return address;
  const std::string scope = text.substr(percent + 1);
  const bool fits = !scope.empty() && scope.size() < IF_NAMESIZE;
  const auto is_of_name = [](char c) {
    return c > ' ' && c <= '~' && std::string_view("/:%[]").find(c) == std::string_view::npos;
  };
  if (!fits || !std::all_of(scope.begin(), scope.end(), is_of_name)) return std::nullopt;
  return *address + "%" + scope;
}

bool IsHostCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

// A name, or an IPv4 address. A last label of digits alone is neither (`10.0.1`, `10.0.0.256`): the
// resolver would take the first as an address of its own choice.
std::optional<std::string> ParseNameOrIpv4(std::string_view text) {
  std::string host(text);
  std::transform(host.begin(), host.end(), host.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (host.empty() || host.size() > 253) return std::nullopt;
  if (!std::all_of(host.begin(), host.end(), IsHostCharacter)) return std::nullopt;
  const std::string last = host.substr(host.rfind('.') + 1);
  if (last.find_first_not_of("0123456789") == std::string::npos) return CanonicalIp<AF_INET>(host);
  return host;
}

std::optional<Address> ParseUnix(std::string_view path) {
  if (path.empty() || path.front() != '/' || path.size() > kMaxSocketPath) return std::nullopt;
  if (path.find('\0') != std::string_view::npos) return std::nullopt;
  return UnixAddress{std::filesystem::path(path).lexically_normal().string()};
}

}  // namespace

std::optional<std::string> ParseHost(std::string_view text) {
  if (text.find(':') != std::string_view::npos) return CanonicalIp<AF_INET6>(std::string(text));
  return ParseNameOrIpv4(text);
}

bool IsIpAddress(const std::string& host) {
  return CanonicalIp<AF_INET>(host) || CanonicalIp<AF_INET6>(host.substr(0, host.find('%')));
}

std::optional<Address> ParseAddress(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  if (text.substr(0, kUnix.size()) == kUnix) return ParseUnix(text.substr(kUnix.size()));

  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::optional<std::uint16_t> port = ParsePort(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  if (!port || host.empty()) return std::nullopt;

  std::optional<std::string> canonical;
  if (host.front() == '[' && host.back() == ']') {
    canonical = ParseIpv6(std::string(host.substr(1, host.size() - 2)));
  } else {
    canonical = ParseNameOrIpv4(host);
  }
  if (!canonical) return std::nullopt;
  return TcpAddress{*canonical, *port};
}

std::string ToString(const Address& address) {
  if (const auto* local = std::get_if<UnixAddress>(&address)) return "unix:" + local->path;
  const auto& tcp = std::get<TcpAddress>(address);
  const bool is_ipv6 = tcp.host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + tcp.host + "]" : tcp.host) + ":" + std::to_string(tcp.port);
}

}  // namespace redlockd::config
