#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/engine/events.h"
#include "daemon/engine/types.h"
#include "protocol/errors.h"
#include "protocol/request.h"

// The one table of verbs. What a line may say, what `help` answers and which caps HELLO names all
// come from it; a new verb is one row here and one handler.
namespace redlockd::session {

class Session;

// A request, understood: what its verb's shape allows is filled in, the rest is as it is here.
struct Call {
  engine::RequestId request = 0;
  engine::SessionId asker = 0;           // the session, or an owner within it
  std::string tag;                       // empty: none
  std::string subject;                   // the lock's name, or cancel's tag
  std::vector<std::string> also;         // the further names, in their order
  bool has_word = false;                 // Verb::word
  std::optional<engine::Duration> wait;  // none: no limit
  std::optional<engine::Duration> ttl;
  std::optional<engine::Duration> max_hold;
  std::optional<engine::Duration> min_hold;
  engine::Mode mode = engine::Mode::kExclusive;
  std::optional<engine::Fence> fence;
  std::string owner;  // as nodes have it
  std::string as;     // empty: the session itself
  std::optional<std::uint64_t> task;
  std::string note;
  bool renewed_events = false;
  bool wanted_events = false;
};

// What is wrong with a value, if anything.
using Problem = std::optional<std::string>;

struct Option {
  std::string_view key;
  std::string_view values;  // for help: "DUR|0|forever"
  Problem (*read)(std::string_view value, Call& call);
  std::string_view cap;  // what it adds to HELLO's caps; may be empty
};

// What is left to do for a call when its handler returns.
struct Answered {};  // nothing: the answer stands in the session's output
struct List {};
struct Quit {};
struct GivePage {};
using Outcome =
    std::variant<Answered, engine::Event, List, Quit, GivePage>;  // Event: the engine answers it

// What one must be allowed to do, to the lock that is named or at all.
enum class Needs { kNothing, kLock, kSee, kBreak, kAdmin };

enum class Subject { kNone, kName, kNames, kOptionalName, kTag };

struct Verb {
  std::string_view name;
  Subject subject;
  std::string_view word;  // that may stand after the subject, of several names last; empty: none
  std::span<const Option> options;
  Needs needs;
  // May answer in the session's output, but changes nothing else of the session. The call's note
  // may be used up.
  Outcome (*run)(Session& session, Call& call);
  std::string_view cap;  // what it adds to HELLO's caps; may be empty
};

std::span<const Verb> Verbs();
const Verb* FindVerb(std::string_view name);

// "lock NAME [wait=DUR|0|forever] ...", for help and errors.
std::string Usage(const Verb& verb);
// "exclusive,set,watch,page,break,min-hold,shared,renew,wanted,owners,tasks"
std::string Caps();

// Why a request is none.
struct CallError {
  redlock::protocol::ErrorCode code;
  std::string_view field;  // "option" or "lock" or empty, with
  std::string value;
  std::string text;
};
// Fills in what the line says, and uses it up; or says what is wrong. `key_prefix` is what stands
// in front of each name on the nodes (rule D9).
std::optional<CallError> ReadCall(const Verb& verb, redlock::protocol::Request& request,
                                  std::string_view key_prefix, Call& call);
CallError UnknownVerb(std::string_view name);

}  // namespace redlockd::session
