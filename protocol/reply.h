// Lines of the daemon. The first character gives the class:
//
//   [#tag ]OK key=value...                   ends a request
//   [#tag ]ERR code key=value... [:text]     ends a request
//   [#tag ]- key=value... [:text]            a row before its OK
//   * WORD word... key=value...              an event; never tagged
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/duration.h"
#include "protocol/errors.h"
#include "protocol/request.h"

namespace redlock::protocol {

// Writes one line at the end of `out`; the destructor ends it. Used as one expression:
//
//   ReplyLine::Ok(out, tag).Add("lock", name).Add("fence", fence).Add("ttl", ttl);
//   ReplyLine::Err(out, tag, ErrorCode::kBusy).Add("lock", name).Text("held by pid 12");
//
// A value longer than kValueBytes is cut, a text longer than kTextBytes too, so that every line
// keeps to kReplyLineBytes with up to 20 fields. What no reader takes becomes '?': a NUL in a
// value, bytes of a text that are not printable ASCII.
class ReplyLine {
 public:
  // tag: of the request, "" for none. `out` must outlive the line.
  static ReplyLine Ok(std::string& out, std::string_view tag);
  static ReplyLine Err(std::string& out, std::string_view tag, ErrorCode code);
  static ReplyLine Row(std::string& out, std::string_view tag);
  static ReplyLine Event(std::string& out, std::string_view word);

  ReplyLine(const ReplyLine&) = delete;
  ReplyLine& operator=(const ReplyLine&) = delete;
  ~ReplyLine() { out_ += '\n'; }

  // A word as it is: printable ASCII without space or '='. For HELLO.
  ReplyLine& Word(std::string_view word);
  ReplyLine& Add(std::string_view key, std::string_view value);
  ReplyLine& Add(std::string_view key, Duration value);
  ReplyLine& Add(std::string_view key, std::integral auto value) {
    std::array<char, 24> text;
    char* const end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    return AddPlain(key, std::string_view(text.data(), end));
  }
  // For people, to the end of the line: nothing can be added after it.
  ReplyLine& Text(std::string_view text);

 private:
  ReplyLine(std::string& out, std::string_view tag, std::string_view kind,
            std::string_view word = {});
  // What needs no encoding.
  ReplyLine& AddPlain(std::string_view key, std::string_view value);
  void AddKey(std::string_view key);

  std::string& out_;
};

// A line of the daemon, read.
struct Reply {
  enum class Kind { kOk, kErr, kRow, kEvent };

  Kind kind = Kind::kOk;
  std::string tag;                 // without '#'; empty: none
  std::string word;                // of kErr its code, of kEvent its name; else empty
  std::vector<std::string> words;  // the other words without '=', decoded, in order
  std::vector<Field> fields;       // decoded, in order
  std::string text;                // after " :", as it is

  // The value of a key, nullptr without it.
  const std::string* Find(std::string_view key) const;

  bool operator==(const Reply&) const = default;
};

// `line` is without its line end. The string says what is wrong with it.
std::variant<Reply, std::string> ParseReply(std::string_view line);

}  // namespace redlock::protocol
