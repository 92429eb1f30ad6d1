#include "daemon/session/verbs.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <utility>

#include "daemon/engine/node_op.h"
#include "daemon/engine/owner_value.h"
#include "daemon/session/handlers.h"
#include "protocol/duration.h"
#include "protocol/limits.h"
#include "protocol/name.h"

namespace redlockd::session {
namespace {

using redlock::protocol::ErrorCode;
using redlock::protocol::Request;

std::string Found(std::string_view value) { return ", found '" + std::string(value) + "'"; }

Problem ReadDuration(std::string_view value, std::optional<engine::Duration>& into) {
  into = redlock::protocol::ParseDuration(value);
  if (into && into->count() > 0) return std::nullopt;
  std::string text = "expected more than 0: ";
  return text.append(redlock::protocol::kDurationExpected) + Found(value);
}

Problem ReadWait(std::string_view value, Call& call) {
  const auto wait = redlock::protocol::ParseWait(value);
  if (!wait) {
    std::string text = "expected 0, forever, or ";
    return text.append(redlock::protocol::kDurationExpected) + Found(value);
  }
  if (*wait != redlock::protocol::kForever) call.wait = *wait;
  return std::nullopt;
}

Problem ReadTtl(std::string_view value, Call& call) { return ReadDuration(value, call.ttl); }

Problem ReadMaxHold(std::string_view value, Call& call) {
  return ReadDuration(value, call.max_hold);
}

Problem ReadMinHold(std::string_view value, Call& call) {
  if (const Problem problem = ReadDuration(value, call.min_hold)) return problem;
  if (*call.min_hold <= engine::kMostMinHold) return std::nullopt;
  return "expected at most " + redlock::protocol::FormatDuration(engine::kMostMinHold) +
         Found(value);
}

Problem ReadMode(std::string_view value, Call& call) {
  if (value != "exclusive" && value != "shared")
    return "expected exclusive or shared" + Found(value);
  call.mode = value == "shared" ? engine::Mode::kShared : engine::Mode::kExclusive;
  return std::nullopt;
}

Problem ReadNote(std::string_view value, Call& call) {
  call.note = value;
  return std::nullopt;
}

Problem ReadEvents(std::string_view value, Call& call) {
  for (std::size_t begin = 0; begin <= value.size();) {
    const std::size_t end = std::min(value.find(',', begin), value.size());
    const std::string_view word = value.substr(begin, end - begin);
    if (word == "renew") {
      call.renewed_events = true;
    } else if (word == "wanted") {
      call.wanted_events = true;
    } else {
      return "expected renew, wanted, or renew,wanted" + Found(value);
    }
    begin = end + 1;
  }
  return std::nullopt;
}

Problem ReadFence(std::string_view value, Call& call) {
  engine::Fence fence = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), fence);
  if (error != std::errc() || end != value.data() + value.size() || fence <= 0) {
    return "expected the fence of a grant, a positive integer" + Found(value);
  }
  call.fence = fence;
  return std::nullopt;
}

Problem ReadOwner(std::string_view value, Call& call) {
  call.owner = engine::WithoutKept(value);
  if (call.owner.empty()) return "expected an owner as show names it" + Found(value);
  return std::nullopt;
}

Problem ReadAs(std::string_view value, Call& call) {
  call.as = value;
  if (value.empty()) return "expected a name of 1 to 255 bytes for an owner within this session";
  return std::nullopt;
}

Problem ReadTask(std::string_view value, Call& call) {
  std::uint64_t task = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), task);
  if (error != std::errc() || end != value.data() + value.size() || task == 0 || task > INT64_MAX) {
    return "expected the number of a task within this session, a positive integer" + Found(value);
  }
  call.task = task;
  return std::nullopt;
}

constexpr std::array kLockOptions{Option{"wait", "DUR|0|forever", ReadWait, ""},
                                  Option{"ttl", "DUR", ReadTtl, ""},
                                  Option{"max-hold", "DUR", ReadMaxHold, ""},
                                  Option{"min-hold", "DUR", ReadMinHold, "min-hold"},
                                  Option{"mode", "exclusive|shared", ReadMode, "shared"},
                                  Option{"note", "TEXT", ReadNote, ""},
                                  Option{"events", "WORD,...", ReadEvents, "renew,wanted"},
                                  Option{"as", "OWNER", ReadAs, "owners"},
                                  Option{"task", "N", ReadTask, "tasks"}};
// The same but for `wait`.
constexpr auto kTryOptions = std::span(kLockOptions).subspan(1);
constexpr std::array kHoldOptions{Option{"fence", "N", ReadFence, ""},
                                  Option{"as", "OWNER", ReadAs, ""}};
