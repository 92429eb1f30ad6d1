#include "protocol/request.h"

#include <algorithm>
#include <array>

#include "protocol/limits.h"
#include "protocol/name.h"
#include "protocol/words.h"

namespace redlock::protocol {
namespace {

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool IsAlphaNumeric(char c) { return IsLetter(c) || (c >= '0' && c <= '9'); }

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string Quoted(std::string_view word) { return "'" + std::string(word) + "'"; }

std::string HexByte(char c) {
  constexpr char kDigits[] = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  return {kDigits[byte >> 4], kDigits[byte & 15]};
}

std::optional<std::string> CheckBytes(std::string_view line) {
  const auto bad =
      std::find_if(line.begin(), line.end(), [](char c) { return c < ' ' || c > '~'; });
  if (bad == line.end()) return std::nullopt;
  const std::string hex = HexByte(*bad);
  const std::string column = std::to_string(bad - line.begin() + 1);
  return "byte 0x" + hex + " at column " + column + ": expected printable ASCII, other bytes as " +
         (*bad == '\0' ? "%XX (but never NUL)" : "%XX, like %" + hex);
}

using Problem = std::optional<std::string>;

Problem AddOption(std::string_view word, std::size_t equals, Request* request) {
  const std::string_view key = word.substr(0, equals);
  if (!IsKeyword(key)) {
    return Quoted(word) +
           ": expected key=value with a key of letters and '-' (in a name, '=' is written %3D)";
  }
  Field option;
  std::transform(key.begin(), key.end(), std::back_inserter(option.key), Lower);
  for (const Field& other : request->options) {
    if (other.key == option.key) return "option '" + option.key + "' is given twice";
  }
  if (const Problem problem = PercentDecode(word.substr(equals + 1), &option.value)) {
    return "option '" + option.key + "': " + *problem;
  }
  if (option.value.size() > kValueBytes) {
    return "option '" + option.key + "' has " + std::to_string(option.value.size()) +
           " bytes: expected at most " + std::to_string(kValueBytes);
  }
  request->options.push_back(std::move(option));
  return std::nullopt;
}

Problem AddArgument(std::string_view word, Request* request) {
  if (word[0] == '#') {
    return Quoted(word) +
           ": a tag stands before the verb (in a name, '#' at the start is written %23)";
  }
  return PercentDecode(word, &request->args.emplace_back());
}

Problem AddWord(std::string_view word, Request* request) {
  const std::size_t equals = word.find('=');
  if (equals != std::string_view::npos) return AddOption(word, equals, request);
  return AddArgument(word, request);
}

}  // namespace

bool IsKeyword(std::string_view word) {
  if (word.empty() || !IsLetter(word[0])) return false;
  return std::all_of(word.begin(), word.end(),
                     [](char c) { return IsAlphaNumeric(c) || c == '-'; });
}

bool IsTag(std::string_view tag) {
  return !tag.empty() && tag.size() <= kTagBytes && std::all_of(tag.begin(), tag.end(), [](char c) {
    return IsAlphaNumeric(c) || c == '_' || c == '-';
  });
}

std::variant<Request, ParseError> ParseRequest(std::string_view line) {
  Request request;
  const auto fail = [&request](std::string text) {
    return ParseError{ErrorCode::kBadRequest, std::move(text), std::move(request.tag)};
  };
  std::string_view rest = line;
  std::string_view word = TakeWord(rest);
  // The tag is taken first, so that whatever else is wrong is answered under it.
  if (word.starts_with('#') && IsTag(word.substr(1))) {
    request.tag = word.substr(1);
    word = TakeWord(rest);
  }
  if (const Problem problem = CheckBytes(line)) return fail(*problem);
  if (word.starts_with('#') && request.tag.empty()) {
    return fail(Quoted(word) + ": expected a tag of 1 to " + std::to_string(kTagBytes) +
                " letters, digits, '_' and '-' after '#'");
  }
  if (word.empty()) return fail("the line has no verb: expected [#tag] verb ...; try help");
  if (!IsKeyword(word)) return fail(Quoted(word) + ": expected a verb; try help");
  std::transform(word.begin(), word.end(), std::back_inserter(request.verb), Lower);
  while (!(word = TakeWord(rest)).empty()) {
    if (const Problem problem = AddWord(word, &request)) return fail(*problem);
  }
  return request;
}

std::string FormatRequest(const Request& request) {
  std::string line;
  if (!request.tag.empty()) line.append("#").append(request.tag).append(" ");
  line += request.verb;
  for (const std::string& arg : request.args) {
    line += ' ';
    PercentEncodeTo(arg, line);
  }
  for (const Field& option : request.options) {
    line.append(" ").append(option.key).append("=");
    PercentEncodeTo(option.value, line);
  }
  line += '\n';
  return line;
}

bool IsForeignProtocol(std::string_view line) {
  // No verb of ours will ever have one of these names.
  constexpr std::array<std::string_view, 10> kHttpMethods{
      "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PRI"};
  const std::string_view word = line.substr(0, line.find(' '));
  return word.size() < line.size() &&
         std::find(kHttpMethods.begin(), kHttpMethods.end(), word) != kHttpMethods.end();
}

}  // namespace redlock::protocol
