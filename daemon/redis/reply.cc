#include "daemon/redis/reply.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace redlockd::redis {
namespace {

using engine::NodeAnswer;
using engine::NodeFacts;
using engine::NodeTime;
using engine::Verdict;

constexpr std::size_t kMostOthers = 64;
constexpr std::size_t kMaxText = 512;  // of what a node may make the daemon keep and show
constexpr std::int64_t kMostPlace = 1'000'000;
constexpr std::int64_t kMaxInteger = std::int64_t{1} << 53;  // what Lua counts exactly

constexpr std::array<std::pair<std::string_view, Verdict>, 11> kVerdicts = {{
    {"ok", Verdict::kOk},
    {"busy", Verdict::kBusy},
    {"not-turn", Verdict::kNotTurn},
    {"turn", Verdict::kTurn},
    {"not-owner", Verdict::kNotOwner},
    {"passed", Verdict::kPassed},
    {"skew", Verdict::kSkew},
    {"amnesia", Verdict::kAmnesia},
    {"quarantine", Verdict::kQuarantine},
    {"settings", Verdict::kSettings},
    {"error", Verdict::kError},  // of one lock of several
}};

// Of the reply to a call with several locks: before the rows, and of each row.
constexpr std::size_t kHeadElements = 2;
constexpr std::size_t kRowElements = 6;

NodeAnswer Error(std::string text) {
  NodeAnswer answer;
  answer.verdict = Verdict::kError;
  answer.text = std::move(text);
  return answer;
}

std::string_view Text(const redisReply& reply) {
  return reply.str == nullptr ? std::string_view() : std::string_view(reply.str, reply.len);
}

const redisReply* Element(const redisReply& reply, std::size_t i) {
  return i < reply.elements ? reply.element[i] : nullptr;
}

std::optional<std::string_view> String(const redisReply* reply) {
  if (reply == nullptr) return std::nullopt;
  if (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS) return std::nullopt;
  return Text(*reply);
}

std::optional<std::int64_t> Integer(const redisReply* reply, std::int64_t least) {
  if (reply == nullptr || reply->type != REDIS_REPLY_INTEGER) return std::nullopt;
  if (reply->integer < least || reply->integer > kMaxInteger) return std::nullopt;
  return reply->integer;
}

std::optional<Verdict> VerdictOf(const redisReply* reply) {
  const auto word = String(reply);
  if (!word) return std::nullopt;
  for (const auto& [name, verdict] : kVerdicts) {
    if (name == *word) return verdict;
  }
  return std::nullopt;
}

engine::Duration Left(std::int64_t us) {
  if (us < 0) return kNoExpiry;
  return std::min<engine::Duration>(std::chrono::microseconds(us), kNoExpiry);
}

// "name:value" of an INFO text, one a line.
std::optional<std::string_view> Field(std::string_view info, std::string_view name) {
  while (!info.empty()) {
    const auto end = std::min(info.find('\n'), info.size());
    std::string_view line = info.substr(0, end);
    info.remove_prefix(std::min(end + 1, info.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.size() > name.size() && line[name.size()] == ':' && line.starts_with(name)) {
      return line.substr(name.size() + 1, kMaxText);
    }
  }
  return std::nullopt;
}

// Redis 6 says first where in a script it met an error, e.g. "ERR Error running script (call to
// f_SHA): @user_script:206: @user_script: 206: -OOM command not allowed ...": what it met says why.
// A script that catches an error of its own finds "user_script:206: " before it.
std::string_view WithoutPlace(std::string_view error) {
  constexpr std::string_view kPlace = "@user_script: ", kLine = "user_script:";
  if (error.starts_with(kLine)) {
    const auto text = error.find(": ");
    return text == error.npos ? error : error.substr(text + 2);
  }
  const auto place = error.rfind(kPlace);
  if (place == error.npos) return error;
  const auto end = error.find_first_not_of("0123456789", place + kPlace.size());
  if (end == error.npos || !error.substr(end).starts_with(": ")) return error;
  error.remove_prefix(end + 2);
  if (error.starts_with('-')) error.remove_prefix(1);
  return error.substr(0, error.find_last_not_of("\r\n") + 1);
}

std::optional<NodeFacts::Memory> MemoryOf(std::string_view word) {
  if (word == "none") return NodeFacts::Memory::kNone;
  if (word == "new") return NodeFacts::Memory::kNew;
  if (word == "used") return NodeFacts::Memory::kUsed;
  return std::nullopt;
}

// 'id=run=when ' each. What is not of this form is left out: ids come from the nodes.
std::vector<NodeFacts::Other> OthersOf(std::string_view text) {
  std::vector<NodeFacts::Other> others;
  while (!text.empty() && others.size() < kMostOthers) {
    const auto end = std::min(text.find(' '), text.size());
    const std::string_view one = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto first = one.find('='), last = one.rfind('=');
    if (first == last) continue;
    NodeFacts::Other other{std::string(one.substr(0, first)),
                           std::string(one.substr(first + 1, last - first - 1)), 0};
    std::from_chars(one.data() + last + 1, one.data() + one.size(), other.heard);
    others.push_back(std::move(other));
  }
  return others;
}

// What a script says of one lock, from its `first` element on: fence, left, text, greatest and, from
// acquire alone, place.
std::optional<NodeAnswer> ParseRow(const redisReply& reply, Verdict verdict, std::size_t first) {
  const auto fence = Integer(Element(reply, first), 0);
  const auto left = Integer(Element(reply, first + 1), -2);
  const auto text = String(Element(reply, first + 2));
  const auto greatest = Integer(Element(reply, first + 3), 0);
  if (!fence || !left || !text || !greatest) return std::nullopt;
  NodeAnswer answer;
  answer.verdict = verdict;
  answer.fence = *fence;
  answer.left = Left(*left);
  answer.text = text->substr(0, kMaxText);
  answer.greatest = *greatest;
  const auto place = Integer(Element(reply, first + 4), 0);
  answer.place = static_cast<std::uint32_t>(std::min(place.value_or(0), kMostPlace));
  return answer;
}

// The answer to the i-th of `size` ops that have a letter each.
NodeAnswer AnswerOfLetter(const NodeAnswer& whole, std::size_t i, std::size_t size) {
  const char letter = whole.text.size() == size ? whole.text[i] : '\0';
  const bool is_broken = letter == 'k';
  const bool is_not_owner = letter == 'n' || letter == 'N' || is_broken;
  const bool is_wanted = letter == 'O' || letter == 'N';
  if (letter == 'e') return Error("the node could not write the renewal");
  if (!is_not_owner && !is_wanted && letter != 'o') {
    return Error("expected o, O, n, N or k for each of " + std::to_string(size) + " locks, got '" +
                 whole.text + "'");
  }
  NodeAnswer part;
  part.verdict = is_not_owner ? Verdict::kNotOwner : Verdict::kOk;
  if (i == 0) part.node_time = whole.node_time;
  part.greatest = is_wanted ? whole.greatest : 0;
  part.wanted = is_wanted;
  part.broken = is_broken;
  return part;
}

NodeAnswer NoRows(const redisReply& reply) {
  return Error("expected {ok, TIME} and a row for each lock from a script, got " + Describe(reply));
}

// The answers to `size` ops that have a row each; none if the reply is about the call as a whole.
std::vector<NodeAnswer> AnswersOfRows(const redisReply& reply, std::size_t size) {
  const bool has_rows =
      reply.type == REDIS_REPLY_ARRAY && reply.elements == kHeadElements + size * kRowElements;
  const auto time = has_rows ? Integer(Element(reply, 1), 1) : std::nullopt;
  if (!time || VerdictOf(Element(reply, 0)) != Verdict::kOk) return {};
  std::vector<NodeAnswer> answers;
  NodeTime unread = *time;  // it goes with the first that is no error
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t first = kHeadElements + i * kRowElements;
    const auto verdict = VerdictOf(Element(reply, first));
    auto row = verdict ? ParseRow(reply, *verdict, first + 1) : std::nullopt;
    if (!row) {
      answers.push_back(NoRows(reply));
    } else if (row->verdict == Verdict::kError) {
      answers.push_back(Error(std::string(WithoutPlace(row->text))));
    } else {
      row->node_time = std::exchange(unread, 0);
      answers.push_back(*std::move(row));
    }
  }
  return answers;
}

bool MayBeHad(const NodeAnswer& name) {
  return name.verdict == Verdict::kOk || name.verdict == Verdict::kTurn;
}

// The answer to a claim, by those for its names. One that says of some that they were taken, and of
// others that they were not, is none.
NodeAnswer AnswerOfNames(std::vector<NodeAnswer> names, NodeTime time) {
  const auto refused = std::ranges::find_if_not(names, MayBeHad);
  const bool is_refused = refused != names.end();
  const std::size_t which = is_refused ? static_cast<std::size_t>(refused - names.begin()) : 0;
  const auto taken = std::ranges::count(names, Verdict::kOk, &NodeAnswer::verdict);
  if (taken != 0 && static_cast<std::size_t>(taken) != names.size()) {
    return Error("expected all locks of a claim to be taken, or none; " + std::to_string(taken) +
                 " of " + std::to_string(names.size()) + " were");
  }
  NodeAnswer answer = names[which];
  answer.which = which;
  if (answer.verdict != Verdict::kError) {
    answer.node_time = time;
    for (const NodeAnswer& name : names) {
      answer.greatest = std::max(answer.greatest, name.greatest);
      answer.place = std::max(answer.place, name.place);
    }
  }
  for (NodeAnswer& name : names) name.node_time = 0;
  answer.names = std::move(names);
  return answer;
}

// A node may give it instead of what was asked for: it is about all ops of the call.
bool IsOfAll(Verdict verdict) {
  return verdict == Verdict::kAmnesia || verdict == Verdict::kQuarantine ||
         verdict == Verdict::kSettings || verdict == Verdict::kError;
}

}  // namespace

