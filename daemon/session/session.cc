#include "daemon/session/session.h"

#include <algorithm>
#include <utility>

#include "daemon/session/answers.h"
#include "daemon/session/sessions.h"
#include "protocol/limits.h"
#include "protocol/reply.h"

namespace redlockd::session {
namespace {

using redlock::protocol::ErrorCode;
using redlock::protocol::ParseError;
using redlock::protocol::ReplyLine;
using redlock::protocol::Request;

// Lines taken of one session in a turn of the loop: a flood of them does not hold up the others.
constexpr int kLinesPerTurn = 64;
// Untagged lines that may wait behind one that is under way.
constexpr std::size_t kQueuedLines = 64;
// Room for requests other than locks, so that `cancel` gets through when all locks wait.
constexpr std::size_t kOtherRequests = 64;
// A listing goes on when less than this is unread, or than half of what may be.
constexpr std::size_t kListingBytes = 32768;

}  // namespace

Session::Session(Sessions& room, engine::SessionId id, Peer peer, Descriptor socket)
    : room_(room),
      id_(id),
      peer_(std::move(peer)),
      connection_(room.loop(), std::move(socket), *this) {
  out() += room_.greeting();
  Schedule();
}

// --- from lines to requests ----------------------------------------------------------------------

void Session::Pump() {
  if (state_ == State::kOpen) {
    RunQueued();
    TakeLines();
  } else if (state_ == State::kLeaving && connection_.Gone()) {
    OnGone();
  }
  // Known at once, even while lines are left to run: none of them may wait behind a holder any
  // more, and the one that does keeps the rest from running.
  if (state_ == State::kOpen && connection_.half_closed() && !told_input_end_) {
    told_input_end_ = true;
    room_.port().Post(engine::SessionInputEnded{id_});
  }
}

void Session::TakeLines() {
  for (int left = kLinesPerTurn; state_ == State::kOpen && !input_ended_; --left) {
    starved_ = !HasRoom();
    more_lines_ = !starved_ && left == 0;
    if (starved_ && connection_.Gone()) return OnGone();
    if (more_lines_) Schedule();
    if (starved_ || more_lines_) return;
    std::string_view line;
    switch (connection_.Take(&line)) {
      case Connection::Input::kLine:
        OnLine(line);
        break;
      case Connection::Input::kTooLong:
        Submit(ParseError{ErrorCode::kLineTooLong,
                          "expected at most " + std::to_string(redlock::protocol::kLineBytes) +
                              " bytes with the line end",
                          ""});
        break;
      case Connection::Input::kPartial:
        Submit(ParseError{ErrorCode::kBadRequest, "expected LF at the end of the last line", ""});
        break;
      case Connection::Input::kEnd:
        input_ended_ = true;
        Schedule();
        break;
      case Connection::Input::kAgain:
        break;
      case Connection::Input::kNothing:
        return;
      case Connection::Input::kGone:
        return OnGone();
    }
  }
}

bool Session::HasRoom() const {
  return queue_.size() < kQueuedLines &&
         under_way_.size() < room_.options().locks_per_session + kOtherRequests;
}

void Session::OnLine(std::string_view line) {
  if (std::exchange(first_line_, false) && redlock::protocol::IsForeignProtocol(line)) {
    WriteError("", ErrorCode::kBadRequest, "expected redlockd's line protocol, found HTTP");
    return Leave();
  }
  Submit(redlock::protocol::ParseRequest(line));
}

void Session::Submit(Item item) {
  const bool tagged = std::visit([](const auto& parsed) { return !parsed.tag.empty(); }, item);
  if (tagged || (!untagged_ && queue_.empty())) {
    Execute(item);
  } else {
    queue_.push_back(std::move(item));
  }
}

void Session::RunQueued() {
  while (state_ == State::kOpen && !untagged_ && !queue_.empty()) {
    const Item item = std::move(queue_.front());
    queue_.pop_front();
    Execute(item);
  }
}

void Session::Execute(const Item& item) {
  if (const auto* error = std::get_if<ParseError>(&item)) {
    WriteError(error->tag, error->code, error->text);
  } else {
    ExecuteRequest(std::get<Request>(item));
  }
}

void Session::ExecuteRequest(const Request& request) {
  if (tags_.contains(request.tag)) {
    return WriteError(request.tag, ErrorCode::kBadRequest,
                      "the tag '" + request.tag + "' is in use: expected another");
  }
  const Verb* verb = FindVerb(request.verb);
  if (verb != nullptr && verb->for_admins && !peer_.admin) {
    ReplyLine::Err(out(), request.tag, ErrorCode::kDenied)
        .Add("reason", "not-admin")
        .Text("expected uid 0, the daemon's own, or a member of admin_group");
    return Schedule();
  }
  auto read = verb != nullptr ? ReadCall(*verb, request, room_.options().key_prefix)
                              : UnknownVerb(request.verb);
  if (const auto* error = std::get_if<CallError>(&read)) {
    auto line = ReplyLine::Err(out(), request.tag, error->code);
    if (!error->field.empty()) line.Add(error->field, error->value);
    line.Text(error->text);
    return Schedule();
  }
  Call& call = std::get<Call>(read);
  call.request = ++last_request_;
  verb->run(*this, call);
  Schedule();
}

// --- requests under way --------------------------------------------------------------------------

void Session::Start(const Call& call, Kind kind) {
  under_way_.emplace(call.request, UnderWay{call.tag, call.subject, kind});
  if (call.tag.empty()) {
    untagged_ = call.request;
  } else {
    tags_.emplace(call.tag, call.request);
  }
}

void Session::Finish(engine::RequestId request) {
  const auto found = under_way_.find(request);
  tags_.erase(found->second.tag);
  if (untagged_ == request) untagged_.reset();
  under_way_.erase(found);
  RunQueued();
  if (starved_) {
    starved_ = false;
    more_lines_ = true;
  }
  Schedule();
}

void Session::Ask(const Call& call, Kind kind, engine::Event event) {
  Start(call, kind);
  room_.port().Post(std::move(event));
}

void Session::StartListing(const Call& call) {
  Start(call, Kind::kOther);
  listings_.emplace_back(call.request, call.tag);
}

std::optional<Session::Wait> Session::FindWait(const std::string& tag) const {
  const auto found = tags_.find(tag);
  if (found == tags_.end()) return std::nullopt;
  const UnderWay& under_way = under_way_.at(found->second);
  if (under_way.kind != Kind::kWait) return std::nullopt;
  return Wait{found->second, under_way.subject};
}

void Session::Answer(engine::RequestId request, const engine::Answer& answer) {
  const auto found = under_way_.find(request);
  if (found == under_way_.end()) return;  // the session is leaving
  renewals_.erase(found->second.subject);
  WriteAnswer(*this, found->second.tag, found->second.subject, answer);
  Finish(request);
}

void Session::Tell(const engine::Notice& notice) {
  if (state_ != State::kOpen) return;
  if (notice.kind == engine::Notice::Kind::kRenewed) {
    renewals_.insert_or_assign(notice.name, notice);
  } else {
    // It says more than the renewal before it did, or takes it back.
    renewals_.erase(notice.name);
    WriteNotice(out(), notice, room_.port().Now());
  }
  Schedule();
}

// --- output --------------------------------------------------------------------------------------

void Session::WriteError(std::string_view tag, ErrorCode code, std::string_view text) {
  ReplyLine::Err(out(), tag, code).Text(text);
  Schedule();
}

void Session::Schedule() {
  if (std::exchange(scheduled_, true)) return;
  room_.AtEndOfTurn(id_);
}

void Session::EndTurn() {
  scheduled_ = false;
  if (std::exchange(more_lines_, false)) Pump();
  if (state_ == State::kOver) return;
  ContinueListings();
  if (!blocked_) {
    WriteRenewals();
    switch (connection_.Flush()) {
      case Connection::Flushed::kAll:
        break;
      case Connection::Flushed::kBlocked:
        blocked_ = true;
        break;
      case Connection::Flushed::kGone:
        return OnGone();
    }
  }
  if (connection_.unsent() > room_.options().max_unread_output) {
    return End(engine::SessionDropped{id_});
  }
  // Its locks end here, even if it never reads the answers.
  if (state_ == State::kOpen && input_ended_ && under_way_.empty() && queue_.empty()) Leave();
  if (blocked_) return;
  if (!listings_.empty()) Schedule();
  if (state_ == State::kLeaving) state_ = State::kOver;
}

void Session::ContinueListings() {
  const std::size_t bytes = std::min(kListingBytes, room_.options().max_unread_output / 2);
  while (!listings_.empty() && connection_.unsent() < bytes) {
    Listing& listing = listings_.front();
    if (!listing.Continue(room_, *this, bytes, out())) continue;
    const engine::RequestId request = listing.request();
    listings_.pop_front();
    Finish(request);
  }
}

// Kept until the client reads: only the newest of each hold is worth its while.
void Session::WriteRenewals() {
  for (const auto& [name, notice] : renewals_) WriteNotice(out(), notice, room_.port().Now());
  renewals_.clear();
}

void Session::OnWritable() {
  blocked_ = false;
  Schedule();
}

// --- ends ----------------------------------------------------------------------------------------

void Session::OnGone() {
  if (state_ == State::kOver) return;
  if (state_ == State::kOpen) return End(engine::SessionClosed{id_});
  state_ = State::kOver;
  Schedule();
}

// The engine forgets the session; of it, only its output is left.
void Session::Leave() {
  room_.port().Post(engine::SessionClosed{id_});
  state_ = State::kLeaving;
  under_way_.clear();
  tags_.clear();
  untagged_.reset();
  queue_.clear();
  listings_.clear();
  renewals_.clear();
  Schedule();
}

void Session::End(engine::Event event) {
  if (state_ == State::kOpen) room_.port().Post(std::move(event));
  state_ = State::kOver;
  Schedule();
}

void Session::Quit(const Call& call) {
  const auto cancelled = [this](const std::string& tag, const std::string& lock) {
    auto line = ReplyLine::Err(out(), tag, ErrorCode::kCancelled);
    if (!lock.empty()) line.Add("lock", lock);
    line.Text("the session quits");
  };
  for (const auto& [request, under_way] : under_way_) cancelled(under_way.tag, under_way.subject);
  // Behind an untagged one they came too late to be answered.
  const std::size_t unanswered = call.tag.empty() ? 0 : queue_.size();
  for (std::size_t i = 0; i < unanswered; ++i) cancelled("", "");
  ReplyLine::Ok(out(), call.tag);
  Leave();
}

}  // namespace redlockd::session
