#include "daemon/host/handover.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace redlockd::host {
namespace {

using redlock::base::Descriptor;

// Names in the service manager's store, which systemd shows.
constexpr char kState[] = "redlockd-state";
constexpr char kIn[] = "redlockd-carrier-in";
constexpr char kOut[] = "redlockd-carrier-out";
constexpr std::uint64_t kManagerPatience = 5'000'000;  // us

// After an exec: "PID BINDS LISTENER STATE IN OUT".
constexpr char kEnvironment[] = "REDLOCKD_HANDOVER";

// The kernel takes 253 descriptors in a message.
constexpr std::size_t kParcels = 253 / Handover::kMost;

// What goes with the descriptors of a parcel.
struct Label {
  std::uint64_t id;
  std::uint64_t has;  // bits: which there are
};

std::string Cannot(const char* doing, int error) {
  return std::string("cannot ") + doing + ": " + std::strerror(error);
}

// Sends these in one message. Returns 0, or errno.
int Send(int to, const Handover::Parcel* first, std::size_t count) {
  std::array<Label, kParcels> labels;
  std::array<int, Handover::kMost * kParcels> fds;
  std::size_t used = 0;
  for (std::size_t i = 0; i < count; ++i) {
    labels[i] = {first[i].id, 0};
    for (std::size_t at = 0; at < Handover::kMost; ++at) {
      if (first[i].fds[at] < 0) continue;
      fds[used++] = first[i].fds[at];
      labels[i].has |= std::uint64_t{1} << at;
    }
  }
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof fds)> control{};
  iovec data{labels.data(), count * sizeof(Label)};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = CMSG_SPACE(used * sizeof(int));
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(used * sizeof(int));
  std::memcpy(CMSG_DATA(header), fds.data(), used * sizeof(int));
  return sendmsg(to, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? errno : 0;
}

// Takes one message. False: there is none.
bool Receive(int from, Handover::Parcels& parcels) {
  std::array<Label, kParcels> labels;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(Handover::kMost * kParcels * sizeof(int))> control{};
  iovec data{labels.data(), sizeof labels};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t size = recvmsg(from, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0) return false;
  std::vector<Descriptor> fds;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
      fds.emplace_back(fd);
    }
  }
  std::size_t next = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(size) / sizeof(Label); ++i) {
    // Some are missing where this process may not have as many.
    const std::bitset<Handover::kMost> has(labels[i].has);
    if (next + has.count() > fds.size()) break;
    auto& parcel = parcels[labels[i].id];
    for (std::size_t at = 0; at < Handover::kMost; ++at) {
      if (has.test(at)) parcel[at] = std::move(fds[next++]);
    }
  }
  return true;
}

bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t size = write(fd, bytes.data(), bytes.size());
    if (size < 0 && errno != EINTR) return false;
    if (size > 0) bytes.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

bool KeepOverExec(int fd, bool keep) { return fcntl(fd, F_SETFD, keep ? 0 : FD_CLOEXEC) == 0; }

// Some libraries open theirs without close-on-exec.
void CloseOthersAtExec() {
  if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) == 0) return;
  for (int fd = 3; fd < sysconf(_SC_OPEN_MAX); ++fd) fcntl(fd, F_SETFD, FD_CLOEXEC);
}

// The numbers of a text in which nothing but a space parts them; none if it is anything else.
std::vector<int> NumbersOf(std::string_view text) {
  std::vector<int> numbers;
  while (true) {
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || number < 0) return {};
    numbers.push_back(number);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (text.empty()) return numbers;
    if (!text.starts_with(' ')) return {};
    text.remove_prefix(1);
  }
}

Descriptor Taken(int fd) {
  KeepOverExec(fd, false);
  return Descriptor(fd);
}

// By the service manager. What it keeps of a client would keep that client's connection open.
void ForgetAll() {
  for (const char* name : {kState, kIn, kOut}) {
    sd_notify(0, (std::string("FDSTOREREMOVE=1\nFDNAME=") + name).c_str());
  }
}

}  // namespace

std::variant<Handover, std::string> Handover::Pack(const std::string& bytes,
                                                   const std::vector<Parcel>& parcels) {
  Handover packed;
  packed.state_.Reset(memfd_create(kState, MFD_CLOEXEC));
  if (!packed.state_) return Cannot("make a memory file", errno);
  if (!WriteAll(packed.state_.get(), bytes)) return Cannot("write a memory file", errno);
  std::array<int, 2> pair{};
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    return Cannot("make a pair of sockets", errno);
  }
  packed.in_.Reset(pair[0]);
  packed.out_.Reset(pair[1]);
  const int size = 1 << 22;  // or what the system allows
  setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  for (std::size_t i = 0; i < parcels.size(); i += kParcels) {
    const int error = Send(pair[0], parcels.data() + i, std::min(kParcels, parcels.size() - i));
    if (error != 0) return Cannot("put the clients' sockets into the carrier", error);
  }
  return packed;
}

