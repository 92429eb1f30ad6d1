// A request: one line from a client.
//
//   [#tag ]verb argument... key=value...
//
// Splits and decodes; what a verb means, which arguments it takes and whether an argument is a good
// name is for the daemon's table of verbs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/errors.h"

namespace redlock::protocol {

// key=value, decoded.
struct Field {
  std::string key;
  std::string value;

  bool operator==(const Field&) const = default;
};

struct Request {
  std::string tag;                // without '#'; empty: untagged
  std::string verb;               // in lower case
  std::vector<std::string> args;  // positional, decoded, in order; none is empty
  std::vector<Field> options;     // in order; no key twice

  bool operator==(const Request&) const = default;
};

// Why a line is no request, ready to be answered.
struct ParseError {
  ErrorCode code = ErrorCode::kBadRequest;
  std::string text;  // what was wrong and what was expected
  std::string tag;   // of the line, where it could be read: the answer carries it

  bool operator==(const ParseError&) const = default;
};

// `line` is without its line end. Words are separated by one space or more.
std::variant<Request, ParseError> ParseRequest(std::string_view line);

// The line with its LF. Verb and keys must be keywords, and no argument
// empty; arguments and values are encoded.
std::string FormatRequest(const Request& request);

// A verb or a key: letters, digits and '-', beginning with a letter.
bool IsKeyword(std::string_view word);

// 1..32 of [A-Za-z0-9_-].
bool IsTag(std::string_view tag);

// Whether the first line of a connection is the start of another protocol: an HTTP request line.
bool IsForeignProtocol(std::string_view line);

}  // namespace redlock::protocol
