#include "daemon/redis/link.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "daemon/engine/timing.h"
#include "daemon/redis/reply.h"

namespace redlockd::redis {
namespace {

// No reply is near it; a node that sends more without an end is none.
constexpr std::size_t kMaxReplyBytes = 1 << 20;

// The first byte of what a server says that expects TLS.
constexpr char kTlsAlert = 0x15;
constexpr char kSpeaksTls[] = "the port speaks TLS: the node may expect TLS";

}  // namespace

Link::Link(const Parts& parts, std::uint32_t seed)
    : parts_(parts),
      backoff_(seed),
      dialer_(parts.resolver, node_options().address),
      timer_(parts.loop, [this] { OnTimer(); }),
      beat_timer_(parts.loop, [this] { OnBeatDue(); }) {
  SetTimer(Clock::now());
}

Link::~Link() = default;

bool Link::Send(std::span<const engine::Ticket> tickets, const Question& question, bool hears) {
  if (state_ != State::kReady || stream_->unsent() > parts_.options.max_unsent) return false;
  out_.clear();
  question.AppendTo(out_, {.run_id = present_.run_id, .hears = hears});
  stream_->Write(out_);
  const auto now = Clock::now();
  Excuse(now);
  if (due_.empty()) quiet_since_ = now;
  for (const engine::Ticket& ticket : tickets) {
    due_.push_back({.ticket = ticket,
                    .is_probe = question.is_probe(),
                    .form = question.form(),
                    .parts = question.parts(),
                    .sent = now});
  }
  asked_ += tickets.size();
  if (!timer_.running()) StartTimer();
  return true;
}

// --- questions of its own -----------------------------------------------------------------------

// Nobody may need this link for long, and a network in between may have forgotten it by then: it is
// to be known before.
void Link::OnBeatDue() {
  if (due_.empty() && Clock::now() - quiet_since_ >= node_options().connect_timeout / 2) Beat();
  if (is_ready()) beat_timer_.Start(node_options().connect_timeout);
}

void Link::Beat() {
  out_.clear();
  AppendHeartbeat(out_);
  Ask({.kind = Due::Kind::kBeat}, out_);
}

void Link::Settle(const Link& other) {
  out_.clear();
  AppendClientKill(out_, other.unsettled_->client_id);
  Due due{.kind = Due::Kind::kSettle};
  due.ticket.subject = other.parts_.number;
  Ask(std::move(due), out_);
}

void Link::Ask(Due due, std::string_view text) {
  stream_->Write(text);
  due.sent = Clock::now();
  Excuse(due.sent);
  if (due_.empty()) quiet_since_ = due.sent;
  due_.push_back(std::move(due));
  ++asked_;
  if (!timer_.running()) StartTimer();
}

// --- connecting ---------------------------------------------------------------------------------

void Link::Dial() {
  state_ = State::kResolving;
  dialer_.Find([this](const Dialer::Found& found) {
    if (const auto* error = std::get_if<std::string>(&found)) return Lose(*error);
    Connect(std::get<SocketAddress>(found));
  });
}

void Link::Connect(const SocketAddress& address) {
  state_ = State::kConnecting;
  SetTimer(Clock::now() + node_options().connect_timeout);
  stream_ = std::make_unique<event::Stream>(
      parts_.loop,
      event::Stream::Callbacks{
          .on_connected = [this] { OnConnected(); },
          .on_bytes = [this](std::string_view bytes) { OnBytes(bytes); },
          .on_closed = [this](const std::string& reason) { Lose(WhatEnded() + reason); },
      });
  stream_->Connect(reinterpret_cast<const sockaddr*>(&address.storage), address.size,
                   node_options().tls);
}

std::string Link::WhatEnded() const {
  if (state_ == State::kConnecting) return "connect: ";
  if (state_ != State::kHandshaking) return "connection: ";
  if (heard_) return "handshake: " + (handshake_->note().empty() ? "" : handshake_->note() + "; ");
  if (node_options().tls) return "handshake, before any reply: ";
  return "handshake, before any reply (the node may expect TLS): ";
}

void Link::OnConnected() {
  state_ = State::kHandshaking;
  heard_ = false;
  reader_ = MakeReader();
  handshake_.emplace(node_options(), former_);
  out_.clear();
  handshake_->Begin(out_);
  stream_->Write(out_);
  Excuse(Clock::now());
  SetTimer(until_ + HandshakeTimeout() - node_options().connect_timeout);
}

void Link::TakeOfHandshake(const redisReply& reply) {
  out_.clear();
  switch (handshake_->Take(reply, out_)) {
    case Handshake::State::kGoing:
      return stream_->Write(out_);
    case Handshake::State::kFailed:
      return Lose(std::string(handshake_->error()));
    case Handshake::State::kDone:
      return BecomeReady();
  }
}

void Link::BecomeReady() {
  const engine::NodeFacts facts = handshake_->facts();
  if (const auto why_not = parts_.user.WhyNotUse(facts)) return Lose(*why_not);
  state_ = State::kReady;
  timer_.Cancel();
  backoff_.Reset();
  quiet_since_ = Clock::now();
  beat_timer_.Start(node_options().connect_timeout);
  unsettled_.reset();  // the handshake has ended that connection, or it was to another server
  const std::string note = handshake_->note();
  present_ = {facts.run_id, handshake_->client_id()};
  handshake_.reset();
  if (!note.empty()) parts_.user.OnNote(note);
  parts_.user.OnLinkReady(parts_.number, facts);
}

// --- what is heard ------------------------------------------------------------------------------

void Link::OnBytes(std::string_view bytes) {
  quiet_since_ = Clock::now();
  if (!std::exchange(heard_, true) && bytes.front() == kTlsAlert) return Lose(kSpeaksTls);
  redisReaderFeed(reader_.get(), bytes.data(), bytes.size());
  while (stream_) {  // what is taken may end the connection
    void* got = nullptr;
    if (redisReaderGetReply(reader_.get(), &got) != REDIS_OK) {
      return Lose("not a Redis reply: " + ErrorOf(*reader_));
    }
    if (got == nullptr) break;
    Take(Reply(static_cast<redisReply*>(got)));
  }
  if (stream_ && reader_->len - reader_->pos > kMaxReplyBytes) {
    Lose("not a Redis reply: a reply of more than " + std::to_string(kMaxReplyBytes) + " bytes");
  }
}

void Link::Take(Reply reply) {
  if (state_ == State::kHandshaking) return TakeOfHandshake(*reply);
  if (due_.empty()) return Lose("an unexpected reply: " + Describe(*reply));
  TakeOfOp(std::move(reply));
}

void Link::TakeOfOp(Reply reply) {
  if (due_.front().kind != Due::Kind::kOp) {
    const Due due = std::move(due_.front());
    due_.pop_front();
    if (due.kind == Due::Kind::kSettle) parts_.user.OnSettled(due.ticket.subject);
    return;
  }
  if (due_.front().is_probe && !due_.front().info) {
    due_.front().info = std::move(reply);
    return;
  }
  // SCRIPT FLUSH. Sent once more, by EVAL, the op would run after what was sent later: an acquire
  // after its own release. A new connection keeps the order and brings the scripts.
  if (IsNoScript(*reply)) return Lose("the node has lost its scripts");
  const Due& first = due_.front();
  if (first.form == ReplyForm::kWhole) {
    engine::NodeAnswer answer = first.info ? ParseProbe(*first.info, *reply) : ParseAnswer(*reply);
    AddressToFirst(answer);
    return parts_.user.OnAnswer(std::move(answer));
  }
  engine::NodeAnswers all{ParseAnswers(*reply, first.form, first.parts)};
  for (engine::NodeAnswer& answer : all.answers) AddressToFirst(answer);
  parts_.user.OnAnswers(std::move(all));
}

// The answer to the op that is due first, which is due no more.
void Link::AddressToFirst(engine::NodeAnswer& answer) {
  answer.node = parts_.node;
  answer.ticket = due_.front().ticket;
  due_.pop_front();
}

// --- silence and the end ------------------------------------------------------------------------

void Link::OnTimer() {
  const auto after = [](engine::Duration timeout) { return engine::ToText(timeout); };
  const auto now = Clock::now();
  Excuse(now);
  if (now < until_) return SetTimer(until_);
  switch (state_) {
    case State::kWaiting:
      return Dial();
    case State::kResolving:
      return;  // its time is the resolver's
    case State::kConnecting:
      // A plain Redis waits for more of what it takes for a command.
      if (stream_->is_shaking_hands()) {
        return Lose("connect: TLS: no answer within " + after(node_options().connect_timeout) +
                    " (the port may not speak TLS)");
      }
      return Lose("connect: no answer within " + after(node_options().connect_timeout));
    case State::kHandshaking: {
      const auto timeout = HandshakeTimeout();
      backoff_.HandshakeTimedOut();
      return Lose("handshake: no answer within " + after(timeout));
    }
    case State::kReady:
      if (!due_.empty() && now - quiet_since_ >= node_options().connect_timeout) {
        return Lose("connection: no answer for " + after(node_options().connect_timeout));
      }
      ReportTimedOut(now);
      StartTimer();
  }
}

// While the daemon itself was held up it has neither sent nor read: this time is not the node's.
void Link::Excuse(Clock::time_point now) {
  const auto held_up = parts_.hold_ups.Total(now);
  const auto late = held_up - std::exchange(excused_, held_up);
  if (late == Clock::duration(0) || state_ == State::kWaiting) return;
  until_ += late;
  quiet_since_ = std::min(quiet_since_ + late, now);
  for (Due& due : due_) due.sent = std::min(due.sent + late, now);
}

void Link::ReportTimedOut(Clock::time_point now) {
  // By index: a report may push more. Only those at the front can be out of time.
  for (std::size_t i = 0; i < due_.size(); ++i) {
    if (due_[i].timed_out) continue;
    if (now - due_[i].sent < node_options().command_timeout) break;
    due_[i].timed_out = true;
    if (due_[i].kind != Due::Kind::kOp) continue;
    parts_.user.OnSilence({parts_.node, due_[i].ticket, false});
  }
}

// For the first that has not timed out yet, or the end of patience with the connection.
void Link::StartTimer() {
  if (due_.empty()) return;
  auto next = quiet_since_ + node_options().connect_timeout;
  const auto first =
      std::find_if(due_.begin(), due_.end(), [](const Due& due) { return !due.timed_out; });
  if (first != due_.end()) next = std::min(next, first->sent + node_options().command_timeout);
  SetTimer(next);
}

void Link::SetTimer(Clock::time_point at) {
  const auto now = Clock::now();
  Excuse(now);
  until_ = at;
  timer_.Start(at - now);
  if (state_ != State::kWaiting) parts_.hold_ups.WatchUntil(now, at);
}

void Link::Lose(const std::string& reason) {
  const bool was_ready = state_ == State::kReady;
  if (was_ready) {
    former_ = std::exchange(present_, {});
    const bool asked = std::any_of(due_.begin(), due_.end(),
                                   [](const Due& due) { return due.kind == Due::Kind::kOp; });
    if (asked && former_.client_id != 0) unsettled_ = former_;
  }
  beat_timer_.Cancel();
  state_ = State::kWaiting;
  stream_.reset();
  reader_.reset();
  handshake_.reset();
  SetTimer(Clock::now() + backoff_.Next());
  const auto gone = std::exchange(due_, {});
  for (const Due& due : gone) {
    if (due.kind == Due::Kind::kOp) parts_.user.OnSilence({parts_.node, due.ticket, true});
  }
  parts_.user.OnLinkLost(parts_.number, was_ready, reason);
}

}  // namespace redlockd::redis
