#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

namespace redlockd::test {

// A private directory under $TMPDIR (or /tmp), removed with all that is in it. Its path is short
// enough for sockets.
class TempDir {
 public:
  TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir();

  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + '/' + std::string(name); }

 private:
  std::string path_;
};

// These throw std::runtime_error with the path and the reason; ReadFile gives "" for no such file.
std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, std::string_view text);

// A process's state letter from /proc (R S D T Z ...); 0 once it is gone.
char StateOf(pid_t pid);

}  // namespace redlockd::test
