#include "daemon/host/facts.h"

#include <grp.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <vector>

namespace redlockd::host {
namespace {

std::chrono::nanoseconds Of(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

// The numbers in what `ask` finds, getgrnam_r or getpwnam_r; its texts are gone.
template <typename Entry, typename Ask>
std::optional<Entry> EntryOf(Ask ask, const std::string& name) {
  // A group's entry holds all its members: there is no bound to it but the one that we set.
  constexpr std::size_t kMostBytes = std::size_t{16} << 20;
  for (std::vector<char> buffer(4096); buffer.size() <= kMostBytes;
       buffer.resize(2 * buffer.size())) {
    Entry entry{};
    Entry* found = nullptr;
    const int error = ask(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (error == ERANGE) continue;
    return found == nullptr ? std::nullopt : std::optional(entry);
  }
  return std::nullopt;
}

std::optional<id_t> NumberIn(const std::string& text) {
  id_t number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  // The greatest one stands for none in the system's calls.
  const bool is_one = error == std::errc() && end == last && number != static_cast<id_t>(-1);
  return is_one ? std::optional(number) : std::nullopt;
}

}  // namespace

std::string HostName() {
  utsname names{};
  uname(&names);  // fails for a bad pointer only
  return names.nodename;
}

std::optional<gid_t> GroupId(const std::string& name) {
  if (const auto number = NumberIn(name)) return number;
  const auto entry = EntryOf<group>(getgrnam_r, name);
  return entry ? std::optional(entry->gr_gid) : std::nullopt;
}

std::optional<uid_t> UserId(const std::string& name) {
  if (const auto number = NumberIn(name)) return number;
  const auto entry = EntryOf<passwd>(getpwnam_r, name);
  return entry ? std::optional(entry->pw_uid) : std::nullopt;
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
