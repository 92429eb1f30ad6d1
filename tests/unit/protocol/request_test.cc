#include "protocol/request.h"

#include <gtest/gtest.h>

#include <random>

#include "protocol/limits.h"

namespace redlock::protocol {

// So that a failed comparison can be read.
void PrintTo(const Request& request, std::ostream* os) { *os << FormatRequest(request); }

namespace {

Request MustParse(std::string_view line) {
  const auto parsed = ParseRequest(line);
  if (const auto* error = std::get_if<ParseError>(&parsed)) {
    ADD_FAILURE() << line << ": " << error->text;
    return {};
  }
  return std::get<Request>(parsed);
}

ParseError MustFail(std::string_view line) {
  const auto parsed = ParseRequest(line);
  if (const auto* request = std::get_if<Request>(&parsed)) {
    ADD_FAILURE() << line << " was taken for " << FormatRequest(*request);
    return {};
  }
  return std::get<ParseError>(parsed);
}

TEST(ParseRequest, TakesALineApart) {
  const struct {
    const char* line;
    Request request;
  } kCases[] = {
      {"ping", {"", "ping", {}, {}}},
      {"#a1 LOCK jobs", {"a1", "lock", {"jobs"}, {}}},
      {"#_-Z9 trust-empty", {"_-Z9", "trust-empty", {}, {}}},
      {"lock jobs wait=0 ttl=10s", {"", "lock", {"jobs"}, {{"wait", "0"}, {"ttl", "10s"}}}},
      {"unlock fence=3 jobs sync", {"", "unlock", {"jobs", "sync"}, {{"fence", "3"}}}},
      {"lock a%20b note=x%3Dy", {"", "lock", {"a b"}, {{"note", "x=y"}}}},
      {"lock a note=x=y", {"", "lock", {"a"}, {{"note", "x=y"}}}},
      {"lock a NOTE=", {"", "lock", {"a"}, {{"note", ""}}}},
      {"  lock   a   ", {"", "lock", {"a"}, {}}},
      {"lock a#b", {"", "lock", {"a#b"}, {}}},
      {"lock %23a", {"", "lock", {"#a"}, {}}},
  };
  for (const auto& c : kCases) EXPECT_EQ(MustParse(c.line), c.request) << c.line;
}

TEST(ParseRequest, SaysWhatIsWrongAndUnderWhichTag) {
  const struct {
    std::string line;
    std::string tag;
    std::string text;
  } kCases[] = {
      {"", "", "the line has no verb: expected [#tag] verb ...; try help"},
      {"   ", "", "the line has no verb: expected [#tag] verb ...; try help"},
      {"#a", "a", "the line has no verb: expected [#tag] verb ...; try help"},
      {"# ping", "", "'#': expected a tag of 1 to 32 letters, digits, '_' and '-' after '#'"},
      {"#a/b ping", "", "'#a/b': expected a tag of 1 to 32 letters, digits, '_' and '-' after '#'"},
      {"#" + std::string(33, 'x') + " ping", "",
       "'#" + std::string(33, 'x') +
           "': expected a tag of 1 to 32 letters, digits, '_' and '-' after '#'"},
      {"#a l@ck x", "a", "'l@ck': expected a verb; try help"},
      {"9lock x", "", "'9lock': expected a verb; try help"},
      {"wait=3", "", "'wait=3': expected a verb; try help"},
      {"#t lock #x", "t",
       "'#x': a tag stands before the verb (in a name, '#' at the start is written %23)"},
      {"lock =x", "",
       "'=x': expected key=value with a key of letters and '-' (in a name, '=' is written %3D)"},
      {"lock a_b=x", "",
       "'a_b=x': expected key=value with a key of letters and '-' (in a name, '=' is written %3D)"},
      {"lock a{b=x", "",
       "'a{b=x': expected key=value with a key of letters and '-' (in a name, '=' is written %3D)"},
      {"lock x ttl=1s TTL=2s", "", "option 'ttl' is given twice"},
      {"#t lock a%4", "t",
       "'%4' at byte 2: expected two hexadecimal digits after '%' (a '%' itself is %25)"},
      {"lock a%00", "", "'%00' at byte 2: expected any byte but NUL"},
      {"lock a note=%q1", "",
       "option 'note': '%q1' at byte 1: expected two hexadecimal digits after '%' (a '%' itself is "
       "%25)"},
      {"lock a note=" + std::string(256, 'n'), "",
       "option 'note' has 256 bytes: expected at most 255"},
      {"lock a\tb", "",
       "byte 0x09 at column 7: expected printable ASCII, other bytes as %XX, like %09"},
      {"#t lock gr\xc3\xbcn", "t",
       "byte 0xc3 at column 11: expected printable ASCII, other bytes as %XX, like %c3"},
      {std::string("ping\0", 5), "",
       "byte 0x00 at column 5: expected printable ASCII, other bytes as %XX (but never NUL)"},
      {"\x7f", "", "byte 0x7f at column 1: expected printable ASCII, other bytes as %XX, like %7f"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(MustFail(c.line), (ParseError{ErrorCode::kBadRequest, c.text, c.tag})) << c.line;
  }
}

TEST(ParseRequest, CountsAValueDecoded) {
  std::string encoded;
  for (int i = 0; i < 255; ++i) encoded += "%20";
  EXPECT_EQ(MustParse("lock x note=" + encoded).options[0].value, std::string(255, ' '));
}

TEST(FormatRequest, WhatIsFormattedIsParsedBack) {
  std::mt19937 random(11);
  const auto bytes = [&random](std::size_t least, std::size_t most) {
    std::string text(least + random() % (most - least + 1), '\0');
    for (char& c : text) c = static_cast<char>(random() % 255 + 1);
    return text;
  };
  const char* const keys[] = {"wait", "ttl", "max-hold", "min-hold", "note"};
  for (int i = 0; i < 5'000; ++i) {
    Request request;
    if (random() % 2 == 0) request.tag = "t" + std::to_string(random() % 1000);
    request.verb = "lock";
    for (std::size_t n = random() % 3; n > 0; --n) request.args.push_back(bytes(1, 60));
    for (std::size_t n = random() % 5; n > 0; --n)
      request.options.push_back({keys[n - 1], bytes(0, 60)});
    std::string line = FormatRequest(request);
    ASSERT_EQ(line.back(), '\n');
    line.pop_back();
    ASSERT_EQ(MustParse(line), request);
  }
}

// Whatever comes in, there is an answer, and a text for it that fits on a line.
TEST(ParseRequest, TakesAnyBytes) {
  std::mt19937 random(13);
  const std::string alphabet = "#aZ09_- =%%%2F\t\xff/:lock";
  for (int i = 0; i < 50'000; ++i) {
    std::string line(random() % 24, '\0');
    for (char& c : line) c = alphabet[random() % alphabet.size()];
    const auto parsed = ParseRequest(line);
    if (const auto* error = std::get_if<ParseError>(&parsed)) {
      ASSERT_FALSE(error->text.empty()) << line;
    } else {
      const Request& request = std::get<Request>(parsed);
      std::string again = FormatRequest(request);
      again.pop_back();
      ASSERT_EQ(MustParse(again), request) << line;
    }
  }
}

TEST(IsForeignProtocol, KnowsHttp) {
  for (const char* line :
       {"GET / HTTP/1.1", "POST /x HTTP/1.0", "PRI * HTTP/2.0", "OPTIONS * HTTP/1.1"}) {
    EXPECT_TRUE(IsForeignProtocol(line)) << line;
  }
  for (const char* line : {"", "GET", "ping", "lock GET", "get /", "#GET ping", "GETS x"}) {
    EXPECT_FALSE(IsForeignProtocol(line)) << line;
  }
}

}  // namespace
}  // namespace redlock::protocol