NodeAnswer ParseAnswer(const redisReply& reply) {
  if (IsError(reply)) return Error(std::string(WithoutPlace(Describe(reply))));
  const auto malformed = [&] {
    return Error("expected {verdict, TIME, fence, left, text, greatest, ...} from a script, got " +
                 Describe(reply));
  };
  if (reply.type != REDIS_REPLY_ARRAY) return malformed();
  const auto verdict = VerdictOf(Element(reply, 0));
  const auto time = Integer(Element(reply, 1), 1);
  auto answer = verdict ? ParseRow(reply, *verdict, 2) : std::nullopt;
  if (!answer || !time || *verdict == Verdict::kError) return malformed();
  answer->node_time = *time;
  return *std::move(answer);
}

std::vector<NodeAnswer> ParseAnswers(const redisReply& reply, ReplyForm form, std::size_t size) {
  const bool has_rows = form == ReplyForm::kRows || form == ReplyForm::kNames;
  const std::size_t ops = form == ReplyForm::kNames ? 1 : size;
  if (has_rows) {
    if (auto answers = AnswersOfRows(reply, size); !answers.empty()) {
      if (form == ReplyForm::kRows) return answers;
      return {AnswerOfNames(std::move(answers), Element(reply, 1)->integer)};
    }
  }
  const NodeAnswer whole = ParseAnswer(reply);
  if (has_rows && !IsOfAll(whole.verdict)) return {ops, NoRows(reply)};
  std::vector<NodeAnswer> answers;
  answers.reserve(ops);
  for (std::size_t i = 0; i < ops; ++i) {
    const bool has_letter = form == ReplyForm::kLetters && whole.verdict == Verdict::kOk;
    answers.push_back(has_letter ? AnswerOfLetter(whole, i, size) : whole);
    if (i > 0) answers.back().node_time = 0;
  }
  return answers;
}

