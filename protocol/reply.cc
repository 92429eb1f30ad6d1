#include "protocol/reply.h"

#include <algorithm>

#include "base/check.h"
#include "protocol/limits.h"
#include "protocol/name.h"
#include "protocol/words.h"

namespace redlock::protocol {

ReplyLine::ReplyLine(std::string& out, std::string_view tag, std::string_view kind,
                     std::string_view word)
    : out_(out) {
  if (!tag.empty()) out_.append("#").append(tag).append(" ");
  out_.append(kind).append(word);
}

ReplyLine ReplyLine::Ok(std::string& out, std::string_view tag) { return {out, tag, "OK"}; }

ReplyLine ReplyLine::Row(std::string& out, std::string_view tag) { return {out, tag, "-"}; }

ReplyLine ReplyLine::Err(std::string& out, std::string_view tag, ErrorCode code) {
  return {out, tag, "ERR ", ErrorWord(code)};
}

ReplyLine ReplyLine::Event(std::string& out, std::string_view word) {
  return {out, "", "* ", word};
}

ReplyLine& ReplyLine::Word(std::string_view word) {
  CHECK(!word.empty() && word.find_first_of(" =\r\n") == std::string_view::npos);
  out_.append(" ").append(word);
  return *this;
}

ReplyLine& ReplyLine::Add(std::string_view key, std::string_view value) {
  value = value.substr(0, kValueBytes);
  std::string readable;
  if (value.find('\0') != std::string_view::npos) {
    readable = value;
    std::replace(readable.begin(), readable.end(), '\0', '?');
    value = readable;
  }
  AddKey(key);
  PercentEncodeTo(value, out_);
  return *this;
}

ReplyLine& ReplyLine::AddPlain(std::string_view key, std::string_view value) {
  AddKey(key);
  out_.append(value);
  return *this;
}

void ReplyLine::AddKey(std::string_view key) {
  out_ += ' ';
  out_.append(key);
  out_ += '=';
}

ReplyLine& ReplyLine::Add(std::string_view key, Duration value) {
  return AddPlain(key, FormatDuration(value));
}

ReplyLine& ReplyLine::Text(std::string_view text) {
  out_ += " :";
  for (const char c : text.substr(0, kTextBytes)) out_ += c >= ' ' && c <= '~' ? c : '?';
  return *this;
}

const std::string* Reply::Find(std::string_view key) const {
  for (const Field& field : fields) {
    if (field.key == key) return &field.value;
  }
  return nullptr;
}

namespace {

bool KindOf(std::string_view word, Reply::Kind* kind) {
  if (word == "OK")
    *kind = Reply::Kind::kOk;
  else if (word == "ERR")
    *kind = Reply::Kind::kErr;
  else if (word == "-")
    *kind = Reply::Kind::kRow;
  else if (word == "*")
    *kind = Reply::Kind::kEvent;
  else
    return false;
  return true;
}

// The words after the class and the code. Gives what is wrong, if anything.
std::optional<std::string> ParseRest(std::string_view rest, Reply* reply) {
  for (std::string_view word = TakeWord(rest); !word.empty(); word = TakeWord(rest)) {
    if (word[0] == ':') {
      reply->text = word.substr(1);
      reply->text += rest;
      return std::nullopt;
    }
    const std::size_t equals = word.find('=');
    const bool is_field = equals != std::string_view::npos;
    std::string value;
    if (auto problem = PercentDecode(is_field ? word.substr(equals + 1) : word, &value))
      return problem;
    if (is_field) {
      reply->fields.push_back({std::string(word.substr(0, equals)), std::move(value)});
    } else {
      reply->words.push_back(std::move(value));
    }
  }
  return std::nullopt;
}

}  // namespace

std::variant<Reply, std::string> ParseReply(std::string_view line) {
  Reply reply;
  std::string_view rest = line;
  std::string_view word = TakeWord(rest);
  if (!word.empty() && word[0] == '#') {
    if (!IsTag(word.substr(1))) return "'" + std::string(word) + "' is not a tag";
    reply.tag = word.substr(1);
    word = TakeWord(rest);
  }
  if (!KindOf(word, &reply.kind)) {
    return "'" + std::string(word) + "': expected OK, ERR, - or *";
  }
  if (reply.kind == Reply::Kind::kErr || reply.kind == Reply::Kind::kEvent) {
    reply.word = TakeWord(rest);
    if (reply.word.empty()) return "'" + std::string(word) + "' without a word after it";
  }
  if (auto problem = ParseRest(rest, &reply)) return *problem;
  return reply;
}

}  // namespace redlock::protocol
