#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/descriptor.h"

// How one process of the daemon leaves what it has to the next: by the service manager, which keeps
// descriptors for it, or by exec.
namespace redlockd::host {

// Bytes in a memory file, and descriptors that stand in the queue of a pair of sockets, the carrier.
// However many they are, three descriptors are handed over: the manager compares each that it gets
// with all that it has.
class Handover {
 public:
  // Descriptors that belong together; -1: none.
  static constexpr std::size_t kMost = 3;
  struct Parcel {
    std::uint64_t id;
    std::array<int, kMost> fds;
  };
  using Parcels = std::map<std::uint64_t, std::array<redlock::base::Descriptor, kMost>>;

  // Packs copies: what was given stays the caller's. Or why it cannot, in one sentence.
  static std::variant<Handover, std::string> Pack(const std::string& bytes,
                                                  const std::vector<Parcel>& parcels);
  // Once.
  std::string Bytes() const;
  Parcels Unpack();

  // Has the service manager keep it, under names of its own, until the next process has started. Waits
  // until the manager has it, 5 s at most. Or why it does not, in one sentence.
  std::optional<std::string> GiveToManager() const;

  // Runs `program` in place of this one, with this and the listening socket. Returns only where that
  // fails, and then nothing has changed: why, in one sentence. `binds`: the socket's file is the
  // daemon's own. Who calls it has blocked all signals, so that they wait until the program is ready for them.
  std::string Exec(const std::string& program, const std::vector<std::string>& arguments,
                   int listener, bool binds) const;

 private:
  friend struct Inherited;
  Handover() = default;
  redlock::base::Descriptor state_, in_, out_;
};

// What this process was started with.
struct Inherited {
  std::vector<redlock::base::Descriptor> sockets{};  // to listen on
  bool binds = false;  // the one socket was bound by the former process
  std::optional<Handover> handover{};
  int error = 0;  // errno where the service manager's descriptors could not be taken

  // Once, and early: no child is to have these descriptors. Removes what the environment says of them,
  // and tells the service manager to forget what it keeps.
  static Inherited Take();
};

// The path of the file that this process runs, without links: Exec runs what is there by then.
std::string ThisProgram();

}  // namespace redlockd::host
