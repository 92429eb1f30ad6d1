#include "libclient/client.h"

#include <unistd.h>

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
// Between attempts to connect to a daemon that does not accept connections yet.
constexpr std::int64_t kLongestPauseNs = 50'000'000;
constexpr const char* kWokenUp = "redlock_wakeup() was called";

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
  if (is_foreign()) return Fail(REDLOCK_EFORK);
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

bool Client::is_foreign() const {
  return connection_.is_foreign() || (attempt_ && attempt_->pid != getpid());
}

short Client::PollEvents() const { return fd() < 0 ? short{0} : connection_.PollEvents(); }

// --- Connecting ----------------------------------------------------------------------------------

int Client::Connect(const std::string& path, std::int64_t timeout_ns) {
  if (const int error = Check()) return error;
  if (const int error = StartConnect(path, timeout_ns, nullptr)) return error;
  while (attempt_) {
    if (wakeup_.Take()) return EndAttempt(Fail(REDLOCK_ECANCELLED, kWokenUp));
    connection_.WaitUntil(NextDue(), wakeup_.fd());
    // What came with the greeting may have closed the connection again.
    if (const int error = Dispatch()) return error;
  }
  return Succeed();
}

int Client::StartConnect(const std::string& path, std::int64_t timeout_ns, Connected done) {
  if (is_foreign()) return Fail(REDLOCK_EFORK);
  if (attempt_) return Fail(REDLOCK_EINVAL, "connecting already");
  if (connection_.is_open()) return Fail(REDLOCK_EINVAL, "connected already");
  if (const std::string problem = wakeup_.Open(); !problem.empty()) {
    return Fail(REDLOCK_ECONNECT, problem);
  }
  attempt_.emplace(Attempt{path, DeadlineAfter(timeout_ns), std::move(done), getpid()});
  const int error = Open();
  if (error != REDLOCK_OK) attempt_.reset();
  return error;
}

// The socket is open afterwards, or the time to try again is set.
int Client::Open() {
  attempt_->begin_ns = Now();
  attempt_->again_ns = kNever;
  const std::string problem = connection_.Open(attempt_->path);
  if (problem.empty()) return Succeed();
  if (!connection_.was_early()) {
    return Fail(connection_.was_denied() ? REDLOCK_EDENIED : REDLOCK_ECONNECT, problem);
  }
  attempt_->why_not = problem;
  attempt_->again_ns = attempt_->begin_ns + attempt_->pause_ns;
  attempt_->pause_ns = std::min(2 * attempt_->pause_ns, kLongestPauseNs);
  return Succeed();
}

int Client::GoOnConnecting() {
  if (!connection_.is_open() && Now() >= attempt_->again_ns) {
    if (const int error = Open()) return EndAttempt(error);
  }
  const bool is_late = Now() >= attempt_->deadline;
  if (!connection_.is_open()) {
    return is_late ? EndAttempt(Fail(REDLOCK_ECONNECT, attempt_->why_not)) : Succeed();
  }
  const std::string end = connection_.Receive();
  std::string_view text;
  switch (connection_.NextLine(&text)) {
    case protocol::LineReader::Status::kLine:
      return TakeGreeting(text);
    case protocol::LineReader::Status::kTooLong:
      return EndAttempt(Fail(REDLOCK_EPROTOCOL, "the greeting is not that of redlockd"));
    case protocol::LineReader::Status::kNeedMore:
      if (!end.empty()) return EndAttempt(Fail(REDLOCK_ECONNECT, end));
      return is_late ? EndAttempt(Fail(REDLOCK_ENOANSWER, "no greeting")) : Succeed();
  }
  return Succeed();
}

