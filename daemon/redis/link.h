#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "daemon/engine/events.h"
#include "daemon/engine/node_op.h"
#include "daemon/event/hold_ups.h"
#include "daemon/event/loop.h"
#include "daemon/event/stream.h"
#include "daemon/event/timer.h"
#include "daemon/redis/backoff.h"
#include "daemon/redis/dialer.h"
#include "daemon/redis/handshake.h"
#include "daemon/redis/options.h"
#include "daemon/redis/question.h"
#include "daemon/redis/reader.h"

namespace redlockd::redis {

// What becomes of a link and of what was sent over it. Called in the loop, never from within a call
// to the link. Must not destroy the link.
class LinkUser {
 public:
  virtual ~LinkUser() = default;
  // Called when the node has reported its facts: returns a reason not to use this link, and to try
  // again.
  virtual std::optional<std::string> WhyNotUse(const engine::NodeFacts& facts) = 0;
  virtual void OnLinkReady(std::size_t number, const engine::NodeFacts& facts) = 0;
  // It was ready and is not any more, or could not be made. It tries again by itself.
  virtual void OnLinkLost(std::size_t number, bool was_ready, const std::string& reason) = 0;
  // What was sent over that link before it was lost has run, or will not.
  virtual void OnSettled(std::size_t number) = 0;
  virtual void OnAnswer(engine::NodeAnswer&& answer) = 0;
  virtual void OnAnswers(engine::NodeAnswers&& answers) = 0;  // to a batch
  virtual void OnSilence(engine::NodeSilence silence) = 0;
  // Something that the node refuses and that can be lived without (rule C7).
  virtual void OnNote(const std::string& note) = 0;
};

// One connection to a node, made again as often as it breaks. Ops go out in the order of Send, and
// all that are sent in one turn in one write; answers are those of the node, in its order.
class Link {
 public:
  enum class State {
    kWaiting,  // before the next try
    kResolving,
    kConnecting,
    kHandshaking,
    kReady,
  };

  // All references outlive the link.
  struct Parts {
    event::Loop& loop;
    Resolver& resolver;
    event::HoldUps& hold_ups;
    const Options& options;
    engine::NodeIndex node;
    std::size_t number;  // of the links of this node
    LinkUser& user;
  };
  Link(const Parts& parts, std::uint32_t seed);  // starts connecting
  ~Link();                                       // closes; calls nothing back
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  State state() const { return state_; }
  bool is_ready() const { return state_ == State::kReady; }
  // How many answers were ever waited for, and how many are not waited for any more. They come in
  // the order in which was asked.
  std::uint64_t asked() const { return asked_; }
  std::uint64_t done() const { return asked_ - due_.size(); }
  const std::string& run_id() const { return present_.run_id; }  // kReady
  // The connection that was lost last, while what was sent over it may still run on the server.
  const std::optional<Handshake::Former>& unsettled() const { return unsettled_; }

  // False: it is not ready, or too much waits to be sent; nothing was sent, and no answer will
  // come. True: the user gets exactly one answer, or a silence with gone=true, in the end; to
  // a batch, one for the ticket of each.
  // `hears`: the node sends hints to this daemon.
  bool Send(std::span<const engine::Ticket> tickets, const Question& question, bool hears);

  // Asks the node whether the connection still works; if not, it is lost soon. The link is ready.
  void Beat();
  // Has the node end the lost connection of `other`, a link to the same node. This link is ready.
  void Settle(const Link& other);
  void Settled() { unsettled_.reset(); }

 private:
  using Clock = std::chrono::steady_clock;

  // An op whose answer is due; or a question of the link's own, whose answer goes no further.
  struct Due {
    enum class Kind : std::uint8_t { kOp, kBeat, kSettle };
    Kind kind = Kind::kOp;
    engine::Ticket ticket{};  // kSettle: its subject is the number of the other link
    bool is_probe = false;
    ReplyForm form = ReplyForm::kWhole;
    std::size_t parts = 1;  // of that reply: for this op and those after it, or its names
    Clock::time_point sent{};
    bool timed_out = false;  // and this was reported to the user
    Reply info{};            // of a probe, once it is there
  };

  const NodeOptions& node_options() const { return parts_.options.nodes[parts_.node]; }

  std::chrono::nanoseconds HandshakeTimeout() const {
    return backoff_.patience() * node_options().connect_timeout;
  }
  void Dial();
  void Connect(const SocketAddress& address);
  std::string WhatEnded() const;
  void OnConnected();
  void OnBytes(std::string_view bytes);
  void Take(Reply reply);
  void TakeOfHandshake(const redisReply& reply);
  void TakeOfOp(Reply reply);
  void Ask(Due due, std::string_view text);
  void OnBeatDue();
  void AddressToFirst(engine::NodeAnswer& answer);
  void BecomeReady();
  void Lose(const std::string& reason);
  void OnTimer();
  void Excuse(Clock::time_point now);
  void ReportTimedOut(Clock::time_point now);
  void StartTimer();
  void SetTimer(Clock::time_point at);

  const Parts parts_;
  State state_ = State::kWaiting;
  Backoff backoff_;
  Dialer dialer_;
  // kWaiting: the next try. kConnecting: the end of connect_timeout. kHandshaking: that of
  // HandshakeTimeout. kReady: the next of the ops' time-outs.
  event::Timer timer_;
  Clock::time_point until_;     // what it is for
  Clock::duration excused_{0};  // of all hold-ups: those before what is waited for
  event::Timer beat_timer_;     // kReady
  std::unique_ptr<event::Stream> stream_;
  Reader reader_;
  std::optional<Handshake> handshake_;
  Handshake::Former present_;  // kReady: this connection
  Handshake::Former former_;   // the last one that was ready
  std::optional<Handshake::Former> unsettled_;
  bool heard_ = false;  // anything at all, on this connection
  std::deque<Due> due_;
  std::uint64_t asked_ = 0;
  Clock::time_point quiet_since_;  // kReady: since when answers are due and nothing was heard
  std::string out_;                // scratch
};

}  // namespace redlockd::redis
