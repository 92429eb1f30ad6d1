#pragma once

#include <optional>
#include <string>
#include <variant>

#include "base/descriptor.h"
#include "config/config.h"
#include "daemon/app/command_line.h"
#include "daemon/host/handover.h"
#include "daemon/host/listen_socket.h"

// The sockets that the daemon listens on.
namespace redlockd::app {

// Where clients connect, if no descriptor says otherwise.
std::string SocketPath(const CommandLine& line, const config::Config& config);

// For clients. The first that is given of: the former process's or the service manager's, --socket, $REDLOCK_SOCKET, the
// configuration's.
// What was inherited is taken.
host::ListenSocket::OrError OpenSocket(const CommandLine& line, const config::Config& config,
                                       host::Inherited& inherited);

// For metrics: a Unix socket, or a TCP port.
using MetricsSocket = std::variant<host::ListenSocket, redlock::base::Descriptor>;

// What metrics.address says; nothing if it says nothing. Or, in one sentence, why it cannot be had.
std::variant<std::optional<MetricsSocket>, std::string> OpenMetricsSocket(
    const config::Config& config);

}  // namespace redlockd::app
