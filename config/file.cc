#include "config/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/descriptor.h"

namespace redlockd::config {
namespace {

Unread NotReadable(const std::string& path, int error) {
  return {"no readable file " + path + ": " + std::strerror(error)};
}

std::variant<File, Unread> ReadOpen(int fd, const std::string& path, std::size_t most) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return NotReadable(path, errno);
  if (!S_ISREG(status.st_mode)) return Unread{path + ", which is not a regular file"};
  const Unread too_long{path + ", which has more than " + std::to_string(most) + " bytes"};
  if (static_cast<std::size_t>(status.st_size) > most) return too_long;

  File file{"", status.st_mode & 07777};
  char part[4096];
  while (true) {
    const ssize_t got = read(fd, part, sizeof part);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return NotReadable(path, errno);
    if (got == 0) return file;
    file.text.append(part, static_cast<std::size_t>(got));
    if (file.text.size() > most) return too_long;  // it grew
  }
}

}  // namespace

std::variant<File, Unread> ReadRegularFile(const std::string& path, std::size_t most) {
  const redlock::base::Descriptor fd(
      open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  return fd ? ReadOpen(fd.get(), path, most) : NotReadable(path, errno);
}

ModeProblem CheckSecretMode(mode_t mode, const std::string& path) {
  ModeProblem problem;
  const std::string found = ", found " + path + " with mode " + ModeText(mode);
  if ((mode & 0022) != 0) {
    problem.error = "expected a file that only its owner can write" + found;
  } else if ((mode & 0004) != 0) {
    problem.warning = "expected a file that others cannot read" + found + "; run chmod o= on it";
  }
  return problem;
}

std::string ModeText(mode_t mode) {
  std::string text;
  for (const int shift : {9, 6, 3, 0}) text += static_cast<char>('0' + (mode >> shift & 7));
  return text;
}

}  // namespace redlockd::config
