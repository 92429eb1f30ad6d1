#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/event/loop.h"
#include "daemon/event/stream.h"
#include "daemon/event/timer.h"
#include "daemon/redis/backoff.h"
#include "daemon/redis/callbacks.h"
#include "daemon/redis/dialer.h"
#include "daemon/redis/options.h"
#include "daemon/redis/reader.h"
#include "daemon/redis/resolver.h"

namespace redlockd::redis {

// Hears what one node publishes to this daemon, on a connection of its own that is made again as
// often as it breaks. Nothing depends on it: it says nothing of whether the node is up, and where
// the node refuses it (reported once, as a note) the daemon does without.
class Subscription {
 public:
  // All references outlive it. `options.instance` is not empty.
  struct Parts {
    event::Loop& loop;
    Resolver& resolver;
    const Options& options;
    engine::NodeIndex node;
    const Callbacks& callbacks;
  };
  Subscription(const Parts& parts, std::uint32_t seed);  // starts connecting
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  bool is_subscribed() const { return state_ == State::kSubscribed; }

 private:
  enum class State { kWaiting, kConnecting, kAuthenticating, kSubscribing, kSubscribed };

  const NodeOptions& node_options() const { return parts_.options.nodes[parts_.node]; }

  void Dial();
  void Connect(const SocketAddress& address);
  void OnConnected();
  void OnBytes(std::string_view bytes);
  bool Take(const redisReply& reply);  // false: and is of no use any more
  bool TakeArray(const redisReply& reply);
  void OnTimer();
  void AskAgain();
  void Refused(const std::string& reason);
  void Lose(std::chrono::nanoseconds wait);

  const Parts parts_;
  State state_ = State::kWaiting;
  Backoff backoff_;
  Dialer dialer_;
  // kWaiting: the next try. kSubscribed: it is asked again. Else: the end of connect_timeout.
  event::Timer timer_;
  std::unique_ptr<event::Stream> stream_;
  Reader reader_;
  bool heard_ = false;  // since it was asked last
  std::string noted_;
};

}  // namespace redlockd::redis