std::string Handover::Bytes() const {
  struct stat file {};
  if (fstat(state_.get(), &file) != 0 || file.st_size < 0) return "";
  std::string bytes(static_cast<std::size_t>(file.st_size), '\0');
  std::size_t got = 0;
  while (got < bytes.size()) {
    const ssize_t size =
        pread(state_.get(), bytes.data() + got, bytes.size() - got, static_cast<off_t>(got));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    got += static_cast<std::size_t>(size);
  }
  bytes.resize(got);
  return bytes;
}

Handover::Parcels Handover::Unpack() {
  Parcels parcels;
  while (Receive(out_.get(), parcels)) {
  }
  return parcels;
}

// FDPOLL=0: the manager would drop what it takes for hung up.
std::optional<std::string> Handover::GiveToManager() const {
  const std::array<std::pair<const char*, int>, 3> all = {
      {{kState, state_.get()}, {kIn, in_.get()}, {kOut, out_.get()}}};
  for (const auto& [name, fd] : all) {
    const std::string text = std::string("FDSTORE=1\nFDPOLL=0\nFDNAME=") + name;
    const int result = sd_pid_notify_with_fds(0, 0, text.c_str(), &fd, 1);
    if (result > 0) continue;
    ForgetAll();
    return result == 0 ? "no service manager keeps descriptors for this process"
                       : Cannot("give descriptors to the service manager", -result);
  }
  // It must have them before this process ends: else it does not know whose they are.
  const int result = sd_notify_barrier(0, kManagerPatience);
  if (result >= 0) return std::nullopt;
  ForgetAll();
  return Cannot("wait for the service manager", -result);
}

std::string Handover::Exec(const std::string& program, const std::vector<std::string>& arguments,
                           int listener, bool binds) const {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const std::array<int, 4> kept = {listener, state_.get(), in_.get(), out_.get()};
  std::string text = std::to_string(getpid()) + (binds ? " 1" : " 0");
  for (const int fd : kept) text += " " + std::to_string(fd);
  CloseOthersAtExec();
  for (const int fd : kept) KeepOverExec(fd, true);
  setenv(kEnvironment, text.c_str(), 1);
  execv(program.c_str(), argv.data());
  const int error = errno;
  unsetenv(kEnvironment);
  for (const int fd : kept) KeepOverExec(fd, false);
  return "cannot run " + program + ": " + std::strerror(error);
}

Inherited Inherited::Take() {
  Inherited taken;
  const char* text = std::getenv(kEnvironment);
  const std::vector<int> numbers = text == nullptr ? std::vector<int>() : NumbersOf(text);
  unsetenv(kEnvironment);
  if (numbers.size() == 6 && numbers[0] == getpid()) {
    taken.binds = numbers[1] == 1;
    taken.sockets.push_back(Taken(numbers[2]));
    taken.handover = Handover();
    taken.handover->state_ = Taken(numbers[3]);
    taken.handover->in_ = Taken(numbers[4]);
    taken.handover->out_ = Taken(numbers[5]);
    return taken;
  }
  char** names = nullptr;
  const int count = sd_listen_fds_with_names(/*unset_environment=*/1, &names);
  taken.error = std::min(count, 0);
  Handover stored;
  for (int i = 0; i < count; ++i) {
    Descriptor fd(SD_LISTEN_FDS_START + i);
    const std::string_view name = names == nullptr ? "" : names[i];
    Descriptor& place = name == kState ? stored.state_
                        : name == kIn  ? stored.in_
                        : name == kOut ? stored.out_
                                       : taken.sockets.emplace_back();
    place = std::move(fd);
  }
  for (int i = 0; names != nullptr && names[i] != nullptr; ++i) std::free(names[i]);
  std::free(names);
  if (stored.state_ || stored.in_ || stored.out_) {
    ForgetAll();
    if (stored.state_ && stored.in_ && stored.out_) taken.handover = std::move(stored);
  }
  return taken;
}

std::string ThisProgram() {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = readlink("/proc/self/exe", path.data(), path.size());
  return size > 0 ? std::string(path.data(), static_cast<std::size_t>(size)) : "";
}

}  // namespace redlockd::host
