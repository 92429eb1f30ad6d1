#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "tests/faults/links.h"
#include "tests/support/fd.h"
#include "tests/support/process.h"

namespace redlockd::test::faults {
namespace {

std::string Host(const Link& link) {
  return "127.0." + std::to_string(link.daemon + 1) + '.' + std::to_string(link.node + 1);
}

// The node answers from the address that it was asked at.
std::string Rules(const Fault& fault, const Link& link) {
  const std::string to = "add rule ip faults out ip daddr " + Host(link);
  const std::string from = "add rule ip faults out ip saddr " + Host(link);
  switch (fault.kind) {
    case Kind::kDropRequests:
      return to + " drop\n";
    case Kind::kDropReplies:
      return from + " drop\n";
    case Kind::kRefuse:
      return to + " meta l4proto tcp reject with tcp reset\n";
    case Kind::kLossy:
      return to + " numgen random mod 10 < 3 drop\n" + from + " numgen random mod 10 < 3 drop\n";
    default:
      return to + " drop\n" + from + " drop\n";
  }
}

Ran Nft(const std::string& script) { return RunProgram({"nft", "-f", "-"}, script); }

constexpr char kTable[] =
    "table ip faults { chain out { type filter hook output priority 0; }; }\n"
    "flush chain ip faults out\n";

}  // namespace

std::string FilteredLinks::Address(const Link& link) const {
  return Host(link) + ':' + std::to_string(ports_[link.node]);
}

void FilteredLinks::Begin(const Fault& fault) {
  active_.push_back(fault);
  Load();
}

void FilteredLinks::End(const Fault& fault) {
  std::erase_if(active_, [&](const Fault& other) { return other.links == fault.links; });
  Load();
}

// All rules anew, which nft does in one step.
void FilteredLinks::Load() const {
  std::string script = kTable;
  for (const Fault& fault : active_) {
    for (const Link& link : fault.links) script += Rules(fault, link);
  }
  const Ran ran = Nft(script);
  if (ran.exit != ExitCode(0)) throw std::runtime_error("nft: " + ran.output);
}

std::string EnterOwnNetwork() {
  if (unshare(CLONE_NEWNET) != 0) {
    return std::string("no network namespace of its own: ") + std::strerror(errno);
  }
  const Fd socket_for_ioctl(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (ioctl(socket_for_ioctl.get(), SIOCSIFFLAGS, &request) != 0) {
    return std::string("cannot bring its interface up: ") + std::strerror(errno);
  }
  const Ran ran = Nft(kTable);
  return ran.exit == ExitCode(0) ? "" : "no nftables: " + ran.output;
}

}  // namespace redlockd::test::faults
