#include "protocol/printable.h"

#include <gtest/gtest.h>

#include <random>

namespace redlock::protocol {
namespace {

TEST(Printable, LetsNothingThroughThatATerminalObeys) {
  EXPECT_EQ(Printable("nightly run"), "nightly run");
  EXPECT_EQ(Printable("a\x1b[2Jb\n\x7f"), "a\\x1B[2Jb\\x0A\\x7F");
  EXPECT_EQ(Printable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(Printable("gr\xc3\xbc\xc3\x9f\xe2\x82\xac\xf0\x9f\x94\x92"),
            "gr\xc3\xbc\xc3\x9f\xe2\x82\xac\xf0\x9f\x94\x92");
  EXPECT_EQ(Printable("\xc2\x9b"), "\\xC2\\x9B");           // a C1 control
  EXPECT_EQ(Printable("\xc2\xa0"), "\xc2\xa0");             // and what follows on them
  EXPECT_EQ(Printable("\xe2\x80\xae"), "\\xE2\\x80\\xAE");  // right-to-left override
  EXPECT_EQ(Printable("\xe2\x81\xa6"), "\\xE2\\x81\\xA6");  // left-to-right isolate
  EXPECT_EQ(Printable("\xe2\x80\x8f"), "\\xE2\\x80\\x8F");  // right-to-left mark
  EXPECT_EQ(Printable("\xd8\x9c"), "\\xD8\\x9C");           // Arabic letter mark
  EXPECT_EQ(Printable("\xe2\x80\xa8"), "\\xE2\\x80\\xA8");  // line separator
}

TEST(Printable, ShowsTheBytesOfWhatIsNoUtf8) {
  EXPECT_EQ(Printable("\xff\xc3"), "\\xFF\\xC3");  // no lead byte, and half a character
  EXPECT_EQ(Printable("\x80"
                      "a"),
            "\\x80"
            "a");                                           // a byte of a character's middle
  EXPECT_EQ(Printable("\xc0\xaf"), "\\xC0\\xAF");           // too long a form
  EXPECT_EQ(Printable("\xe0\x80\x80"), "\\xE0\\x80\\x80");  // too long a form
  EXPECT_EQ(Printable("\xed\xa0\x80"), "\\xED\\xA0\\x80");  // a surrogate
  EXPECT_EQ(Printable("\xf4\x90\x80\x80"), "\\xF4\\x90\\x80\\x80");  // above U+10FFFF
  EXPECT_EQ(Printable("\xf8\x88\x80\x80\x80"), "\\xF8\\x88\\x80\\x80\\x80");
}

TEST(Printable, IsUtf8AndStaysTheSame) {
  std::mt19937 random(4711);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(random() % 12, ' ');
    for (char& c : bytes)
      c = static_cast<char>(random() % 3 == 0 ? 0x80 + random() % 0x30 : random());
    const std::string shown = Printable(bytes);
    ASSERT_TRUE(IsUtf8(shown));
    ASSERT_EQ(Printable(shown), shown);
    for (const char c : shown) ASSERT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  }
}

TEST(IsUtf8, KnowsIt) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("a\x1b\xc2\x9b\xf0\x9f\x94\x92"));
  EXPECT_FALSE(IsUtf8("a\xf0\x9f\x94"));
}

}  // namespace
}  // namespace redlock::protocol