int Client::TakeGreeting(std::string_view text) {
  const auto parsed = protocol::ParseReply(text);
  const auto* line = std::get_if<protocol::Reply>(&parsed);
  if (line == nullptr) {
    return EndAttempt(Fail(REDLOCK_EPROTOCOL, "the greeting is not that of redlockd"));
  }
  if (line->kind == protocol::Reply::Kind::kErr) {
    return EndAttempt(Fail(ErrorNumber(line->word), line->text));
  }
  if (!IsGreeting(*line)) {
    return EndAttempt(
        Fail(REDLOCK_EPROTOCOL, "expected * HELLO redlockd 1, got '" + std::string(text) + "'"));
  }
  const std::int64_t now = Now();
  // From a greeting that was long on its way our clock cannot be distinguished from another. The next one
  // will not be.
  const bool was_slow = now - attempt_->begin_ns > kSlowGreetingNs;
  if (was_slow && !attempt_->is_second && now < attempt_->deadline) {
    attempt_->is_second = true;
    connection_.Close();
    const int error = Open();
    return error == REDLOCK_OK ? error : EndAttempt(error);
  }
  last_deadline_ns_ = 0;
  knows_tasks_ = HasWord(line->Find("caps"), "tasks");
  clock_offset_ns_ = ClockOffset(IntegerField(*line, "now"), attempt_->begin_ns, now);
  return EndAttempt(Succeed());
}

// Says how it went to who waits for it, and gives it back.
int Client::EndAttempt(int error) {
  if (error != REDLOCK_OK) connection_.Close();
  const Connected done = std::exchange(attempt_, std::nullopt)->done;
  if (done == nullptr) return error;
  const std::string text = error_text_;
  in_callback_ = true;
  done(error);
  in_callback_ = false;
  error_text_ = text;
  return error;
}

std::int64_t Client::NextDue() const {
  std::int64_t due = attempt_ ? std::min(attempt_->deadline, attempt_->again_ns) : kNever;
  for (const Parked& parked : parked_) due = std::min(due, parked.until_ns);
  return due;
}

int Client::Close() {
  if (const int error = Check()) return error;
  DropParked(INT64_MAX);
  if (attempt_) EndAttempt(Fail(REDLOCK_ECLOSED));
  connection_.Close();
  for (auto& [id, pending] : std::exchange(pending_, {}))
    Finish(std::move(pending), REDLOCK_ECLOSED);
  return Succeed();
}

// --- Requests ------------------------------------------------------------------------------------

int Client::Start(protocol::Request request, Done done, std::uint64_t* id) {
  if (is_foreign()) return Fail(REDLOCK_EFORK);
  if (!is_connected()) return Fail(REDLOCK_ECLOSED, "not connected");
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
  if (is_lock) pending.locks = request.args;
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
    if (wakeup_.Take()) {
      Abandon(id);
      return Fail(REDLOCK_ECANCELLED, kWokenUp);
    }
    if (!connection_.WaitUntil(deadline, wakeup_.fd())) {
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
  return After(DeadlineAfter(wait_ns), more);
}

int Client::Cancel(std::uint64_t id) {
  if (is_foreign()) return Fail(REDLOCK_EFORK);
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
  if (!pending.locks.empty()) Cancel(id);
}

// --- Answers and events --------------------------------------------------------------------------

int Client::Dispatch() {
  if (const int error = Check()) return error;
  if (attempt_) {
    const int error = GoOnConnecting();
    if (error != REDLOCK_OK || attempt_) return error;
  }
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
  if (!found->second.locks.empty()) Told(DeadlineField(line));
  if (line.kind == protocol::Reply::Kind::kRow) {
    found->second.reply->TakeRow(std::move(line));
    return {};
  }
  Pending pending = std::move(found->second);
  pending_.erase(found);
  redlock_reply& reply = *pending.reply;
  reply.TakeAnswer(std::move(line));
  if (pending.abandoned) LetGo(pending, reply);
  const int error = reply.error;
  Finish(std::move(pending), error);
  return {};
}

void Client::LetGo(const Pending& abandoned, const redlock_reply& reply) {
  if (reply.error != REDLOCK_OK) return;
  const std::vector<std::string>& locks = abandoned.locks;
  for (std::size_t i = 0; i < locks.size(); ++i) {
    // Each by itself: one request for all lets go of none once one of them is lost.
    protocol::Request unlock{{}, "unlock", {locks[i]}, {}};
    const char* fence = reply.Find(locks.size() == 1 ? REDLOCK_ANSWER : i, "fence");
    std::int64_t number = 0;
    if (fence != nullptr && ParseInteger(fence, &number)) unlock.options = {{"fence", fence}};
    Send(std::move(unlock), nullptr);
  }
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
