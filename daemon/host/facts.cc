#include "daemon/host/facts.h"

#include <grp.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>
#include <vector>

namespace redlockd::host {
namespace {

std::chrono::nanoseconds Of(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

}  // namespace

std::string HostName() {
  utsname names{};
  uname(&names);  // fails for a bad pointer only
  return names.nodename;
}

std::optional<gid_t> GroupId(const std::string& name) {
  // A group's entry holds all its members: there is no bound to it but the one that we set.
  constexpr std::size_t kMostBytes = std::size_t{16} << 20;
  for (std::vector<char> buffer(4096); buffer.size() <= kMostBytes;
       buffer.resize(2 * buffer.size())) {
    group entry{};
    group* found = nullptr;
    const int error = getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (error == ERANGE) continue;
    if (found == nullptr) return std::nullopt;
    return entry.gr_gid;
  }
  return std::nullopt;
}

std::chrono::nanoseconds CpuTime() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return Of(usage.ru_utime) + Of(usage.ru_stime);
}

std::size_t ResidentBytes() {
  std::size_t size = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace redlockd::host
