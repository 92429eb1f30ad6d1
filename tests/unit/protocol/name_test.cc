#include "protocol/name.h"

#include <gtest/gtest.h>

#include <random>

#include "protocol/limits.h"

namespace redlock::protocol {
namespace {

TEST(Name, EncodesWhatWouldBeMisread) {
  const struct {
    const char* bytes;
    const char* wire;
  } kCases[] = {
      {"jobs", "jobs"},
      {"a b", "a%20b"},
      {"50%", "50%25"},
      {"k=v", "k%3Dv"},
      {"#1", "%231"},
      {"a#1", "a#1"},
      {"tab\there", "tab%09here"},
      {"line\nend\r", "line%0Aend%0D"},
      {"gr\xc3\xbc\xc3\x9f", "gr%C3%BC%C3%9F"},
      {"\x7f\xff", "%7F%FF"},
      {"!\"$&'()*+,-./:;<>?@[\\]^_`{|}~", "!\"$&'()*+,-./:;<>?@[\\]^_`{|}~"},
      {"", ""},
  };
  for (const auto& c : kCases) EXPECT_EQ(PercentEncode(c.bytes), c.wire);
}

TEST(Name, DecodesEitherCaseAndWhatNeedNoEncoding) {
  std::string bytes;
  EXPECT_EQ(PercentDecode("%6a%6F%62s", &bytes), std::nullopt);
  EXPECT_EQ(bytes, "jobs");
  EXPECT_EQ(PercentDecode("", &bytes), std::nullopt);
  EXPECT_EQ(bytes, "");
}

TEST(Name, SaysWhatIsWrongWithAnEncoding) {
  const struct {
    const char* wire;
    const char* problem;
  } kCases[] = {
      {"%", "'%' at byte 1: expected two hexadecimal digits after '%' (a '%' itself is %25)"},
      {"ab%4", "'%4' at byte 3: expected two hexadecimal digits after '%' (a '%' itself is %25)"},
      {"a%zzb", "'%zz' at byte 2: expected two hexadecimal digits after '%' (a '%' itself is %25)"},
      {"%%20", "'%%2' at byte 1: expected two hexadecimal digits after '%' (a '%' itself is %25)"},
      {"a%00", "'%00' at byte 2: expected any byte but NUL"},
  };
  for (const auto& c : kCases) {
    std::string bytes;
    EXPECT_EQ(PercentDecode(c.wire, &bytes), c.problem);
  }
}

TEST(Name, WhatIsEncodedIsOneWordAndDecodesToItself) {
  std::mt19937 random(7);
  for (int i = 0; i < 5'000; ++i) {
    std::string bytes(random() % 40, '\0');
    for (char& c : bytes) c = static_cast<char>(random() % 255 + 1);
    const std::string wire = PercentEncode(bytes);
    for (const char c : wire) ASSERT_TRUE(c > ' ' && c <= '~' && c != '=') << wire;
    ASSERT_FALSE(wire.starts_with('#')) << wire;
    std::string back;
    ASSERT_EQ(PercentDecode(wire, &back), std::nullopt) << wire;
    ASSERT_EQ(back, bytes);
  }
}

TEST(Name, HasOneTo255Bytes) {
  EXPECT_EQ(CheckName("x"), std::nullopt);
  EXPECT_EQ(CheckName(std::string(kNameBytes, 'x')), std::nullopt);
  EXPECT_EQ(CheckName("\xff spaces are fine \n"), std::nullopt);
  EXPECT_EQ(CheckName(""), "the lock name is empty: expected 1 to 255 bytes");
  EXPECT_EQ(CheckName(std::string(256, 'x')), "the lock name has 256 bytes: expected 1 to 255");
  EXPECT_EQ(CheckName(std::string("a\0b", 3)),
            "the lock name has a NUL byte: expected any byte but NUL");
}

}  // namespace
}  // namespace redlock::protocol
