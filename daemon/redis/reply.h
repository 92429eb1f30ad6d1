#pragma once

#include <hiredis/hiredis.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/engine/node_op.h"
#include "daemon/redis/command.h"

// What a node says, in the engine's words. Pure functions; whatever a node may say, there is an
// answer: what is not understood is kError with a text that says what was expected.
namespace redlockd::redis {

using engine::kNoExpiry;

// Verdict, node_time, fence, left, text and greatest of the answer to any op but a probe. Node and
// ticket are for the caller to fill in.
engine::NodeAnswer ParseAnswer(const redisReply& reply);

// The answers to the ops of one call, in their order; of its reply's form, with `size` parts: as many
// ops, or of kNames one. A refusal or an error of the call is the answer to each. The node's TIME goes
// with the first that is no error.
// kLetters: as renew.lua and release.lua write them. Where another daemon wants the op's lock,
// `greatest` is that of all locks of the call: no less than that of its own lock, which is all that a
// stamp made from it needs (rule E6.1). An overestimate only moves our next queue entry back by that
// many microseconds.
// kRows: as acquire.lua writes them for several locks. kNames: as claim.lua writes them.
std::vector<engine::NodeAnswer> ParseAnswers(const redisReply& reply, ReplyForm form,
                                             std::size_t size);

// The facts of an INFO, or what is wrong with it.
std::variant<engine::NodeFacts, std::string> ParseFacts(const redisReply& info);

// The answer to a probe: the facts of INFO with what the introduction learned from the sentinel.
engine::NodeAnswer ParseProbe(const redisReply& info, const redisReply& introduction);

bool IsError(const redisReply& reply);
bool IsNoScript(const redisReply& reply);  // NOSCRIPT: the node does not know the EVALSHA's script
// Returns the text of an error; for any other reply, what kind of reply it is.
std::string Describe(const redisReply& reply);

}  // namespace redlockd::redis
