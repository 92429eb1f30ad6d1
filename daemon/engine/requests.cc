#include "daemon/engine/requests.h"

#include <utility>

#include "daemon/engine/set_in_line.h"
#include "daemon/engine/wait_queue.h"

namespace redlockd::engine {

void Requests::Grant(const Waiter& waiter, Granted granted) {
  ++counters_.grants;
  sessions_.Granted(waiter.session, granted.name);
  if (waiter.set) return waiter.set->OnGranted(std::move(granted));
  outbox_.Reply(waiter.session, waiter.request, std::move(granted));
}

void Requests::GrantAll(SessionId session, RequestId request, Granted granted) {
  outbox_.Reply(session, request, std::move(granted));
}

void Requests::Refuse(SessionId session, RequestId request, Failed failed) {
  if (failed.failure == Failure::kBusy) ++counters_.busy;
  if (failed.failure == Failure::kTimeout) ++counters_.timeouts;
  if (failed.failure == Failure::kNoTurn) ++counters_.no_turn;
  if (failed.failure == Failure::kNoQuorum) ++counters_.no_quorum;
  outbox_.Reply(session, request, std::move(failed));
}

void Requests::Refuse(const Waiter& waiter, Failed failed) {
  if (waiter.set) return waiter.set->OnRefused(std::move(failed));
  sessions_.Remove(waiter.session, failed.name);
  Refuse(waiter.session, waiter.request, std::move(failed));
}

void Requests::Refuse(const Waiter& waiter, const std::string& lock, Failure failure,
                      std::string text) {
  Refuse(waiter, {.failure = failure, .name = lock, .text = std::move(text)});
}

}  // namespace redlockd::engine
