#include "daemon/app/audit_log.h"

#include "daemon/app/line_fields.h"
#include "daemon/host/log.h"
#include "daemon/session/words.h"

namespace redlockd::app {
namespace {

bool IsGrant(const engine::WatchNotice& notice) {
  return notice.what == engine::WatchNotice::What::kGranted;
}

}  // namespace

void AuditLog::OnHold(const engine::Audited& audited) {
  const engine::WatchNotice& notice = audited.notice;
  const Client client{notice.pid, notice.uid, CommandOf(audited)};
  if (!lines_.Take()) return;
  const std::string fence = std::to_string(notice.fence);
  const std::string reason(session::WhyEnded(notice));
  const std::string lock = "audit: lock " + notice.name + " (fence " + fence + ") ";

  host::LogFields fields{{field::kEvent, std::string(session::WordOf(notice.what))},
                         {field::kLock, notice.name},
                         {field::kFence, fence}};
  AddFields(fields, client);
  AddField(fields, field::kReason, reason);
  host::LogAudit(IsGrant(notice) ? lock + "granted to " + TextOf(client)
                                 : lock + "of " + TextOf(client) + " ended: " + reason,
                 fields);
}

// The engine reports both of each hold, so that nothing stays here. What has no line is remembered
// too: the other of the two may have one.
std::string AuditLog::CommandOf(const engine::Audited& audited) {
  const std::string& lock = audited.notice.name;
  if (IsGrant(audited.notice)) {
    const session::Peer* peer = peer_of_(audited.session);
    return commands_[lock] = peer ? peer->command : "";
  }
  const auto found = commands_.find(lock);
  if (found == commands_.end()) return "";
  std::string command = std::move(found->second);
  commands_.erase(found);
  return command;
}

void AuditLog::ReportMissing(std::size_t lines) {
  if (lines == 0) return;
  host::LogAudit("audit: " + std::to_string(lines) +
                     " more grants and ends of holds within a second have no line",
                 {{field::kEvent, "missing"}});
}

}  // namespace redlockd::app
