#pragma once

#include <openssl/ssl.h>

#include <string>

#include "daemon/event/tls_context.h"

// Why TLS does not work, for a person who can change the settings of either side. Inside of this
// room only.
namespace redlockd::event {

// What the verification of the server's certificates has just found wrong.
std::string WhyNotTrusted(const X509_STORE_CTX* found, const TlsSettings& settings);

// What the error queue of OpenSSL says. `was_asked`: the server has asked for a certificate.
std::string WhyFailed(const TlsSettings& settings, bool was_asked);

inline constexpr char kNoTls[] = "the server does not speak TLS on this port";

}  // namespace redlockd::event
