#include "base/descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <utility>

namespace redlock::base {
namespace {

int OpenOne() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }
bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }

TEST(Descriptor, ClosesWhatItOwns) {
  const int fd = OpenOne();
  {
    const Descriptor owner(fd);
    EXPECT_TRUE(owner);
    EXPECT_TRUE(IsOpen(fd));
  }
  EXPECT_FALSE(IsOpen(fd));
}

TEST(Descriptor, HasOneOwner) {
  const int fd = OpenOne(), other = OpenOne();
  Descriptor first(fd), second(other);
  second = std::move(first);
  EXPECT_FALSE(first);
  EXPECT_FALSE(IsOpen(other));
  EXPECT_EQ(second.get(), fd);
  Descriptor third(std::move(second));
  EXPECT_FALSE(second);
  EXPECT_TRUE(IsOpen(fd));
  third.Reset();
  EXPECT_FALSE(IsOpen(fd));
}

TEST(Descriptor, ReleasesItOpen) {
  Descriptor owner(OpenOne());
  const int fd = owner.Release();
  EXPECT_FALSE(owner);
  EXPECT_TRUE(IsOpen(fd));
  close(fd);
}

}  // namespace
}  // namespace redlock::base
