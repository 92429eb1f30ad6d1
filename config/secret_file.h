#pragma once

#include <string>

#include "config/secret.h"

namespace redlockd::config {

// A secret out of a file of one line, without the newline (LF or CR LF) at its end.
//
// Refused: a file of a wrong mode (CheckSecretMode in file.h), an empty one, and one of several
// lines, which is some other file.
struct SecretRead {
  Secret secret;
  std::string error;    // "expected ..., found ..."; empty: none. Never anything of the content.
  std::string warning;  // likewise
};
SecretRead ReadSecretFile(const std::string& path);

}  // namespace redlockd::config
