#include "daemon/redis/handshake.h"

#include <array>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"
#include "daemon/redis/encoder.h"
#include "daemon/redis/reply.h"
#include "daemon/redis/scripts.h"

namespace redlockd::redis {
namespace {

void Append(std::string& out, std::initializer_list<std::string_view> argv) {
  AppendCommand(out, {argv.begin(), argv.size()});
}

}  // namespace

bool AppendAuth(std::string& out, const NodeOptions& options) {
  const std::string password = options.password_now ? options.password_now() : options.password;
  if (!options.username.empty()) {
    Append(out, {"AUTH", options.username, password});
  } else if (!password.empty()) {
    Append(out, {"AUTH", password});
  } else {
    return false;
  }
  return true;
}

void AppendClientKill(std::string& out, std::int64_t client_id) {
  Append(out, {"CLIENT", "KILL", "ID", std::to_string(client_id)});
}

void AppendHeartbeat(std::string& out) { Append(out, {"TIME"}); }

Handshake::Handshake(const NodeOptions& options, Former former)
    : options_(options), former_(std::move(former)) {}

void Handshake::Begin(std::string& out) {
  if (AppendAuth(out, options_)) due_.push_back(Step::kAuth);
  if (options_.database != 0) {
    Append(out, {"SELECT", std::to_string(options_.database)});
    due_.push_back(Step::kSelect);
  }
  Append(out, {"CLIENT", "ID"});
  due_.push_back(Step::kClientId);
  AppendHeartbeat(out);
  due_.push_back(Step::kHeartbeat);
  Append(out, {"INFO"});
  due_.push_back(Step::kInfo);
}

Handshake::State Handshake::Take(const redisReply& reply, std::string& out) {
  CHECK(!due_.empty());
  const Step step = due_.front();
  due_.pop_front();
  switch (step) {
    case Step::kAuth:
      if (IsError(reply)) return Fail("AUTH", reply);
      break;
    case Step::kSelect:
      if (IsError(reply)) return Fail("SELECT " + std::to_string(options_.database), reply);
      break;
    case Step::kClientId:
      TakeClientId(reply);
      break;
    case Step::kHeartbeat:  // the scripts begin with the same command
      if (IsError(reply)) return Fail("TIME", reply);
      break;
    case Step::kInfo:
      return TakeInfo(reply, out);
    case Step::kClientKill:  // safety does not need it (rule C7)
      if (IsError(reply)) note_ = "CLIENT KILL: " + Describe(reply);
      break;
    case Step::kScriptLoad:
      if (reply.type != REDIS_REPLY_STRING) return Fail("SCRIPT LOAD", reply);
      break;
  }
  return due_.empty() ? State::kDone : State::kGoing;
}

void Handshake::TakeClientId(const redisReply& reply) {
  if (reply.type == REDIS_REPLY_INTEGER) {
    client_id_ = reply.integer;
  } else {
    note_ = "CLIENT ID: " + Describe(reply);
  }
}

Handshake::State Handshake::TakeInfo(const redisReply& reply, std::string& out) {
  auto facts = ParseFacts(reply);
  if (auto* error = std::get_if<std::string>(&facts)) {
    error_ = std::move(*error);
    return State::kFailed;
  }
  facts_ = std::move(std::get<engine::NodeFacts>(facts));
  if (former_.client_id != 0 && former_.run_id == facts_.run_id) {
    AppendClientKill(out, former_.client_id);
    due_.push_back(Step::kClientKill);
  }
  for (const Script& script : AllScripts()) {
    Append(out, {"SCRIPT", "LOAD", script.source});
    due_.push_back(Step::kScriptLoad);
  }
  return State::kGoing;
}

Handshake::State Handshake::Fail(const std::string& command, const redisReply& reply) {
  error_ = command + ": " + Describe(reply);
  return State::kFailed;
}

}  // namespace redlockd::redis