constexpr std::array kBreakOptions{Option{"fence", "N", ReadFence, ""},
                                   Option{"owner", "VALUE", ReadOwner, ""}};
constexpr std::span<const Option> kNoOptions;

constexpr std::array kVerbs{
    Verb{"lock", Subject::kNames, "", kLockOptions, Needs::kLock, RunLock, "exclusive,set"},
    Verb{"trylock", Subject::kNames, "", kTryOptions, Needs::kLock, RunTryLock, ""},
    Verb{"unlock", Subject::kNames, "sync", kHoldOptions, Needs::kNothing, RunUnlock, ""},
    Verb{"check", Subject::kName, "", kHoldOptions, Needs::kNothing, RunCheck, ""},
    Verb{"cancel", Subject::kTag, "", kNoOptions, Needs::kNothing, RunCancel, ""},
    Verb{"list", Subject::kNone, "", kNoOptions, Needs::kNothing, RunList, ""},
    Verb{"show", Subject::kName, "", kNoOptions, Needs::kSee, RunShow, ""},
    Verb{"watch", Subject::kOptionalName, "", kNoOptions, Needs::kSee, RunWatch, "watch"},
    Verb{"unwatch", Subject::kOptionalName, "", kNoOptions, Needs::kNothing, RunUnwatch, ""},
    Verb{"page", Subject::kNone, "", kNoOptions, Needs::kNothing, RunPage, "page"},
    Verb{"nodes", Subject::kNone, "", kNoOptions, Needs::kNothing, RunNodes, ""},
    Verb{"stats", Subject::kNone, "", kNoOptions, Needs::kNothing, RunStats, ""},
    Verb{"status", Subject::kNone, "keys", kNoOptions, Needs::kNothing, RunStatus, ""},
    Verb{"break", Subject::kName, "now", kBreakOptions, Needs::kBreak, RunBreak, "break"},
    Verb{"reload", Subject::kNone, "", kNoOptions, Needs::kAdmin, RunReload, ""},
    Verb{"trust-empty", Subject::kNone, "", kNoOptions, Needs::kAdmin, RunTrustEmpty, ""},
    Verb{"adopt", Subject::kNone, "", kNoOptions, Needs::kAdmin, RunAdopt, ""},
    Verb{"ping", Subject::kNone, "", kNoOptions, Needs::kNothing, RunPing, ""},
    Verb{"help", Subject::kNone, "", kNoOptions, Needs::kNothing, RunHelp, ""},
    Verb{"quit", Subject::kNone, "", kNoOptions, Needs::kNothing, RunQuit, ""},
};

// Keys of this beginning are the daemon's own (rule D9).
constexpr std::string_view kReserved = "redlockd:";

// Whether prefix and name together begin so.
bool IsReserved(std::string_view key_prefix, std::string_view name) {
  const std::string_view of_name = kReserved.substr(std::min(key_prefix.size(), kReserved.size()));
  return kReserved.starts_with(key_prefix.substr(0, kReserved.size())) && name.starts_with(of_name);
}

std::string Join(auto&& range, std::string_view separator, auto&& text_of) {
  std::string text;
  for (const auto& item : range) {
    const std::string_view part = text_of(item);
    if (part.empty()) continue;
    if (!text.empty()) text += separator;
    text += part;
  }
  return text;
}

CallError BadRequest(std::string text) { return {ErrorCode::kBadRequest, "", "", std::move(text)}; }

CallError UnknownOption(const Verb& verb, const std::string& key) {
  const std::string known =
      Join(verb.options, " ", [](const Option& option) { return option.key; });
  return {ErrorCode::kUnknownOption, "option", key,
          std::string(verb.name) + " takes " + (known.empty() ? "no options" : known) + Found(key)};
}

std::optional<CallError> ReadOptions(const Verb& verb, const Request& request, Call& call) {
  for (const auto& [key, value] : request.options) {
    const auto option = std::find_if(verb.options.begin(), verb.options.end(),
                                     [&key = key](const Option& o) { return o.key == key; });
    if (option == verb.options.end()) return UnknownOption(verb, key);
    if (const Problem problem = option->read(value, call)) return BadRequest(key + ": " + *problem);
  }
  return std::nullopt;
}

static_assert(engine::kMostNames == redlock::protocol::kMostNames, "what clients may ask for");

