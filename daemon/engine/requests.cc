#include "daemon/engine/requests.h"

#include <utility>

#include "daemon/engine/wait_queue.h"

namespace redlockd::engine {

void Requests::Grant(const Waiter& waiter, Granted granted) {
  ++counters_.grants;
  outbox_.Reply(waiter.session, waiter.request, std::move(granted));
}

void Requests::Refuse(const Waiter& waiter, const std::string& lock, Failure failure,
                      std::string text) {
  if (failure == Failure::kBusy) ++counters_.busy;
  if (failure == Failure::kTimeout) ++counters_.timeouts;
  if (failure == Failure::kNoQuorum) ++counters_.no_quorum;
  outbox_.Reply(waiter.session, waiter.request,
                Failed{.failure = failure, .name = lock, .text = std::move(text)});
  sessions_.Remove(waiter.session, lock);
}

}  // namespace redlockd::engine
