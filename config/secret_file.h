#pragma once

#include <string>

#include "config/secret.h"

namespace redlockd::config {

// A secret out of a file of one line, without the newline (LF or CR LF) at its end.
//
// Refused: a file that its group or others can write, as they could put their own secret there; an
// empty one, and one of several lines, which is some other file. Accepted with a warning: a file
// that others can read. A group may read it: that is how a daemon that is not root gets at it.
struct SecretRead {
  Secret secret;
  std::string error;    // "expected ..., found ..."; empty: none. Never anything of the content.
  std::string warning;  // likewise
};
SecretRead ReadSecretFile(const std::string& path);

}  // namespace redlockd::config
