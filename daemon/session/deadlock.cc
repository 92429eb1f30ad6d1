#include <cstddef>
#include <string>

#include "daemon/session/answers.h"
#include "daemon/session/sessions.h"
#include "protocol/printable.h"

namespace redlockd::session {
namespace {

using redlock::protocol::Printable;

// The task that made the request, to its client.
std::string Own(const Session& session, const engine::TaskId& task) {
  if (task.number != 0) return "this task";
  return task.session == session.id() ? "this session" : "this owner";
}

// Another task, which holds that lock or waits for it.
std::string Other(const Session& session, const engine::TaskId& task, const std::string& lock) {
  const Session* const other = session.room().Find(task.session);
  if (other == &session) return "another task of this session";
  const bool may_know = other != nullptr && other->peer().pid != 0 && session.MaySee(lock);
  return may_know ? "pid " + std::to_string(other->peer().pid) : "another session";
}

}  // namespace

// Of locks that it neither holds nor waits for the client learns nothing.
std::string WhyDeadlock(const Session& session, const std::vector<engine::InCycle>& cycle) {
  const engine::TaskId& asker = cycle.back().holder;
  const std::string own = Own(session, asker);
  if (cycle.size() == 1) return own + " holds it already, and would wait for itself";
  const engine::InCycle& first = cycle.front();
  const std::string& held = cycle.back().lock;
  std::string text = Other(session, first.holder, first.lock) + " holds it, and waits for ";
  if (const std::size_t others = cycle.size() - 2; others > 0) {
    if (others > 1) text += "others, of whom ";
    text += Other(session, cycle[others].holder, held);
    text += others > 1 ? " waits for " : ", which waits for ";
  }
  return text + "'" + Printable(held) + "', which " + own + " holds";
}

}  // namespace redlockd::session
