#include "daemon/session/session.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "daemon/session/answers.h"
#include "daemon/session/bounds.h"
#include "daemon/session/sessions.h"
#include "protocol/limits.h"
#include "protocol/reply.h"

namespace redlockd::session {
namespace {

using redlock::base::Descriptor;
using redlock::protocol::ErrorCode;
using redlock::protocol::ParseError;
using redlock::protocol::ReplyLine;
using redlock::protocol::Request;

// Lines of one session in a portion.
constexpr int kLinesAtATime = 8;
// How many bytes of a listing are written at a time, and how many lines that is.
constexpr std::size_t kListingBytes = 8192;
constexpr int kListingLines = 16;

}  // namespace

Session::Session(Sessions& room, engine::SessionId id, Peer peer, Descriptor socket)
    : room_(room),
      id_(id),
      peer_(std::move(peer)),
      connection_(room.loop(), std::move(socket), *this),
      owner_port_(room, *this),
      owners_(owner_port_, id) {
  room_.Greet(out());
  Schedule();
}

// --- from lines to requests ----------------------------------------------------------------------

bool Session::Work(int& left) {
  int lines = std::min(kLinesAtATime, left);
  left -= lines;
  if (state_ == State::kOpen) RunQueued(lines);
  if (state_ == State::kOpen) TakeLines(lines);
  left += lines;  // what was not used
  ReportInputEnd();
  if (state_ == State::kOpen && MayList()) ContinueListing(left);
  Schedule();
  const bool may_run = !under_way_.HasUntagged() && !queue_.empty();
  return state_ == State::kOpen && (more_lines_ || may_run || MayList());
}

// At once, even while lines are left to run: none of them may wait for a holder any more, and
// the one that does keeps the rest from running.
void Session::ReportInputEnd() {
  if (state_ != State::kOpen || !connection_.half_closed() || reported_input_end_) return;
  reported_input_end_ = true;
  for (const engine::SessionId owner : owners_.All()) {
    room_.port().Post(engine::SessionInputEnded{owner});
  }
  room_.port().Post(engine::SessionInputEnded{id_});
}

void Session::TakeLines(int& left) {
  more_lines_ = false;
  for (; state_ == State::kOpen && !input_ended_; --left) {
    starved_ = !HasRoom();
    more_lines_ = !starved_ && left <= 0;
    if (starved_ && connection_.Gone()) return OnGone();
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
  return queue_.size() < kQueuedLines && under_way_.others() < kOtherRequests &&
         under_way_.waits() < room_.options().locks_per_session + kOtherRequests;
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
  if (tagged || (!under_way_.HasUntagged() && queue_.empty())) {
    Execute(item);
  } else {
    queue_.push_back(std::move(item));
  }
}

void Session::RunQueued(int& left) {
  for (; left > 0 && state_ == State::kOpen && !under_way_.HasUntagged() && !queue_.empty();
       --left) {
    Item item = std::move(queue_.front());
    queue_.pop_front();
    Execute(item);
  }
}

void Session::Execute(Item& item) {
  if (const auto* error = std::get_if<ParseError>(&item)) {
    WriteError(error->tag, error->code, error->text);
  } else {
    ExecuteRequest(std::get<Request>(item));
  }
}

void Session::ExecuteRequest(Request& request) {
  if (under_way_.FindTag(request.tag) != nullptr) {
    return WriteError(request.tag, ErrorCode::kBadRequest,
                      "the tag '" + request.tag + "' is in use: expected another");
  }
  const Verb* verb = FindVerb(request.verb);
  if (verb != nullptr && verb->needs == Needs::kAdmin && !peer_.admin) {
    return Deny(*verb, request.tag, "");
  }
  Call call;
  call.tag = std::move(request.tag);
  const std::optional<CallError> error =
      verb != nullptr ? ReadCall(*verb, request, room_.options().key_prefix, call)
                      : UnknownVerb(request.verb);
  if (error) {
    auto line = ReplyLine::Err(out(), call.tag, error->code);
    if (!error->field.empty()) line.Add(error->field, error->value);
    line.Text(error->text);
    return Schedule();
  }
  if (!MayDo(*verb, call.subject)) return Deny(*verb, call.tag, call.subject);
  for (const std::string& name : call.also) {
    if (!MayDo(*verb, name)) return Deny(*verb, call.tag, name);
  }
  call.request = ++last_request_;
  // To the engine a wait and its cancel are of one session.
  if (verb->subject == Subject::kTag) call.as = OwnerOfTag(call.subject);
  call.asker = owners_.Begin(call.as);
  CarryOut(verb->run(*this, call), call);
  Schedule();
}

bool Session::MayDo(const Verb& verb, const std::string& lock) const {
  switch (verb.needs) {
    case Needs::kNothing:
    case Needs::kAdmin:
      return true;
    case Needs::kLock:
      return room_.options().permissions.May(Right::kLock, lock, peer_);
    case Needs::kSee:  // of all locks, those that the client may see
      return lock.empty() || MaySee(lock);
    case Needs::kBreak:
      return room_.options().permissions.May(Right::kBreak, lock, peer_);
  }
  std::abort();
}

bool Session::MaySee(std::string_view lock) const {
  return room_.options().permissions.May(Right::kSee, lock, peer_);
}

void Session::Deny(const Verb& verb, const std::string& tag, const std::string& lock) {
  room_.port().OnDenied(id_, verb.name, lock);
  auto line = ReplyLine::Err(out(), tag, ErrorCode::kDenied);
  if (!lock.empty()) line.Add("lock", lock);
  if (verb.needs == Needs::kAdmin || verb.needs == Needs::kBreak) {
    line.Add("reason", "not-admin")
        .Text(std::string("expected uid 0, the daemon's own, or a member of admin_group") +
              (verb.needs == Needs::kBreak ? ", or a user whom a rule lets break it" : ""));
  } else {
    line.Add("reason", "rule")
        .Text("uid " + std::to_string(peer_.uid) +
              " is not among those whom the rules of redlockd.yaml let " +
              (verb.needs == Needs::kLock ? "take" : "see") + " it");
  }
  Schedule();
}

void Session::CarryOut(Outcome outcome, Call& call) {
  if (auto* event = std::get_if<engine::Event>(&outcome)) {
    auto* const lock = std::get_if<engine::LockRequested>(event);
    Start(call, lock != nullptr);
    if (lock != nullptr && page_) lock->renewed_events = true;
    return room_.port().Post(std::move(*event));
  }
  owners_.End(call.asker);
  if (std::holds_alternative<List>(outcome)) {
    listings_.emplace_back(call.request, call.tag);
    Start(call, false);
  } else if (std::holds_alternative<Quit>(outcome)) {
    QuitBy(call);
  } else if (std::holds_alternative<GivePage>(outcome)) {
    GivePageBy(call);
  }
}

std::string Session::OwnerOfTag(const std::string& tag) const {
  const UnderWay::Request* request = under_way_.FindTag(tag);
  return request == nullptr ? "" : OwnerName(request->asker);
}

// --- requests under way --------------------------------------------------------------------------

void Session::Start(Call& call, bool is_wait) {
  under_way_.Add({.id = call.request,
                  .tag = std::move(call.tag),
                  .subject = std::move(call.subject),
                  .also = std::move(call.also),
                  .is_wait = is_wait,
                  .asker = call.asker,
                  .on_page = is_wait && page_,
                  .tells_renewals = call.renewed_events});
}

void Session::Finish(engine::RequestId request) {
  const engine::SessionId asker = under_way_.Find(request)->asker;
  under_way_.Remove(request);
  owners_.End(asker);
  Schedule();
  if (starved_ || !queue_.empty()) room_.Serve(*this);
}

void Session::Answer(engine::RequestId request, const engine::Answer& answer) {
  const UnderWay::Request* asked = under_way_.Find(request);
  if (asked == nullptr) return;  // the session is leaving
  WriteNewsBefore(asked->asker, asked->subject);
  for (const std::string& name : asked->also) WriteNewsBefore(asked->asker, name);
  WriteAnswer(*this, asked->tag, asked->subject, answer, NoteOnPage(*asked, answer));
  Finish(request);
}

void Session::Notify(engine::SessionId holder, const engine::Notice& notice) {
  using Kind = engine::Notice::Kind;
  if (state_ != State::kOpen) return;
  const auto key = std::pair(holder, notice.name);
  if (page_ && !NoteOnPage(key, notice)) return;
  switch (notice.kind) {
    case Kind::kRenewed:
      news_[key].renewal = notice;
      break;
    case Kind::kWanted:
      news_[key].wanted = notice;
      break;
    case Kind::kJeopardy:
    case Kind::kSafe: {
      // It says more than the renewal before it did, or takes it back.
      News& news = news_[key];
      news.renewal.reset();
      news.state = notice;
      // All of them count for a client that reads.
      if (!blocked_) WriteNews(holder, news);
      break;
    }
    case Kind::kLost:
    case Kind::kBroken:
      news_.erase(key);
      WriteNotice(out(), notice, OwnerName(holder), room_.port().Now());
      owners_.OnLoss(holder);
      break;
    case Kind::kDraining:  // each owner that holds something hears of it, and the client once
      if (!std::exchange(draining_, true)) WriteNotice(out(), notice, "", room_.port().Now());
      break;
  }
  Schedule();
}

// A watcher that does not read misses something, instead of being dropped for it. What is missed is in
// one piece, and the line that says so stands in its place.
void Session::NotifyWatch(std::string_view line) {
  // Much may become of many locks in one turn.
  if (!blocked_ && unread_watches_ + line.size() > kUnreadWatches) Send();
  if (state_ != State::kOpen) return;
  if (missed_watches_ > 0 || unread_watches_ + line.size() > kUnreadWatches) {
    ++missed_watches_;
    return;
  }
  out() += line;
  unread_watches_ += line.size();
  Schedule();
}

// --- the page ------------------------------------------------------------------------------------

void Session::GivePageBy(const Call& call) {
  if (page_) {
    return WriteError(call.tag, ErrorCode::kBadRequest, "this session has its page already");
  }
  std::string problem;
  auto page = SharedPage::Make(&problem);
  if (!page) return WriteError(call.tag, ErrorCode::kLimit, problem);
  Descriptor for_client = page->OpenForClient();
  if (!for_client) {
    return WriteError(call.tag, ErrorCode::kLimit,
                      std::string("there is no page: ") + std::strerror(errno));
  }
  if (!room_.CanSpare(for_client.get())) {
    return WriteError(call.tag, ErrorCode::kLimit,
                      "the daemon has no file descriptor to spare for a page");
  }
  page_ = std::move(page);
  connection_.Attach(std::move(for_client));
  ReplyLine::Ok(out(), call.tag)
      .Add("slots", redlock::protocol::Page::kSlots)
      .Add("bytes", sizeof(redlock::protocol::Page));
}

// Holds begin, or have ended. Returns the places of those that begin, if there is a page for them.
SharedPage::Places Session::NoteOnPage(const UnderWay::Request& asked,
                                       const engine::Answer& answer) {
  if (!page_) return {};
  const auto end = [&](const auto& hold) { page_->End({asked.asker, hold.name}, hold.fence); };
  if (const auto* granted = std::get_if<engine::Granted>(&answer); granted && asked.on_page) {
    const auto begin = [&](const auto& hold) {
      return page_->Begin({asked.asker, hold.name}, hold.fence, hold.deadline,
                          asked.tells_renewals);
    };
    SharedPage::Places places{begin(*granted)};
    for (const auto& other : granted->also) places.push_back(begin(other));
    return places;
  }
  if (const auto* released = std::get_if<engine::Released>(&answer)) {
    end(*released);
    for (const auto& other : released->also) end(other);
  }
  // Holds that were to be released with `sync` are over as well.
  if (const auto* failed = std::get_if<engine::Failed>(&answer); failed && failed->fence != 0) {
    end(*failed);
    for (const auto& other : failed->also) end(other);
  }
  return {};
}

// Whether the client is to have the event as well.
bool Session::NoteOnPage(const SharedPage::Key& key, const engine::Notice& notice) {
  using Kind = engine::Notice::Kind;
  switch (notice.kind) {
    case Kind::kRenewed:
      page_->Move(key, notice.fence, notice.deadline);
      return page_->TellsRenewals(key);
    case Kind::kJeopardy:
    case Kind::kSafe:
      page_->Move(key, notice.fence, notice.deadline);
      return true;
    case Kind::kLost:
    case Kind::kBroken:
      page_->End(key, notice.fence);
      return true;
    case Kind::kWanted:
    case Kind::kDraining:
      return true;
  }
  return true;
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
  if (state_ == State::kOver) return;
  if (!blocked_) {
    WriteNews();
    Send();
    if (state_ == State::kOver) return;
  }
  if (connection_.unsent() - unread_watches_ > room_.options().max_unread_output) {
    if (state_ == State::kOpen) PostEnd<engine::SessionDropped>();
    state_ = State::kOver;
    return Schedule();
  }
  // Its locks end here, even if it never reads the answers.
  if (state_ == State::kOpen && input_ended_ && under_way_.empty() && queue_.empty()) Leave();
  if (blocked_) return;
  if (MayList()) room_.Serve(*this);
  if (state_ == State::kLeaving) state_ = State::kOver;
}

void Session::Send() {
  switch (connection_.Flush()) {
    case Connection::Flushed::kAll:
      unread_watches_ = 0;
      if (missed_watches_ > 0) {
        ReplyLine::Event(out(), "WATCH").Add("missed", std::exchange(missed_watches_, 0));
        Schedule();
      }
      return;
    case Connection::Flushed::kBlocked:
      blocked_ = true;
      unread_watches_ = std::min(unread_watches_, connection_.unsent());
      return;
    case Connection::Flushed::kGone:
      return OnGone();
  }
}

// It goes on once the client has read nearly all that there was.
bool Session::MayList() const { return !listings_.empty() && connection_.unsent() < kListingBytes; }

void Session::ContinueListing(int& left) {
  left -= kListingLines;
  Listing& listing = listings_.front();
  if (!listing.Continue(room_, *this, kListingBytes, out())) return;
  const engine::RequestId request = listing.request();
  listings_.pop_front();
  Finish(request);
}

void Session::WriteNews() {
  for (auto& [key, news] : news_) WriteNews(key.first, news);
  news_.clear();
}

// Before an answer about that lock. A renewal says nothing after it.
void Session::WriteNewsBefore(engine::SessionId asker, const std::string& lock) {
  const auto found = news_.find({asker, lock});
  if (found == news_.end()) return;
  found->second.renewal.reset();
  WriteNews(asker, found->second);
  news_.erase(found);
}

void Session::WriteNews(engine::SessionId holder, News& news) {
  const engine::Time now = room_.port().Now();
  for (auto* notice : {&news.state, &news.renewal, &news.wanted}) {
    if (*notice) WriteNotice(out(), **notice, OwnerName(holder), now);
    notice->reset();
  }
}

void Session::OnInput() {
  if (state_ == State::kLeaving && connection_.Gone()) return OnGone();
  ReportInputEnd();
  room_.Serve(*this);
}

void Session::OnWritable() {
  blocked_ = false;
  Schedule();
}

// --- ends ----------------------------------------------------------------------------------------

void Session::OnGone() {
  if (state_ == State::kOver) return;
  if (state_ == State::kOpen) PostEnd<engine::SessionClosed>();
  state_ = State::kOver;
  Schedule();
}

// The engine forgets the session; of it, only its output is left.
void Session::Leave() {
  PostEnd<engine::SessionClosed>();
  if (page_) page_->EndAll();
  state_ = State::kLeaving;
  under_way_ = UnderWay();
  queue_.clear();
  listings_.clear();
  news_.clear();
  missed_watches_ = 0;
  Schedule();
}

// The engine forgets the session, and before it the owners within it.
template <typename Kind>
void Session::PostEnd() {
  for (const engine::SessionId owner : owners_.All()) {
    room_.port().Post(Kind{owner});
    room_.Unregister(owner);
  }
  owners_.Clear();
  room_.port().Post(Kind{id_});
}

void Session::QuitBy(const Call& call) {
  const auto cancelled = [this](const std::string& tag, const std::string& lock) {
    auto line = ReplyLine::Err(out(), tag, ErrorCode::kCancelled);
    if (!lock.empty()) line.Add("lock", lock);
    line.Text("the session was ended by quit");
  };
  // In the order of their lines.
  for (const auto& [id, request] : under_way_.TakeAll()) cancelled(request.tag, request.subject);
  // After an untagged one they came too late to be answered.
  const std::size_t unanswered = call.tag.empty() ? 0 : queue_.size();
  for (std::size_t i = 0; i < unanswered; ++i) cancelled("", "");
  ReplyLine::Ok(out(), call.tag);
  Leave();
}

}  // namespace redlockd::session
