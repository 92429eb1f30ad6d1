#include "daemon/redis/subscription.h"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include "daemon/redis/encoder.h"
#include "daemon/redis/handshake.h"
#include "daemon/redis/hint.h"
#include "daemon/redis/reply.h"

namespace redlockd::redis {
namespace {

using std::chrono::nanoseconds;

// The node is asked again so often: what says nothing in between is given up.
constexpr std::chrono::seconds kAskAgain{2};
// A node that refuses may have other rights by then.
constexpr std::chrono::seconds kRefused{30};
// No message is near them: a key has 128 bytes of prefix and 255 of name at most.
constexpr std::size_t kMaxMessageText = 1 << 10;
constexpr std::size_t kMaxBytes = 4 << 10;

bool IsTooLong(const redisReply& reply) {
  const auto end = reply.element + reply.elements;
  return reply.len > kMaxMessageText ||
         std::any_of(reply.element, end,
                     [](const redisReply* element) { return element->len > kMaxMessageText; });
}

std::string_view TextOf(const redisReply& reply) {
  if (reply.type != REDIS_REPLY_STRING) return {};
  return {reply.str, reply.len};
}

}  // namespace

Subscription::Subscription(const Parts& parts, std::uint32_t seed)
    : parts_(parts),
      backoff_(seed),
      dialer_(parts.resolver, node_options().address),
      timer_(parts.loop, [this] { OnTimer(); }) {
  timer_.Start(nanoseconds(0));
}

// --- connecting ---------------------------------------------------------------------------------

void Subscription::Dial() {
  dialer_.Find([this](const Dialer::Found& found) {
    if (const auto* address = std::get_if<SocketAddress>(&found)) return Connect(*address);
    Lose(backoff_.Next());
  });
}

void Subscription::Connect(const SocketAddress& address) {
  state_ = State::kConnecting;
  timer_.Start(node_options().connect_timeout);
  stream_ = std::make_unique<event::Stream>(
      parts_.loop, event::Stream::Callbacks{
                       .on_connected = [this] { OnConnected(); },
                       .on_bytes = [this](std::string_view bytes) { OnBytes(bytes); },
                       .on_closed = [this](const std::string&) { Lose(backoff_.Next()); },
                   });
  stream_->Connect(reinterpret_cast<const sockaddr*>(&address.storage), address.size,
                   node_options().tls);
}

void Subscription::OnConnected() {
  reader_ = MakeReader();
  std::string out;
  state_ = AppendAuth(out, node_options()) ? State::kAuthenticating : State::kSubscribing;
  stream_->Write(out);
  timer_.Start(backoff_.patience() * node_options().connect_timeout);
  AskAgain();
}

// To be subscribed: the answer is the same each time, and shows that the node is still there.
void Subscription::AskAgain() {
  heard_ = false;
  const std::string channel = ChannelOf(parts_.options.instance);
  std::string out;
  AppendCommand(out, std::array<std::string_view, 2>{"SUBSCRIBE", channel});
  stream_->Write(out);
}

// --- what is heard ------------------------------------------------------------------------------

void Subscription::OnBytes(std::string_view bytes) {
  heard_ = true;
  redisReaderFeed(reader_.get(), bytes.data(), bytes.size());
  while (stream_) {  // what is taken may end the connection
    void* got = nullptr;
    if (redisReaderGetReply(reader_.get(), &got) != REDIS_OK) return Lose(backoff_.Next());
    if (got == nullptr) break;
    const Reply reply(static_cast<redisReply*>(got));
    if (!Take(*reply) && stream_) return Lose(backoff_.Next());
  }
  if (stream_ && reader_->len - reader_->pos > kMaxBytes) Lose(backoff_.Next());
}

bool Subscription::Take(const redisReply& reply) {
  if (IsTooLong(reply)) return false;
  if (state_ == State::kAuthenticating) {
    if (reply.type != REDIS_REPLY_STATUS) return false;  // the node's links say why
    state_ = State::kSubscribing;
    return true;
  }
  if (IsError(reply)) {
    Refused("SUBSCRIBE: " + Describe(reply));
    return true;
  }
  return reply.type == REDIS_REPLY_ARRAY && reply.elements == 3 && TakeArray(reply);
}

// {"subscribe", channel, 1} or {"message", channel, text}.
bool Subscription::TakeArray(const redisReply& reply) {
  const std::string_view kind = TextOf(*reply.element[0]);
  if (kind == "subscribe") {
    if (std::exchange(state_, State::kSubscribed) != State::kSubscribed) {
      backoff_.Reset();
      timer_.Start(kAskAgain);
      parts_.callbacks.on_event(engine::NodeSubscribed{parts_.node, true});
    }
    return true;
  }
  if (kind != "message") return false;
  if (auto hint = HintOf(TextOf(*reply.element[2]), parts_.options.set.key_prefix)) {
    const auto report = [this](auto& said) {
      said.node = parts_.node;
      parts_.callbacks.on_event(std::move(said));
    };
    std::visit(report, *hint);
  }
  return true;
}

// --- silence and the end ------------------------------------------------------------------------

void Subscription::OnTimer() {
  if (state_ == State::kWaiting) return Dial();
  if (state_ == State::kAuthenticating || state_ == State::kSubscribing) {
    backoff_.HandshakeTimedOut();
  }
  if (state_ != State::kSubscribed || !heard_) return Lose(backoff_.Next());
  AskAgain();
  timer_.Start(kAskAgain);
}

void Subscription::Refused(const std::string& reason) {
  Lose(kRefused);
  if (std::exchange(noted_, reason) != reason) parts_.callbacks.on_note(parts_.node, reason);
}

void Subscription::Lose(nanoseconds wait) {
  const State before = std::exchange(state_, State::kWaiting);
  stream_.reset();
  reader_.reset();
  timer_.Start(wait);
  if (before == State::kSubscribed) {
    parts_.callbacks.on_event(engine::NodeSubscribed{parts_.node, false});
  }
}

}  // namespace redlockd::redis
