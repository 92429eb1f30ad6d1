#include "daemon/host/handover.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

namespace redlockd::host {
namespace {

using redlock::base::Descriptor;

// The file that it is open on.
ino_t FileOf(int fd) {
  struct stat status {};
  return fd >= 0 && fstat(fd, &status) == 0 ? status.st_ino : 0;
}

class HandoverTest : public testing::Test {
 protected:
  int Open() {
    files_.emplace_back(memfd_create("test", MFD_CLOEXEC));
    return files_.back().get();
  }
  static Handover Packed(const std::string& bytes, const std::vector<Handover::Parcel>& parcels) {
    auto packed = Handover::Pack(bytes, parcels);
    const auto* why = std::get_if<std::string>(&packed);
    if (why != nullptr) throw std::runtime_error(*why);
    return std::get<Handover>(std::move(packed));
  }

  std::vector<Descriptor> files_;
};

TEST_F(HandoverTest, GivesTheBytesBack) {
  const std::string bytes(100'000, '\0');
  EXPECT_EQ(Packed(bytes, {}).Bytes(), bytes);
  EXPECT_EQ(Packed("", {}).Bytes(), "");
}

// More than one message takes, each with its own: one, some, or all of them.
TEST_F(HandoverTest, GivesEachParcelItsDescriptors) {
  std::vector<Handover::Parcel> parcels;
  for (std::uint64_t id = 1; id <= 200; ++id) {
    const bool all = id % 3 == 0;
    parcels.push_back({id, {Open(), all || id % 2 == 0 ? Open() : -1, all ? Open() : -1}});
  }
  Handover handover = Packed("", parcels);
  const Handover::Parcels unpacked = handover.Unpack();
  ASSERT_EQ(unpacked.size(), parcels.size());
  for (const Handover::Parcel& parcel : parcels) {
    const auto& fds = unpacked.at(parcel.id);
    for (std::size_t i = 0; i < Handover::kMost; ++i) {
      EXPECT_EQ(FileOf(fds[i].get()), FileOf(parcel.fds[i])) << parcel.id << " " << i;
      if (parcel.fds[i] >= 0) {
        EXPECT_NE(fds[i].get(), parcel.fds[i]) << "it is the giver's still";
      }
    }
  }
}

TEST_F(HandoverTest, NobodyKeepsAnythingForAProcessWithoutAServiceManager) {
  const char* socket = std::getenv("NOTIFY_SOCKET");
  if (socket != nullptr) GTEST_SKIP() << "there is one";
  EXPECT_EQ(Packed("x", {}).GiveToManager(),
            "no service manager keeps descriptors for this process");
}

TEST_F(HandoverTest, SaysWhyAProgramCannotBeRunAndGoesOn) {
  const Handover handover = Packed("x", {});
  const int listener = Open();
  EXPECT_EQ(handover.Exec("/nonexistent", {"redlockd"}, listener, false),
            "cannot run /nonexistent: No such file or directory");
  EXPECT_NE(fcntl(listener, F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(std::getenv("REDLOCKD_HANDOVER"), nullptr);
  EXPECT_EQ(handover.Bytes(), "x");
}

}  // namespace
}  // namespace redlockd::host
