#include "libclient/session/query.h"

namespace redlock::client {

void Queries::Add(const QueryPtr& query) {
  unsent_.push_back(query);
  due_.insert({query->due_ns, query});
}

void Queries::Finish(const QueryPtr& query) {
  due_.erase({query->due_ns, query});
  unsent_.remove(query);
  query->is_answered = true;
  query->answered.notify_all();
}

void Queries::Fail(const QueryPtr& query, int error, const std::string& text) {
  query->reply = {};
  query->reply.error = error;
  query->reply.text = text;
  Finish(query);
}

void Queries::FailUnsent(int error, const std::string& text) {
  while (!unsent_.empty()) Fail(QueryPtr(unsent_.front()), error, text);
}

std::int64_t Queries::NextDue() const { return due_.empty() ? kNever : due_.begin()->first; }

QueryPtr Queries::FirstDue(std::int64_t now) const {
  return NextDue() <= now ? due_.begin()->second : nullptr;
}

}  // namespace redlock::client
