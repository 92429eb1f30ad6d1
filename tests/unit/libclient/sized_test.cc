// Structs of callers that were built with another version of the library.
#include "libclient/sized.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace redlock::client {
namespace {

// The first version, and two later ones.
struct First {
  std::size_t size;
  std::int64_t a;
};
struct Second {
  std::size_t size;
  std::int64_t a;
  std::int64_t b;
};
struct Third {
  std::size_t size;
  std::int64_t a;
  std::int64_t b;
  std::int64_t c;
};

template <typename Struct>
Second& AsSecond(Struct& other) {
  return reinterpret_cast<Second&>(other);
}

TEST(Sized, OfTheFirstVersionOrLonger) {
  EXPECT_FALSE(IsSized<First>(0));
  EXPECT_FALSE(IsSized<First>(sizeof(First) - 1));
  EXPECT_TRUE(IsSized<First>(sizeof(First)));
  EXPECT_TRUE(IsSized<First>(sizeof(Third)));
  EXPECT_FALSE(IsSized<First>(SIZE_MAX)) << "never set";
}

TEST(Sized, WhatAShorterOneDoesNotSayIsTheDefault) {
  First given{sizeof(First), 1};
  Second known{sizeof(Second), -1, -2};
  EXPECT_TRUE(TakeSized(AsSecond(given), &known));
  EXPECT_EQ(known.size, sizeof(Second));
  EXPECT_EQ(known.a, 1);
  EXPECT_EQ(known.b, -2);
}

TEST(Sized, WhatALongerOneSaysBesidesMustNotBeSet) {
  Third given{sizeof(Third), 1, 2, 0};
  Second known{sizeof(Second), -1, -2};
  EXPECT_TRUE(TakeSized(AsSecond(given), &known));
  EXPECT_EQ(known.size, sizeof(Second));
  EXPECT_EQ(known.b, 2);
  given.c = 1;
  EXPECT_FALSE(TakeSized(AsSecond(given), &known));
}

TEST(Sized, NothingIsWrittenBeyondWhatTheCallerHas) {
  First shorter[2] = {{sizeof(First), 0}, {77, 78}};
  GiveSized(Second{sizeof(Second), 1, 2}, &AsSecond(shorter[0]));
  EXPECT_EQ(shorter[0].size, sizeof(First));
  EXPECT_EQ(shorter[0].a, 1);
  EXPECT_EQ(shorter[1].size, 77U);
  Third longer{sizeof(Third), 0, 0, 77};
  GiveSized(Second{sizeof(Second), 1, 2}, &AsSecond(longer));
  EXPECT_EQ(longer.size, sizeof(Third));
  EXPECT_EQ(longer.b, 2);
  EXPECT_EQ(longer.c, 77);
}

}  // namespace
}  // namespace redlock::client
