#include "daemon/app/sockets.h"

#include <cstdlib>
#include <utility>

#include "daemon/host/facts.h"
#include "daemon/host/tcp_socket.h"

namespace redlockd::app {
namespace {

host::ListenSocket::OrError Bind(const config::Config& config, const std::string& path) {
  host::ListenSocket::Options options{.path = path, .mode = config.socket_mode};
  if (!config.socket_group.empty()) {
    options.group = host::GroupId(config.socket_group);
    if (!options.group) {
      return host::ListenSocket::Error{"socket_group: there is no group " + config.socket_group};
    }
  }
  return host::ListenSocket::Bind(options);
}

}  // namespace

host::ListenSocket::OrError OpenSocket(const CommandLine& line, const config::Config& config,
                                       host::Inherited& inherited) {
  if (auto given = host::ListenSocket::Of(inherited)) return std::move(*given);
  return Bind(config, SocketPath(line, config));
}

std::string SocketPath(const CommandLine& line, const config::Config& config) {
  const char* environment = std::getenv("REDLOCK_SOCKET");
  if (!line.socket.empty()) return line.socket;
  return environment != nullptr && *environment != '\0' ? environment : config.socket;
}

std::variant<std::optional<MetricsSocket>, std::string> OpenMetricsSocket(
    const config::Config& config) {
  const auto& address = config.metrics.address;
  if (!address) return std::nullopt;
  if (const auto* tcp = std::get_if<config::TcpAddress>(&*address)) {
    auto socket = host::ListenOnTcp(tcp->host, tcp->port);
    if (const auto* error = std::get_if<std::string>(&socket)) {
      return "metrics.address: " + *error;
    }
    return MetricsSocket(std::get<redlock::base::Descriptor>(std::move(socket)));
  }
  auto socket = Bind(config, std::get<config::UnixAddress>(*address).path);
  if (const auto* error = std::get_if<host::ListenSocket::Error>(&socket)) {
    return "metrics.address: " + error->text;
  }
  return MetricsSocket(std::get<host::ListenSocket>(std::move(socket)));
}

}  // namespace redlockd::app
