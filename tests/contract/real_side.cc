#include <chrono>
#include <stdexcept>
#include <utility>

#include "daemon/redis/encoder.h"
#include "daemon/redis/hint.h"
#include "tests/contract/sides.h"

namespace redlockd::contract {
namespace {

using sim::Reply;

constexpr std::string_view kState = R"lua(
  local state = {}
  local keys = redis.call('KEYS', '*')
  table.sort(keys)
  for _, key in ipairs(keys) do
    local kind, value = redis.call('TYPE', key), false
    if kind.ok == 'string' then value = redis.call('GET', key) end
    if kind.ok == 'hash' then
      value = {}
      local fields = redis.call('HKEYS', key)
      table.sort(fields)
      for _, field in ipairs(fields) do
        table.insert(value, field)
        table.insert(value, redis.call('HGET', key, field))
      end
    end
    if kind.ok == 'zset' then
      value = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
      -- As numbers: servers write great ones differently.
      for i = 2, #value, 2 do value[i] = string.format('%.17g', tonumber(value[i])) end
    end
    table.insert(state, {key, kind, redis.call('PTTL', key), value})
  end
  return state)lua";

constexpr std::string_view kDropDue = R"lua(
  for _, key in ipairs(redis.call('KEYS', '*')) do
    if redis.call('PTTL', key) == 0 then redis.call('DEL', key) end
  end)lua";

Reply FromHiredis(const redisReply& reply) {
  const auto text = [&] { return std::string(reply.str, reply.len); };
  switch (reply.type) {
    case REDIS_REPLY_INTEGER:
      return Reply::Integer(reply.integer);
    case REDIS_REPLY_STRING:
      return Reply::String(text());
    case REDIS_REPLY_STATUS:
      return Reply::Status(text());
    case REDIS_REPLY_ERROR:
      return Reply::Error(text());
    case REDIS_REPLY_ARRAY:
      break;
    default:
      return {};
  }
  Reply array{.kind = Reply::Kind::kArray};
  for (std::size_t i = 0; i < reply.elements; ++i) {
    array.elements.push_back(FromHiredis(*reply.element[i]));
  }
  return array;
}

std::string Encode(const std::vector<std::string>& argv) {
  std::string command;
  redis::AppendCommand(command, std::vector<std::string_view>(argv.begin(), argv.end()));
  return command;
}

std::string Encode(const ScriptCall& step) {
  std::string command;
  test::AppendCall(command, step.script, step.call);
  return command;
}

}  // namespace

RealSide::RealSide(std::vector<std::string> args)
    : server_(
          {.args = std::move(args),
           .shifted_clock = true,
           // From the start: Valkey 9 looks then how it can count time within a turn of its loop.
           .stopped_at = std::chrono::seconds(1'700'000'000)}) {
  Connect();
}

void RealSide::Connect() {
  context_.reset(redisConnectUnix(server_.SocketPath().c_str()));
  if (!context_ || context_->err != 0) throw std::runtime_error("cannot connect to the server");
  redisSetTimeout(context_.get(), {.tv_sec = 15, .tv_usec = 0});
  const Reply done = Ask({"DEBUG", "SET-ACTIVE-EXPIRE", "0"});
  if (done != Reply::Status("OK")) throw std::runtime_error("DEBUG: " + done.text);
  for (const redis::Script& script : redis::AllScripts()) {
    Ask({"SCRIPT", "LOAD", std::string(script.source)});
  }
  Listen();
  ask_state_ = Encode({"EVALSHA", Ask({"SCRIPT", "LOAD", std::string(kState)}).text, "0"});
}

// On a connection of its own to what is published to kListener.
void RealSide::Listen() {
  listener_.reset(redisConnectUnix(server_.SocketPath().c_str()));
  const std::string channel = redis::ChannelOf(kListener);
  const std::unique_ptr<void, decltype(&freeReplyObject)> subscribed(
      redisCommand(listener_.get(), "SUBSCRIBE %s", channel.c_str()), &freeReplyObject);
  if (!subscribed) throw std::runtime_error("cannot subscribe");
}

// What has expired goes at a moment that each process chooses: at once, here.
void RealSide::StartAgain() {
  server_.Kill();
  server_.Start();
  Connect();
  Ask({"SCAN", "0", "COUNT", "1000"});
  if (test::ServerUnderTest().MayDropWhatIsDueAtLoad()) Ask({"EVAL", std::string(kDropDue), "0"});
}

Seen RealSide::Do(const Step& step) {
  server_.StopClock(std::chrono::microseconds(step.now));
  std::string command = Encode({"PING"});
  if (const auto* call = std::get_if<ScriptCall>(&step.what)) {
    command = Encode(*call);
  } else if (const auto* plain = std::get_if<Command>(&step.what)) {
    command = Encode(plain->argv);
  } else if (std::holds_alternative<Flush>(step.what)) {
    command = Encode({"FLUSHALL"});
  } else if (std::holds_alternative<Save>(step.what)) {
    command = Encode({"SAVE"});
    saved_ = true;
  } else {
    StartAgain();
  }
  Send(command + ask_state_);
  Reply reply = Receive(*context_);
  return {.reply = std::move(reply), .state = Receive(*context_)};
}

void RealSide::Reset() {
  Ask({"FLUSHALL"});
  ReadPublished();
  if (std::exchange(saved_, false)) Ask({"SAVE"});
}

// What was published so far, or the server would have to keep it.
void RealSide::ReadPublished() {
  Ask({"PUBLISH", redis::ChannelOf(kListener), "end"});
  for (std::string text; text != "end";) text = Receive(*listener_).elements.back().text;
}

Reply RealSide::Ask(const std::vector<std::string>& argv) {
  Send(Encode(argv));
  return Receive(*context_);
}

void RealSide::Send(const std::string& command) {
  redisAppendFormattedCommand(context_.get(), command.data(), command.size());
}

Reply RealSide::Receive(redisContext& context) {
  void* got = nullptr;
  if (redisGetReply(&context, &got) != REDIS_OK) {
    throw std::runtime_error(std::string("no reply: ") + context.errstr);
  }
  const std::unique_ptr<redisReply, decltype(&freeReplyObject)> reply(static_cast<redisReply*>(got),
                                                                      &freeReplyObject);
  return FromHiredis(*reply);
}

}  // namespace redlockd::contract
