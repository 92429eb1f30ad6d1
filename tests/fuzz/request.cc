#include "protocol/request.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <variant>

#include "protocol/limits.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/lines.h"

// What a client may send: lines, cut anywhere, and what is read out of them.
namespace redlockd::fuzz {
namespace {

using namespace redlock::protocol;

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

void CheckRequest(const Request& request) {
  FUZZ_CHECK(request.tag.empty() || IsTag(request.tag), "the tag is none");
  FUZZ_CHECK(IsKeyword(request.verb), "the verb is none");
  for (const std::string& arg : request.args) {
    FUZZ_CHECK(!arg.empty() && arg.find('\0') == std::string::npos, "not an argument");
  }
  std::set<std::string> keys;
  for (const Field& option : request.options) {
    FUZZ_CHECK(IsKeyword(option.key), "the key is none");
    FUZZ_CHECK(keys.insert(option.key).second, "a key stands there twice");
    FUZZ_CHECK(option.value.size() <= kValueBytes, "the value is too long");
  }
  std::string line = FormatRequest(request);
  FUZZ_CHECK(line.ends_with('\n'), "a line ends with LF");
  line.pop_back();
  const auto again = ParseRequest(line);
  FUZZ_CHECK(std::holds_alternative<Request>(again), "what was written cannot be read: " + line);
  FUZZ_CHECK(std::get<Request>(again) == request, "what was written reads as another: " + line);
}

void CheckError(const ParseError& error) {
  FUZZ_CHECK(error.tag.empty() || IsTag(error.tag), "the error's tag is none");
  FUZZ_CHECK(!error.text.empty() && IsPrintable(error.text), "the error is no text");
}

}  // namespace
}  // namespace redlockd::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace redlockd::fuzz;
  const auto pieces = Pieces({data, size});
  CheckedLines(pieces, 16);  // so that short inputs have lines that are too long
  for (const Line& line : CheckedLines(pieces, kLineBytes)) {
    if (!line) continue;
    const auto parsed = ParseRequest(*line);
    if (const auto* error = std::get_if<ParseError>(&parsed)) {
      CheckError(*error);
    } else {
      CheckRequest(std::get<Request>(parsed));
    }
    (void)IsForeignProtocol(*line);
  }
  return 0;
}
