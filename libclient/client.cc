#include "libclient/client.h"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "libclient/request.h"
#include "libclient/wire.h"

namespace redlock::client {
namespace {

// A greeting that took longer says little about the daemon's clock.
constexpr std::int64_t kSlowGreetingNs = 1'000'000'000;
// How long after the end of a wait the daemon may answer: it says so a moment after that.
constexpr std::int64_t kAfterWaitNs = 500'000'000;

int EventType(std::string_view word) {
  if (word == "RENEWED") return REDLOCK_EVENT_RENEWED;
  if (word == "JEOPARDY") return REDLOCK_EVENT_JEOPARDY;
  if (word == "SAFE") return REDLOCK_EVENT_SAFE;
  if (word == "LOST") return REDLOCK_EVENT_LOST;
  if (word == "BROKEN") return REDLOCK_EVENT_BROKEN;
  if (word == "DRAINING") return REDLOCK_EVENT_DRAINING;
  if (word == "WANTED") return REDLOCK_EVENT_WANTED;
  if (word == "WATCH") return REDLOCK_EVENT_WATCH;
  return 0;  // of a newer daemon: ignored
}

const char* StringField(const protocol::Reply& line, std::string_view key) {
  const std::string* text = line.Find(key);
  return text == nullptr ? nullptr : text->c_str();
}

}  // namespace

int Client::Fail(int error, std::string_view detail) {
  error_text_ = redlock_strerror(error);
  if (!detail.empty()) error_text_.append(": ").append(detail);
  return error;
}

int Client::Succeed() {
  error_text_.clear();
  return REDLOCK_OK;
}

int Client::Check() {
  if (connection_.is_foreign()) return Fail(REDLOCK_EFORK);
  if (!parked_.empty()) DropParked(Now());
  if (in_callback_) return Fail(REDLOCK_EINVAL, "called from a callback of the same client");
  return Succeed();
}

int Client::SetAnswerTimeout(std::int64_t timeout_ns) {
  answer_timeout_ns_ = timeout_ns;
  return Succeed();
}

void Client::set_event_handler(redlock_event_fn fn, void* arg) {
  event_fn_ = fn;
  event_arg_ = arg;
}

short Client::PollEvents() const { return fd() < 0 ? short{0} : connection_.PollEvents(); }

// --- Connecting ----------------------------------------------------------------------------------

int Client::Connect(const std::string& path, std::int64_t timeout_ns) {
  if (const int error = Check()) return error;
  if (connection_.is_open()) return Fail(REDLOCK_EINVAL, "connected already");
  const std::int64_t begin = Now();
  const std::int64_t deadline = DeadlineAfter(timeout_ns);
  const int error = Open(path, deadline);
  // From a greeting that was long on its way our clock cannot be distinguished from another. The next one
  // will not be.
  const bool was_slow = Now() - begin > kSlowGreetingNs;
  if (error != REDLOCK_OK || !was_slow || Now() >= deadline) return error;
  connection_.Close();
  return Open(path, deadline);
}

int Client::Open(const std::string& path, std::int64_t deadline) {
  const std::int64_t begin = Now();
  const std::string problem = connection_.Open(path, deadline);
  if (!problem.empty()) {
    return Fail(connection_.was_denied() ? REDLOCK_EDENIED : REDLOCK_ECONNECT, problem);
  }
  const int error = Greet(begin, deadline);
  if (error != REDLOCK_OK) connection_.Close();
  return error;
}

int Client::Greet(std::int64_t begin, std::int64_t deadline) {
  std::string_view text;
  std::string problem;
  protocol::LineReader::Status status;
  bool is_late = false;
  while ((status = connection_.NextLine(&text)) == protocol::LineReader::Status::kNeedMore) {
    if (!problem.empty()) return Fail(REDLOCK_ECONNECT, problem);
    if (is_late || !connection_.WaitUntil(deadline)) return Fail(REDLOCK_ENOANSWER, "no greeting");
    problem = connection_.Receive();
    is_late = Now() >= deadline;
  }
  const auto parsed = protocol::ParseReply(text);
  const auto* line = std::get_if<protocol::Reply>(&parsed);
  if (status == protocol::LineReader::Status::kTooLong || line == nullptr) {
    return Fail(REDLOCK_EPROTOCOL, "the greeting is not that of redlockd");
  }
  if (line->kind == protocol::Reply::Kind::kErr) {
    return Fail(ErrorNumber(line->word), line->text);
  }
  if (!IsGreeting(*line)) {
    return Fail(REDLOCK_EPROTOCOL, "expected * HELLO redlockd 1, got '" + std::string(text) + "'");
  }
  return TakeGreeting(*line, begin);
}

int Client::TakeGreeting(const protocol::Reply& line, std::int64_t begin) {
  last_deadline_ns_ = 0;
  clock_offset_ns_ = ClockOffset(IntegerField(line, "now"), begin, Now());
  return Succeed();
}

int Client::Close() {
  if (const int error = Check()) return error;
  DropParked(INT64_MAX);
  connection_.Close();
  for (auto& [id, pending] : std::exchange(pending_, {}))
    Finish(std::move(pending), REDLOCK_ECLOSED);
  return Succeed();
}

// --- Requests ------------------------------------------------------------------------------------

int Client::Start(protocol::Request request, Done done, std::uint64_t* id) {
  if (connection_.is_foreign()) return Fail(REDLOCK_EFORK);
  if (!connection_.is_open()) return Fail(REDLOCK_ECLOSED, "not connected");
  if (const Problem problem = CheckRequest(request)) return Fail(problem.error, problem.text);
  const std::uint64_t sent = Send(std::move(request), std::move(done));
  if (id != nullptr) *id = sent;
  return Succeed();
}

std::uint64_t Client::Send(protocol::Request request, Done done) {
  const std::uint64_t id = ++last_id_;
  Pending& pending = pending_[id];
  pending.reply = std::make_unique<redlock_reply>();
  pending.reply->clock_offset_ns = clock_offset_ns_;
  pending.done = std::move(done);
  const bool is_lock = request.verb == "lock" || request.verb == "trylock";
  if (is_lock && !request.args.empty()) pending.lock = request.args[0];
  request.tag = std::to_string(id);
  connection_.Send(protocol::FormatRequest(request));
  return id;
}

int Client::Call(protocol::Request request, std::int64_t wait_ns, ReplyPtr* reply) {
  if (const int error = Check()) return error;
  struct Answer {
    bool finished = false;
    int error = REDLOCK_OK;
    ReplyPtr reply;
  };
  const auto answer = std::make_shared<Answer>();
  const auto done = [answer](int error, ReplyPtr got) { *answer = {true, error, std::move(got)}; };
  std::uint64_t id = 0;
  if (const int error = Start(std::move(request), done, &id)) return error;
  const std::int64_t deadline = AnswerDeadline(wait_ns);
  while (!answer->finished) {
    if (!connection_.WaitUntil(deadline)) {
      Abandon(id);
      return Fail(REDLOCK_ENOANSWER);
    }
    Dispatch();  // an end of the connection finishes the request too
    // Events may come without an end.
    if (!answer->finished && Now() >= deadline) {
      Abandon(id);
      return Fail(REDLOCK_ENOANSWER);
    }
  }
  const int error = answer->error;
  if (error == REDLOCK_OK) {
    Succeed();
  } else {
    Fail(error, answer->reply == nullptr ? std::string() : answer->reply->text);
  }
  if (reply != nullptr) *reply = std::move(answer->reply);
  return error;
}

std::int64_t Client::AnswerDeadline(std::int64_t wait_ns) const {
  std::int64_t more = answer_timeout_ns_;
  if (wait_ns > 0) more = more < 0 ? kAfterWaitNs : std::min(more, kAfterWaitNs);
  if (wait_ns < 0 || more < 0) return kNever;
  const std::int64_t over = DeadlineAfter(wait_ns);
  return over > kNever - more ? kNever : over + more;
}

int Client::Cancel(std::uint64_t id) {
  if (connection_.is_foreign()) return Fail(REDLOCK_EFORK);
  const auto found = pending_.find(id);
  if (found == pending_.end())
    return Fail(REDLOCK_EINVAL, "no such request, or it has been answered");
  // That it comes too late (no-such-tag) needs no answer of its own: the lock's answer says it.
  Send({{}, "cancel", {std::to_string(id)}, {}}, nullptr);
  return Succeed();
}

void Client::Abandon(std::uint64_t id) {
  Pending& pending = pending_.at(id);
  pending.done = nullptr;
  pending.abandoned = true;
  if (!pending.lock.empty()) Cancel(id);
}

// --- Answers and events --------------------------------------------------------------------------

int Client::Dispatch() {
  if (const int error = Check()) return error;
  if (!connection_.is_open()) return Fail(REDLOCK_ECLOSED, "not connected");
  connection_.Flush();
  const std::string end = connection_.Receive();
  const std::string nonsense = TakeLines();
  if (!nonsense.empty()) {
    Park();
    End(nonsense);
    return Fail(REDLOCK_EPROTOCOL, nonsense);
  }
  if (!end.empty()) {
    End(end);
    return Fail(REDLOCK_ECLOSED, end);
  }
  return Succeed();
}

std::string Client::TakeLines() {
  std::string_view line;
  while (true) {
    switch (connection_.NextLine(&line)) {
      case protocol::LineReader::Status::kNeedMore:
        return {};
      case protocol::LineReader::Status::kTooLong:
        return "a line from the daemon is too long";
      case protocol::LineReader::Status::kLine:
        if (std::string problem = TakeLine(line); !problem.empty()) return problem;
    }
  }
}

std::string Client::TakeLine(std::string_view text) {
  auto parsed = protocol::ParseReply(text);
  if (const auto* problem = std::get_if<std::string>(&parsed)) return *problem;
  auto& line = std::get<protocol::Reply>(parsed);
  if (line.kind != protocol::Reply::Kind::kEvent) return TakeAnswer(std::move(line));
  TakeEvent(line);
  return {};
}

std::string Client::TakeAnswer(protocol::Reply line) {
  std::int64_t id = 0;
  const bool is_number = ParseInteger(line.tag, &id);
  const auto found = is_number ? pending_.find(static_cast<std::uint64_t>(id)) : pending_.end();
  if (found == pending_.end()) return "an answer to no request (tag '" + line.tag + "')";
  if (line.kind == protocol::Reply::Kind::kRow) {
    found->second.reply->TakeRow(std::move(line));
    return {};
  }
  Pending pending = std::move(found->second);
  pending_.erase(found);
  redlock_reply& reply = *pending.reply;
  if (!pending.lock.empty()) Told(DeadlineField(line));
  reply.TakeAnswer(std::move(line));
  if (pending.abandoned) LetGo(pending, reply);
  const int error = reply.error;
  Finish(std::move(pending), error);
  return {};
}

void Client::LetGo(const Pending& abandoned, const redlock_reply& reply) {
  if (abandoned.lock.empty() || reply.error != REDLOCK_OK) return;
  protocol::Request unlock{{}, "unlock", {abandoned.lock}, {}};
  const char* fence = reply.Find(REDLOCK_ANSWER, "fence");
  std::int64_t number = 0;
  if (fence != nullptr && ParseInteger(fence, &number)) unlock.options = {{"fence", fence}};
  Send(std::move(unlock), nullptr);
}

void Client::Finish(Pending pending, int error) {
  if (pending.done == nullptr) return;
  // Without an answer there is no reply to show: its rows are not all.
  ReplyPtr reply = error == REDLOCK_ECLOSED ? nullptr : std::move(pending.reply);
  in_callback_ = true;
  pending.done(error, std::move(reply));
  in_callback_ = false;
}

void Client::TakeEvent(const protocol::Reply& line) {
  redlock_event event{};
  event.type = EventType(line.word);
  if (event.type == 0) return;
  event.lock = StringField(line, "lock");
  event.fence = static_cast<std::uint64_t>(IntegerField(line, "fence"));
  event.deadline_ns = DeadlineField(line);
  Told(event.deadline_ns);
  event.reason = StringField(line, "reason");
  event.by = StringField(line, "by");
  event.what = StringField(line, "what");
  event.pid = IntegerField(line, "pid");
  event.uid = line.Find("uid") == nullptr ? -1 : IntegerField(line, "uid");
  event.missed = static_cast<std::uint64_t>(IntegerField(line, "missed"));
  event.within_ns = DurationField(line, "within");
  Emit(event);
}

// On our clock; 0: there is none.
std::int64_t Client::DeadlineField(const protocol::Reply& line) const {
  const std::int64_t theirs = IntegerField(line, "deadline");
  return theirs > 0 ? ToOwnClock(theirs, clock_offset_ns_) : 0;
}

void Client::Told(std::int64_t deadline_ns) {
  last_deadline_ns_ = std::max(last_deadline_ns_, deadline_ns);
}

// Out of the way, neither read nor written: the daemon lets go when it is closed.
void Client::Park() {
  const std::int64_t until = last_deadline_ns_;
  if (Now() >= until) return connection_.Close();
  parked_.reserve(parked_.size() + 1);
  parked_.push_back({connection_.Release(), until});
}

void Client::DropParked(std::int64_t until_ns) {
  std::erase_if(parked_, [=](const Parked& parked) { return parked.until_ns <= until_ns; });
}

void Client::End(const std::string& why) {
  connection_.Close();
  for (auto& [id, pending] : std::exchange(pending_, {}))
    Finish(std::move(pending), REDLOCK_ECLOSED);
  redlock_event event{};
  event.type = REDLOCK_EVENT_CLOSED;
  event.uid = -1;
  event.reason = why.c_str();
  Emit(event);
}

void Client::Emit(const redlock_event& event) {
  if (event_fn_ == nullptr) return;
  redlock_event sized = event;
  sized.size = sizeof(sized);
  in_callback_ = true;
  event_fn_(self_, &sized, event_arg_);
  in_callback_ = false;
}

}  // namespace redlock::client