std::variant<NodeFacts, std::string> ParseFacts(const redisReply& info) {
  if (info.type != REDIS_REPLY_STRING) return "INFO: " + Describe(info);
  const std::string_view text = Text(info);
  NodeFacts facts;
  const auto run_id = Field(text, "run_id");
  if (!run_id || run_id->empty()) return std::string("INFO: no run_id in it");
  const auto role = Field(text, "role");
  const auto policy = Field(text, "maxmemory_policy");
  const auto evicted = Field(text, "evicted_keys");
  if (!role || !policy || !evicted) {
    return std::string("INFO: no role, maxmemory_policy or evicted_keys in it");
  }
  facts.run_id = *run_id;
  facts.version = Field(text, "redis_version").value_or("");
  facts.master = *role == "master";
  facts.cluster = Field(text, "cluster_enabled") == "1";
  facts.maxmemory_policy = *policy;
  const auto end = evicted->data() + evicted->size();
  const auto [rest, error] = std::from_chars(evicted->data(), end, facts.evicted_keys);
  if (error != std::errc() || rest != end) {
    return "INFO: evicted_keys is not a number: " + std::string(*evicted);
  }
  return facts;
}

NodeAnswer ParseProbe(const redisReply& info, const redisReply& introduction) {
  auto facts = ParseFacts(info);
  if (auto* error = std::get_if<std::string>(&facts)) return Error(std::move(*error));
  NodeAnswer answer = ParseAnswer(introduction);
  const auto known = std::make_shared<NodeFacts>(std::move(std::get<NodeFacts>(facts)));
  answer.facts = known;
  if (answer.verdict == Verdict::kError) return answer;
  const auto id = String(Element(introduction, 6));
  const auto set = String(Element(introduction, 7));
  const auto refuses = String(Element(introduction, 8));
  const auto note = String(Element(introduction, 9));
  const auto count = Integer(Element(introduction, 10), 0);
  const auto memory = MemoryOf(String(Element(introduction, 11)).value_or(""));
  const auto others = String(Element(introduction, 12));
  if (!id || !set || !refuses || !note || !count || !memory || !others) {
    return Error(
        "expected {..., id, set, what it refuses, a note, count, memory, others} from introduce, "
        "got " +
        Describe(introduction));
  }
  known->node_id = id->substr(0, kMaxText);
  known->set = set->substr(0, kMaxText);
  known->refuses = refuses->substr(0, kMaxText);
  known->note = note->substr(0, kMaxText);
  known->count = *count;
  known->memory = *memory;
  known->others = OthersOf(*others);
  return answer;
}

bool IsError(const redisReply& reply) { return reply.type == REDIS_REPLY_ERROR; }

bool IsNoScript(const redisReply& reply) {
  return IsError(reply) && Text(reply).starts_with("NOSCRIPT");
}

std::string Describe(const redisReply& reply) {
  switch (reply.type) {
    case REDIS_REPLY_ERROR:
      return std::string(Text(reply).substr(0, kMaxText));
    case REDIS_REPLY_STRING:
      return "a string of " + std::to_string(Text(reply).size()) + " bytes";
    case REDIS_REPLY_STATUS:
      return "status " + std::string(Text(reply).substr(0, kMaxText));
    case REDIS_REPLY_INTEGER:
      return "integer " + std::to_string(reply.integer);
    case REDIS_REPLY_ARRAY:
      return "an array of " + std::to_string(reply.elements) + " with other contents";
    case REDIS_REPLY_NIL:
      return "nil";
    default:
      return "a reply of type " + std::to_string(reply.type);
  }
}

}  // namespace redlockd::redis
