#pragma once

#include <string>

namespace redlockd::config {

// The text of a file in PEM, as it is: OpenSSL alone knows what it says. One that holds a secret is
// held to the same modes as a password's (secret_file.h).
struct PemRead {
  std::string text;
  std::string error;    // "expected ..., found ..."; empty: none
  std::string warning;  // likewise
};
PemRead ReadPemFile(const std::string& path, bool is_secret);

}  // namespace redlockd::config
