#include "libclient/permission.h"

#include <grp.h>
#include <sys/stat.h>

#include <array>

namespace redlock::client {
namespace {

std::string NameOf(gid_t gid) {
  std::array<char, 4096> buffer;
  group entry{};
  group* found = nullptr;
  getgrgid_r(gid, &entry, buffer.data(), buffer.size(), &found);
  return found == nullptr ? std::to_string(gid) : entry.gr_name;
}

}  // namespace

std::string WhoMayConnect(const std::string& path) {
  struct stat file {};
  if (stat(path.c_str(), &file) != 0) return {};  // it is the directory that refuses
  const bool is_for_group = (file.st_mode & 0020) != 0 && (file.st_mode & 0002) == 0;
  if (!is_for_group) return {};
  return " (only members of group " + NameOf(file.st_gid) +
         " may connect; a new member must log in again)";
}

}  // namespace redlock::client
