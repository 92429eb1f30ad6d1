#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "daemon/app/ration.h"
#include "daemon/engine/effects.h"
#include "daemon/session/peer.h"

namespace redlockd::app {

// What the log says of audited locks: a line for each grant, and one for each end of a hold. Lines
// beyond the bound are counted, and the log says how many are missing, so that what it shows is known
// to be all there was, or not.
class AuditLog {
 public:
  // With those of Journal this stays below what journald takes of a service by default (10000 lines
  // in 30 s): beyond that journald would drop lines of any kind.
  static constexpr std::size_t kLinesASecond = 200;

  // Null if the client is gone.
  using PeerOf = std::function<const session::Peer*(engine::SessionId)>;

  explicit AuditLog(PeerOf peer_of) : peer_of_(std::move(peer_of)) {}

  void OnHold(const engine::Audited& audited);
  // What was only counted: once a second, and when the daemon ends.
  void Tick() { ReportMissing(lines_.Tick()); }
  void Flush() { ReportMissing(lines_.Rest()); }

 private:
  std::string CommandOf(const engine::Audited& audited);
  static void ReportMissing(std::size_t lines);

  const PeerOf peer_of_;
  Ration lines_{kLinesASecond, 1};
  // Of those who hold, by lock: when a hold ends, its client may be gone.
  std::map<std::string, std::string> commands_;
};

}  // namespace redlockd::app
