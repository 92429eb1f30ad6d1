#include <hiredis/hiredis.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "daemon/redis/handshake.h"
#include "daemon/redis/reader.h"
#include "daemon/redis/reply.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/check.h"

// What a node may answer: any bytes, through hiredis' reader, as everything that redlockd reads out
// of a reply. It gives an answer within its bounds, and the same one however the bytes are cut.
namespace redlockd::fuzz {
namespace {

using namespace redis;
using engine::NodeAnswer;
using engine::NodeFacts;
using engine::NodeTime;
using engine::Verdict;

constexpr std::size_t kMostText = 640;  // 512 of the node's, and what is said around it
constexpr std::int64_t kExact = std::int64_t{1} << 53;

std::vector<Reply> Read(const std::vector<std::string>& pieces) {
  std::vector<Reply> replies;
  const Reader reader = MakeReader();
  for (const std::string& piece : pieces) {
    redisReaderFeed(reader.get(), piece.data(), piece.size());
    for (void* got = nullptr;; got = nullptr) {
      if (redisReaderGetReply(reader.get(), &got) != REDIS_OK) return replies;
      if (got == nullptr) break;
      replies.emplace_back(static_cast<redisReply*>(got));
    }
  }
  return replies;
}

void CheckFacts(const NodeFacts& facts) {
  FUZZ_CHECK(!facts.run_id.empty(), "facts without a run_id");
  for (const std::string* text :
       {&facts.run_id, &facts.version, &facts.maxmemory_policy, &facts.node_id, &facts.set}) {
    FUZZ_CHECK(text->size() <= kMostText, "a fact is too long");
  }
}

void CheckAnswer(const NodeAnswer& answer) {
  FUZZ_CHECK(answer.text.size() <= kMostText, "the text is too long");
  if (answer.verdict == Verdict::kError) {
    FUZZ_CHECK(answer.node_time == 0 && answer.fence == 0 && answer.greatest == 0 &&
                   answer.place == 0 && !answer.wanted,
               "an error with values");
    return;
  }
  FUZZ_CHECK(answer.node_time > 0 && answer.node_time <= kExact, "no time of a node");
  FUZZ_CHECK(answer.fence >= 0 && answer.fence <= kExact, "no fence");
  FUZZ_CHECK(answer.greatest >= 0 && answer.greatest <= kExact, "no stamp");
  FUZZ_CHECK(answer.place <= 1'000'000, "no place");
  FUZZ_CHECK(answer.left.count() >= 0 && answer.left <= kNoExpiry, "no time left");
}

// What INFO says of evictions, read in another way: the digits of its first line of that name.
void CheckEvicted(const redisReply& info, const NodeFacts& facts) {
  const std::string text = "\n" + std::string(info.str, info.len);
  const std::string name = "\nevicted_keys:";
  std::string digits = text.substr(text.find(name) + name.size());
  digits.resize(std::min(digits.find('\n'), digits.size()));
  if (digits.ends_with('\r')) digits.pop_back();
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
  FUZZ_CHECK(digits == std::to_string(facts.evicted_keys), "evicted_keys: '" + digits + "'");
}

// What is no letter of theirs is an error to each; else all that they differ in is their letter.
void CheckLetters(const redisReply& reply, const NodeAnswer& whole) {
  const std::size_t size = std::max<std::size_t>(whole.text.size(), 1);
  const auto answers = ParseAnswers(reply, ReplyForm::kLetters, size);
  FUZZ_CHECK(answers.size() == size, "not an answer for each");
  for (const NodeAnswer& answer : ParseAnswers(reply, ReplyForm::kLetters, size + 1)) {
    FUZZ_CHECK(answer.verdict != Verdict::kOk, "one letter for two");
  }
  for (std::size_t i = 0; i < size; ++i) {
    NodeAnswer answer = answers[i];
    FUZZ_CHECK(i == 0 || answer.node_time == 0, "the time again");
    if (i > 0 && answer.verdict != Verdict::kError) answer.node_time = whole.node_time;
    CheckAnswer(answer);
    if (whole.verdict != Verdict::kOk || answer.verdict == Verdict::kError) continue;
    FUZZ_CHECK(answer.text.empty(), "a letter is left");
    const bool is_wanted = whole.text[i] == 'O' || whole.text[i] == 'N';
    FUZZ_CHECK(answer.wanted == is_wanted, "another is said to want it");
    FUZZ_CHECK(answer.greatest == (is_wanted ? whole.greatest : 0), "another stamp");
  }
}

// Each row by itself; the node's time is read at most once.
void CheckRows(const redisReply& reply) {
  const std::size_t size = reply.elements / 6;
  if (reply.type != REDIS_REPLY_ARRAY || size < 2) return;
  const auto answers = ParseAnswers(reply, ReplyForm::kRows, size);
  FUZZ_CHECK(answers.size() == size, "not an answer for each");
  engine::NodeTime time = 0;
  for (NodeAnswer answer : answers) {
    FUZZ_CHECK(answer.verdict == Verdict::kError || time == 0 || answer.node_time == 0 ||
                   answer.node_time == time,
               "another time");
    time = std::max(time, answer.node_time);
    if (answer.verdict != Verdict::kError && answer.node_time == 0) answer.node_time = time;
    CheckAnswer(answer);
  }
}

// All of them, or none; and it is answered as one of them.
void CheckNames(const redisReply& reply) {
  const std::size_t size = std::max<std::size_t>(reply.elements / 6, 1);
  const auto answers = ParseAnswers(reply, ReplyForm::kNames, size);
  FUZZ_CHECK(answers.size() == 1, "a claim has one answer");
  const NodeAnswer& answer = answers.front();
  CheckAnswer(answer);
  FUZZ_CHECK(answer.names.empty() || answer.names.size() == size, "not all names");
  FUZZ_CHECK(answer.verdict != Verdict::kOk || !answer.names.empty(), "granted without names");
  if (answer.names.empty()) return;
  FUZZ_CHECK(answer.which < size && answer.names[answer.which].verdict == answer.verdict,
             "answered as none of its names");
  for (NodeAnswer name : answer.names) {
    FUZZ_CHECK((name.verdict == Verdict::kOk) == (answer.verdict == Verdict::kOk),
               "part of it is granted");
    FUZZ_CHECK(name.node_time == 0, "the time again");
    if (name.verdict != Verdict::kError) name.node_time = std::max<NodeTime>(answer.node_time, 1);
    CheckAnswer(name);
  }
}

void CheckReply(const redisReply& reply) {
  const NodeAnswer answer = ParseAnswer(reply);
  CheckAnswer(answer);
  CheckLetters(reply, answer);
  CheckRows(reply);
  CheckNames(reply);
  FUZZ_CHECK(!IsError(reply) || answer.verdict == Verdict::kError, "an error is none");
  FUZZ_CHECK(!IsNoScript(reply) || IsError(reply), "NOSCRIPT is an error");
  FUZZ_CHECK(Describe(reply).size() <= kMostText, "described at length");
  const auto facts = ParseFacts(reply);
  if (const auto* error = std::get_if<std::string>(&facts)) {
    FUZZ_CHECK(!error->empty() && error->size() <= kMostText, "not a text");
  } else {
    CheckFacts(std::get<NodeFacts>(facts));
    CheckEvicted(reply, std::get<NodeFacts>(facts));
  }
}

void CheckProbe(const redisReply& info, const redisReply& introduction) {
  const NodeAnswer answer = ParseProbe(info, introduction);
  CheckAnswer(answer);
  if (answer.verdict != Verdict::kError) CheckFacts(*answer.facts);
}

void CheckHandshake(const std::vector<Reply>& replies) {
  NodeOptions options;
  options.username = "u";
  options.password = "secret";
  options.database = 1;
  Handshake handshake(options, {.run_id = "r", .client_id = 7});
  std::string out;
  handshake.Begin(out);
  for (const Reply& reply : replies) {
    const std::size_t before = out.size();
    const Handshake::State state = handshake.Take(*reply, out);
    if (state == Handshake::State::kGoing) continue;
    FUZZ_CHECK(out.size() == before, "something is said at the end");
    if (state == Handshake::State::kDone) CheckFacts(handshake.facts());
    const bool failed = state == Handshake::State::kFailed;
    FUZZ_CHECK(handshake.error().empty() != failed, "an error, or none");
    FUZZ_CHECK(handshake.error().size() <= kMostText, "not a text");
    return;
  }
}

std::string Said(const std::vector<Reply>& replies) {
  std::string said;
  for (const Reply& reply : replies) {
    const NodeAnswer answer = ParseAnswer(*reply);
    said += Describe(*reply) + "|" + std::to_string(answer.node_time) + " " +
            std::to_string(answer.fence) + " " + std::to_string(answer.left.count()) + " " +
            std::to_string(answer.greatest) + " " + std::to_string(answer.place) + " " +
            answer.text + "\n";
  }
  return said;
}

}  // namespace
}  // namespace redlockd::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace redlockd::fuzz;
  const auto pieces = Pieces({data, size});
  const auto replies = Read(pieces);
  FUZZ_CHECK(Said(replies) == Said(Read({Join(pieces)})), "another answer when cut");
  for (const auto& reply : replies) CheckReply(*reply);
  for (std::size_t i = 1; i < replies.size(); ++i) CheckProbe(*replies[i - 1], *replies[i]);
  CheckHandshake(replies);
  return 0;
}
