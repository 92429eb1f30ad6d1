#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "daemon/engine/node_op.h"
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
  virtual void OnLinkReady(const engine::NodeFacts& facts) = 0;
  // It was ready and is not any more, or could not be made. It tries again by itself.
  virtual void OnLinkLost(bool was_ready, const std::string& reason) = 0;
  virtual void OnAnswer(engine::NodeAnswer&& answer) = 0;
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
    const Options& options;
    engine::NodeIndex node;
    LinkUser& user;
  };
  Link(const Parts& parts, std::uint32_t seed);  // starts connecting
  ~Link();                                       // closes; tells nothing
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  State state() const { return state_; }

  // False: it is not ready, or too much waits to be sent; nothing was sent and nothing will be
  // told. True: the user gets exactly one answer, or a silence with gone=true, in the end; to
  // several releases in one question, one for the ticket of each.
  bool Send(std::span<const engine::Ticket> tickets, const Question& question);

 private:
  using Clock = std::chrono::steady_clock;

  // An op whose answer is due.
  struct Due {
    engine::Ticket ticket;
    bool is_probe;
    std::size_t releases;  // that have one reply in common: this one, if any, and those behind it
    Clock::time_point sent;
    bool timed_out = false;  // and the user was told so
    Reply info{};            // of a probe, once it is there
  };

  const NodeOptions& node_options() const { return parts_.options.nodes[parts_.node]; }

  void Dial();
  void Connect(const SocketAddress& address);
  void OnConnected();
  void OnBytes(std::string_view bytes);
  void Take(Reply reply);
  void TakeOfHandshake(const redisReply& reply);
  void TakeOfOp(Reply reply);
  void Answer(const redisReply& reply, std::size_t i);
  void BecomeReady();
  void Lose(const std::string& reason);
  void OnTimer();
  void TellTimedOut(Clock::time_point now);
  void StartTimer();
  void SetTimer(Clock::time_point at);

  const Parts parts_;
  State state_ = State::kWaiting;
  Backoff backoff_;
  Dialer dialer_;
  // kWaiting: the next try. kConnecting, kHandshaking: the end of connect_timeout. kReady: the next
  // of the ops' time-outs.
  event::Timer timer_;
  Clock::time_point timer_at_;
  bool looks_again_ = false;
  std::unique_ptr<event::Stream> stream_;
  Reader reader_;
  std::optional<Handshake> handshake_;
  Handshake::Former present_;  // kReady: this connection
  Handshake::Former former_;   // the last one that was ready
  std::deque<Due> due_;
  Clock::time_point quiet_since_;  // kReady: since when answers are due and nothing was heard
  std::string out_;                // scratch
};

}  // namespace redlockd::redis
