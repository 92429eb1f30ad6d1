#include "protocol/reply.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "protocol/limits.h"
#include "protocol/name.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/lines.h"

// What a daemon may send, as libredlock reads it; and that whatever values the daemon has, what it
// writes of them can be read.
namespace redlockd::fuzz {
namespace {

using namespace redlock::protocol;

bool IsPlain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

bool HasNul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

// The line that says the same, in the form that the daemon writes.
std::string Written(const Reply& reply) {
  std::string line;
  if (!reply.tag.empty()) line += "#" + reply.tag + " ";
  switch (reply.kind) {
    case Reply::Kind::kOk:
      line += "OK";
      break;
    case Reply::Kind::kErr:
      line += "ERR " + reply.word;
      break;
    case Reply::Kind::kRow:
      line += "-";
      break;
    case Reply::Kind::kEvent:
      line += "* " + reply.word;
      break;
  }
  for (const std::string& word : reply.words) line += " " + PercentEncode(word);
  for (const Field& field : reply.fields) {
    line += " " + field.key + "=" + PercentEncode(field.value);
  }
  return reply.text.empty() ? line : line + " :" + reply.text;
}

void CheckReply(const Reply& reply) {
  FUZZ_CHECK(reply.tag.empty() || IsTag(reply.tag), "the tag is none");
  const bool has_word = reply.kind == Reply::Kind::kErr || reply.kind == Reply::Kind::kEvent;
  FUZZ_CHECK(has_word != reply.word.empty(), "a word too many or too few");
  for (const Field& field : reply.fields) {
    FUZZ_CHECK(reply.Find(field.key) != nullptr, "a field is not found");
  }
  // Not all that is read can be written: what a word begins with tells what it is, and a NUL that
  // stands there as it is has no other form.
  for (const std::string& word : reply.words) {
    if (word.empty() || word[0] == ':' || HasNul(word)) return;
  }
  for (const Field& field : reply.fields) {
    if (field.key.starts_with(':') || HasNul(field.value)) return;
  }
  const auto again = ParseReply(Written(reply));
  FUZZ_CHECK(std::holds_alternative<Reply>(again), "what was written cannot be read");
  FUZZ_CHECK(std::get<Reply>(again) == reply, "what was written reads as another");
}

// An answer whose values are the input's bytes, whatever they are.
void CheckWriter(Bytes input) {
  constexpr std::size_t kFields = 20;
  std::string line;
  Reply expected;
  {
    const bool is_error = input.OneIn(2);
    const auto code = static_cast<ErrorCode>(input.Below(kErrorCount));
    ReplyLine writer = is_error ? ReplyLine::Err(line, "t", code) : ReplyLine::Row(line, "t");
    expected.kind = is_error ? Reply::Kind::kErr : Reply::Kind::kRow;
    if (is_error) expected.word = ErrorWord(code);
    expected.tag = "t";
    const std::string text(input.Until('\n'));
    while (!input.empty() && expected.fields.size() < kFields) {
      std::string value(input.Text(input.Byte()));
      writer.Add("key", value);
      value.resize(std::min(value.size(), kValueBytes));
      std::replace(value.begin(), value.end(), '\0', '?');
      expected.fields.push_back({"key", value});
    }
    writer.Text(text);
  }
  FUZZ_CHECK(line.size() <= kReplyLineBytes, "the line is too long");
  FUZZ_CHECK(line.find('\n') == line.size() - 1, "it is not one line");
  line.pop_back();
  FUZZ_CHECK(IsPlain(line), "it is not printable");
  const auto parsed = ParseReply(line);
  const auto* reply = std::get_if<Reply>(&parsed);
  FUZZ_CHECK(reply != nullptr, "the daemon's own line cannot be read: " + line);
  expected.text = reply->text;
  FUZZ_CHECK(*reply == expected, "the daemon's own line reads as another: " + line);
}

}  // namespace
}  // namespace redlockd::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace redlockd::fuzz;
  const auto pieces = Pieces({data, size});
  for (const Line& line : CheckedLines(pieces, kReplyLineBytes)) {
    if (!line) continue;
    const auto parsed = ParseReply(*line);
    if (const auto* reply = std::get_if<Reply>(&parsed)) {
      CheckReply(*reply);
    } else {
      FUZZ_CHECK(!std::get<std::string>(parsed).empty(), "an error without a text");
    }
  }
  CheckWriter({data, size});
  return 0;
}
