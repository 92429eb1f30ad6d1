#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>

#include "tests/support/files.h"

namespace redlockd::config {

// A private directory whose files have the modes that a test wants.
class FileDir : public test::TempDir {
 public:
  // The path of the new file.
  std::string Write(std::string_view name, std::string_view text, mode_t mode = 0600) const {
    std::string path = *this / name;
    test::WriteFile(path, text);
    chmod(path.c_str(), mode);
    return path;
  }
};

}  // namespace redlockd::config