// One or several, and after them the verb's word, if that is the last of several arguments.
std::optional<CallError> ReadNames(const Verb& verb, std::vector<std::string>& args, Call& call) {
  call.has_word = !verb.word.empty() && args.size() > 1 && args.back() == verb.word;
  if (call.has_word) args.pop_back();
  if (args.empty()) return BadRequest("expected " + Usage(verb) + ", found 0 arguments");
  if (args.size() > engine::kMostNames) {
    return BadRequest("expected at most " + std::to_string(engine::kMostNames) + " names, found " +
                      std::to_string(args.size()));
  }
  for (auto name = args.begin(); name != args.end(); ++name) {
    if (std::find(args.begin(), name, *name) != name) {
      return BadRequest("expected each name once" + Found(*name) + " twice");
    }
  }
  call.subject = std::move(args[0]);
  call.also.assign(std::move_iterator(args.begin() + 1), std::move_iterator(args.end()));
  return std::nullopt;
}

std::optional<CallError> ReadArguments(const Verb& verb, Request& request, Call& call) {
  auto& args = request.args;
  if (verb.subject == Subject::kNames) return ReadNames(verb, args, call);
  const bool takes_none =
      verb.subject == Subject::kNone || (verb.subject == Subject::kOptionalName && args.empty());
  const std::size_t needed = takes_none ? 0 : 1;
  const bool may_be_word = !verb.word.empty() && args.size() == needed + 1;
  call.has_word = may_be_word && args[needed] == verb.word;
  if (may_be_word && !call.has_word) {
    return BadRequest("expected " + Usage(verb) + Found(args[needed]));
  }
  if (args.size() != needed + (call.has_word ? 1 : 0)) {
    return BadRequest("expected " + Usage(verb) + ", found " + std::to_string(args.size()) +
                      (args.size() == 1 ? " argument" : " arguments"));
  }
  if (needed == 1) call.subject = std::move(args[0]);
  return std::nullopt;
}

std::optional<CallError> CheckSubject(const Verb& verb, std::string_view key_prefix,
                                      const std::string& subject) {
  if (verb.subject == Subject::kTag && !redlock::protocol::IsTag(subject)) {
    return BadRequest("expected a tag, without its '#'" + Found(subject));
  }
  const bool is_name = verb.subject == Subject::kName || verb.subject == Subject::kNames ||
                       (verb.subject == Subject::kOptionalName && !subject.empty());
  if (!is_name) return std::nullopt;
  if (const Problem problem = redlock::protocol::CheckName(subject)) {
    return CallError{ErrorCode::kBadName, "lock", subject, *problem};
  }
  if (IsReserved(key_prefix, subject)) {
    return CallError{ErrorCode::kBadName, "lock", subject,
                     "keys that begin with 'redlockd:' are reserved for the daemon"};
  }
  return std::nullopt;
}

}  // namespace

std::span<const Verb> Verbs() { return kVerbs; }

const Verb* FindVerb(std::string_view name) {
  const auto verb = std::find_if(kVerbs.begin(), kVerbs.end(),
                                 [name](const Verb& verb) { return verb.name == name; });
  return verb == kVerbs.end() ? nullptr : &*verb;
}

std::string Usage(const Verb& verb) {
  std::string text(verb.name);
  switch (verb.subject) {
    case Subject::kNone:
      break;
    case Subject::kName:
      text += " NAME";
      break;
    case Subject::kNames:
      text += " NAME...";
      break;
    case Subject::kOptionalName:
      text += " [NAME]";
      break;
    case Subject::kTag:
      text += " TAG";
      break;
  }
  if (!verb.word.empty()) text.append(" [").append(verb.word).append("]");
  for (const Option& option : verb.options) {
    text.append(" [").append(option.key).append("=").append(option.values).append("]");
  }
  return text;
}

std::string Caps() {
  std::string caps = Join(kVerbs, ",", [](const Verb& verb) { return verb.cap; });
  const std::string more = Join(kLockOptions, ",", [](const Option& option) { return option.cap; });
  return caps + "," + more;
}

std::optional<CallError> ReadCall(const Verb& verb, Request& request, std::string_view key_prefix,
                                  Call& call) {
  if (auto error = ReadOptions(verb, request, call)) return error;
  if (auto error = ReadArguments(verb, request, call)) return error;
  if (auto error = CheckSubject(verb, key_prefix, call.subject)) return error;
  for (const std::string& name : call.also) {
    if (auto error = CheckSubject(verb, key_prefix, name)) return error;
  }
  return std::nullopt;
}

CallError UnknownVerb(std::string_view name) {
  return {ErrorCode::kUnknownVerb, "", "", "expected " + Join(kVerbs, " ", [](const Verb& verb) {
                                             return verb.name;
                                           }) + Found(name)};
}

}  // namespace redlockd::session
