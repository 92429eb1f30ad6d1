#pragma once

#include <sys/types.h>

#include <string>
#include <variant>

namespace redlockd::config {

struct File {
  std::string text;
  mode_t mode;  // permission bits
};

// Why a file was not read, to stand after "found": "nothing at /x: No such file or directory".
// Never anything of its content.
struct Unread {
  std::string why;
};

// The whole of a regular file, through symbolic links, of at most `most` bytes. Anything else at
// `path` (a pipe would block, a device has no end) is not read.
std::variant<File, Unread> ReadRegularFile(const std::string& path, std::size_t most);

// What is wrong with the mode of a file that holds a secret, both "expected ..., found ...", or
// empty. An error: its group or others can write it, and put a secret of their own there. A
// warning: others can read it. A group may: that is how a daemon that is not root gets at it.
struct ModeProblem {
  std::string error;
  std::string warning;
};
ModeProblem CheckSecretMode(mode_t mode, const std::string& path);

// Permission bits as chmod takes them: "0640".
std::string ModeText(mode_t mode);

}  // namespace redlockd::config
