// Queries: what is asked through a session besides its locks.
#include "libclient/session/core.h"
#include "libclient/wire.h"

namespace redlock::client {

void Core::Ask(const QueryPtr& query, std::int64_t timeout_ns, std::int64_t now) {
  if (query->is_answered) return;  // it was cancelled before
  query->due_ns = After(now, timeout_ns);
  queries_.Add(query);
}

// Only the connection by which the lock was granted knows of the hold.
void Core::Check(const QueryPtr& query, const HoldPtr& hold, std::int64_t now) {
  const bool is_held = hold->phase == Hold::Phase::kHeld;
  if (!is_held && !hold->loss.empty()) return queries_.Fail(query, REDLOCK_ELOST, hold->loss);
  if (!is_held) return queries_.Fail(query, REDLOCK_ENOTHELD, "it is released, or never granted");
  if (!hold->locks.front().is_attached) return queries_.Fail(query, REDLOCK_ECLOSED, hold->loss);
  query->checked = hold;
  Ask(query, hold->options.answer_timeout_ns, now);
}

void Core::Cancel(const QueryPtr& query) {
  if (!query->is_answered) queries_.Fail(query, REDLOCK_ECANCELLED, "it was given up");
}

void Core::SendQueries(std::int64_t now) {
  for (const QueryPtr& query : queries_.TakeUnsent()) {
    query->reply.clock_offset_ns = offset_ns_;
    query->sent_ns = now;
    if (query->checked != nullptr) {
      SendChecks(query);
    } else if (!query->request.verb.empty()) {
      SendQuery(query, query->request, nullptr);
    } else {
      queries_.Finish(query);
    }
  }
}

void Core::SendQuery(const QueryPtr& query, protocol::Request request, HeldLock* checked) {
  Send(std::move(request), What::kQuery, nullptr);
  pending_.at(last_tag_).query = query;
  pending_.at(last_tag_).checked = checked;
  ++query->unanswered;
}

void Core::SendChecks(const QueryPtr& query) {
  Hold& hold = *query->checked;
  for (HeldLock& lock : hold.locks) {
    protocol::Request request{{}, "check", {lock.name}, {{"fence", std::to_string(lock.fence)}}};
    AddOwner(hold, &request);
    SendQuery(query, std::move(request), &lock);
  }
}

void Core::FailDueQueries(std::int64_t now) {
  while (const QueryPtr query = queries_.FirstDue(now)) {
    if (query->sent_ns != 0) {
      is_silent_ = is_silent_ || last_read_ns_ <= query->sent_ns;
      queries_.Fail(query, REDLOCK_ENOANSWER, "it has not answered in time");
    } else if (state_ == State::kGreeting) {
      queries_.Fail(query, REDLOCK_ENOANSWER, "the daemon does not greet");
    } else {
      queries_.Fail(query, REDLOCK_ECONNECT, "the time was over before the daemon could be asked");
    }
  }
}

void Core::TakeQueryAnswer(const QueryPtr& query, HeldLock* checked, const protocol::Reply& line) {
  query->reply.TakeAnswer(line);
  query->is_from_daemon = true;
  if (checked != nullptr) TakeCheck(query->checked, *checked, line, &query->reply.error);
  --query->unanswered;
  if (query->unanswered == 0 || query->reply.error != REDLOCK_OK) queries_.Finish(query);
}

void Core::TakeCheck(const HoldPtr& hold, HeldLock& lock, const protocol::Reply& line, int* error) {
  if (!lock.is_attached) return;
  const std::int64_t deadline = IntegerField(line, "deadline");
  if (*error == REDLOCK_OK && deadline != 0) {
    SetDeadline(lock, deadline);
    Schedule(hold);
  } else if (*error == REDLOCK_ELOST || *error == REDLOCK_ENOTHELD) {
    // The daemon does not count us as the holder any more, whatever the word is.
    *error = REDLOCK_ELOST;
    Lose(hold, lock, line.word == "lost" ? LossReason(line) : line.text);
  }
}

}  // namespace redlock::client
