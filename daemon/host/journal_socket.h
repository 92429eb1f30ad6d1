#pragma once

#include <string>
#include <string_view>

#include "base/descriptor.h"
#include "daemon/host/log_field.h"

namespace redlockd::host {

// The journal's socket for lines with fields: a datagram for each line, as the journal documents it
// (https://systemd.io/JOURNAL_NATIVE_PROTOCOL). sd_journal_sendv() writes the same datagram, but waits
// while the journal does not read, and reports success where there is no journal: leases must not
// wait for the log, and no line may be lost unnoticed. One thread at a time.
class JournalSocket {
 public:
  static constexpr char kPath[] = "/run/systemd/journal/socket";

  explicit JournalSocket(std::string path = kPath);

  // Whether the journal has got the line. There is no newline in `message` or in a field's value,
  // and all of it fits in a datagram.
  bool Send(int priority, std::string_view message, const LogFields& fields) const;

 private:
  std::string path_;
  redlock::base::Descriptor socket_;
};

}  // namespace redlockd::host
