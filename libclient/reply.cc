// Answers, and the part of the C interface that reads them.
#include "libclient/reply.h"

#include <climits>
#include <utility>

#include "libclient/sized.h"
#include "libclient/wire.h"
#include "protocol/duration.h"

namespace {

// The struct as version 0.1 has it.
struct FirstGrant {
  size_t size;
  uint64_t fence;
  int64_t deadline_ns, ttl_ns;
  int votes, nodes;
};

redlock_reply::Line LineOf(redlock::protocol::Reply reply) {
  redlock_reply::Line line = std::move(reply.fields);
  if (!reply.text.empty()) line.push_back({"text", std::move(reply.text)});
  return line;
}

// "3/5" into two numbers.
bool ParseVotes(std::string_view text, redlock_grant* grant) {
  const size_t slash = text.find('/');
  int64_t votes = 0;
  int64_t nodes = 0;
  if (slash == std::string_view::npos) return false;
  if (!redlock::client::ParseInteger(text.substr(0, slash), &votes)) return false;
  if (!redlock::client::ParseInteger(text.substr(slash + 1), &nodes)) return false;
  if (votes > INT_MAX || nodes > INT_MAX) return false;
  grant->votes = static_cast<int>(votes);
  grant->nodes = static_cast<int>(nodes);
  return true;
}

}  // namespace

void redlock_reply::TakeRow(redlock::protocol::Reply line) {
  rows.push_back(LineOf(std::move(line)));
}

void redlock_reply::TakeAnswer(redlock::protocol::Reply line) {
  if (line.kind == redlock::protocol::Reply::Kind::kErr) {
    error = redlock::client::ErrorNumber(line.word);
  }
  text = line.text;
  answer = LineOf(std::move(line));
}

const redlock_reply::Line* redlock_reply::At(std::size_t row) const {
  if (row == REDLOCK_ANSWER) return &answer;
  return row < rows.size() ? &rows[row] : nullptr;
}

const char* redlock_reply::Find(std::size_t row, std::string_view key) const {
  const Line* line = At(row);
  if (line == nullptr) return nullptr;
  for (const redlock::protocol::Field& field : *line) {
    if (field.key == key) return field.value.c_str();
  }
  return nullptr;
}

bool redlock::client::IsGrantSized(const redlock_grant& grant) {
  return IsSized<FirstGrant>(grant.size);
}

int redlock_reply_error(const redlock_reply* reply) { return reply->error; }

const char* redlock_reply_text(const redlock_reply* reply) { return reply->text.c_str(); }

size_t redlock_reply_rows(const redlock_reply* reply) { return reply->rows.size(); }

size_t redlock_reply_fields(const redlock_reply* reply, size_t row) {
  const auto* line = reply->At(row);
  return line == nullptr ? 0 : line->size();
}

const char* redlock_reply_key(const redlock_reply* reply, size_t row, size_t field) {
  const auto* line = reply->At(row);
  return line == nullptr || field >= line->size() ? nullptr : (*line)[field].key.c_str();
}

const char* redlock_reply_value(const redlock_reply* reply, size_t row, size_t field) {
  const auto* line = reply->At(row);
  return line == nullptr || field >= line->size() ? nullptr : (*line)[field].value.c_str();
}

const char* redlock_reply_get(const redlock_reply* reply, size_t row, const char* key) {
  return key == nullptr ? nullptr : reply->Find(row, key);
}

int redlock_reply_grant(const redlock_reply* reply, redlock_grant* grant) {
  return redlock_reply_grant_at(reply, REDLOCK_ANSWER, grant);
}

int redlock_reply_grant_at(const redlock_reply* reply, size_t row, redlock_grant* grant) {
  if (grant == nullptr || !redlock::client::IsGrantSized(*grant)) return REDLOCK_EINVAL;
  redlock_grant known = REDLOCK_GRANT_INIT;
  const char* fence = reply->Find(row, "fence");
  const char* deadline = reply->Find(row, "deadline");
  int64_t number = 0;
  if (fence == nullptr || deadline == nullptr) return REDLOCK_EPROTOCOL;
  if (!redlock::client::ParseInteger(fence, &number)) return REDLOCK_EPROTOCOL;
  if (!redlock::client::ParseInteger(deadline, &known.deadline_ns)) return REDLOCK_EPROTOCOL;
  known.deadline_ns = redlock::client::ToOwnClock(known.deadline_ns, reply->clock_offset_ns);
  known.fence = static_cast<uint64_t>(number);
  if (const char* ttl = reply->Find(row, "ttl")) {
    const auto duration = redlock::protocol::ParseDuration(ttl);
    if (!duration) return REDLOCK_EPROTOCOL;
    known.ttl_ns = duration->count();
  }
  const char* votes = reply->Find(row, "votes");
  if (votes != nullptr && !ParseVotes(votes, &known)) return REDLOCK_EPROTOCOL;
  redlock::client::GiveSized(known, grant);
  return REDLOCK_OK;
}

void redlock_reply_free(redlock_reply* reply) { delete reply; }
