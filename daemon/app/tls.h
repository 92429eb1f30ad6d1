#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "config/config.h"
#include "config/load.h"
#include "daemon/event/tls_context.h"

// How nodes are spoken to in TLS: from the keys of the configuration to what a handshake needs.
namespace redlockd::app {

// Reads the files anew each time it is asked, so that they can be replaced without a restart. Empty
// if connections to the node are plain.
event::TlsSource TlsSourceOf(const config::Node& node);

// Adds to `loaded` what is wrong with what its nodes' files say, and warns of certificates of this host
// that expire soon. Only for a configuration without errors.
void CheckTls(config::Loaded& loaded);

// Until when the certificate is valid that is shown to each node, as its file says: 1970 if the file
// cannot be read, and none where none is shown.
using Expiries = std::vector<std::optional<std::chrono::sys_seconds>>;
Expiries CertificateExpiries(const config::Config& config);

// The same for who asks often: the files are read again once a minute.
class CertificateWatch {
 public:
  const Expiries& Look(const config::Config& config);

 private:
  std::optional<std::chrono::steady_clock::time_point> read_at_;
  Expiries expiries_;
};

}  // namespace redlockd::app
