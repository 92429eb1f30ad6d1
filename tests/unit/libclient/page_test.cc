// The page of a session, as the client reads it.
#include "libclient/session/page.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "libclient/session/core.h"

namespace redlock::client {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;

// A page as a daemon would make it, but for what a test changes.
class Made {
 public:
  explicit Made(std::size_t bytes = sizeof(protocol::Page))
      : file_(memfd_create("page", MFD_CLOEXEC | MFD_ALLOW_SEALING)) {
    EXPECT_EQ(ftruncate(file_.get(), static_cast<off_t>(bytes)), 0);
    void* const at =
        mmap(nullptr, sizeof(protocol::Page), PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), 0);
    page_ = static_cast<protocol::Page*>(at);
    if (bytes < sizeof(protocol::Page)) return;
    new (at) protocol::Page;
    std::copy(protocol::Page::kMagic.begin(), protocol::Page::kMagic.end(), page_->magic.begin());
    page_->version = protocol::Page::kVersion;
    page_->slots = protocol::Page::kSlots;
  }
  ~Made() { munmap(page_, sizeof(protocol::Page)); }
  Made(const Made&) = delete;
  Made& operator=(const Made&) = delete;

  void Seal() const { EXPECT_EQ(fcntl(file_.get(), F_ADD_SEALS, F_SEAL_SHRINK), 0); }
  protocol::Page& page() { return *page_; }
  std::shared_ptr<const Page> Map() const { return Page::Map(file_); }

 private:
  base::Descriptor file_;
  protocol::Page* page_;
};

TEST(PageOfAClient, IsMappedIfItIsOne) {
  Made made;
  made.Seal();
  const auto page = made.Map();
  ASSERT_NE(page, nullptr);
  EXPECT_TRUE(page->Has(251));
  EXPECT_FALSE(page->Has(252));
  made.page().slot[251].Begin(7, 100);
  EXPECT_EQ(page->DeadlineOf(251, 7), 100);
  EXPECT_EQ(page->DeadlineOf(251, 6), 0);
  made.page().slot[251].End();
  EXPECT_EQ(page->DeadlineOf(251, 7), 0);
}

TEST(PageOfAClient, IsRefusedIfItMayShrinkOrIsAnother) {
  EXPECT_EQ(Made().Map(), nullptr) << "it is not sealed";
  const Made small(sizeof(protocol::Page) - 1);
  small.Seal();
  EXPECT_EQ(small.Map(), nullptr);
  EXPECT_EQ(Page::Map(base::Descriptor(open("/dev/zero", O_RDONLY))), nullptr);
  EXPECT_EQ(Page::Map(base::Descriptor()), nullptr);
  for (const auto change : {+[](protocol::Page& page) { page.magic[0] = 'x'; },
                            +[](protocol::Page& page) { page.version = 2; },
                            +[](protocol::Page& page) { page.slots = 251; }}) {
    Made made;
    change(made.page());
    made.Seal();
    EXPECT_EQ(made.Map(), nullptr);
  }
}

// From now on the process dies of any system call but the end, and the clock where it is none of the
// vDSO.
bool ForbidSystemCalls() {
  std::array<sock_filter, 6> rules{{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                                    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 2, 0),
                                    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
                                    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
                                    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
                                    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)}};
  const sock_fprog program{rules.size(), rules.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST(PageOfAClient, IsReadWithoutASystemCall) {
  Made made;
  made.Seal();
  const pid_t child = fork();
  if (child == 0) {
    Hold hold({"a"}, {});
    hold.locks[0].place = {made.Map(), 3, 5};
    hold.locks[0].fence = 7;
    hold.is_good = true;
    made.page().slot[3].Begin(5, Now() + 3600 * kNsPerSecond);
    bool is_right = hold.IsValid() && ForbidSystemCalls();
    for (int i = 0; i < 1000; ++i) {
      is_right = is_right && hold.IsValid() && hold.Deadline() > Now();
    }
    made.page().slot[3].End();
    is_right = is_right && !hold.IsValid();
    syscall(SYS_exit_group, is_right ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

class PageOfACoreTest : public testing::Test {
 protected:
  // A hold of ten seconds with a margin of three, and its place.
  HoldPtr Take(const std::string& place, const std::string& caps = "owners,page") {
    made_.Seal();
    HoldOptions options;
    options.margin_ns = 3 * kNsPerSecond;
    auto hold = std::make_shared<Hold>(std::vector<std::string>{"a"}, options);
    core_->Lock(hold, -1, now_);
    core_->Run(now_);
    core_->Connected(now_);
    core_->TakeLine("* HELLO redlockd 1 caps=" + caps + " now=" + std::to_string(now_), now_);
    core_->Run(now_);
    sent_ = core_->TakeOutgoing();
    core_->TakePage(made_.Map());
    const std::string tag = sent_.starts_with("#1 page") ? "2" : "1";
    core_->TakeLine("#" + tag +
                        " OK lock=a fence=7 deadline=" + std::to_string(now_ + 10 * kNsPerSecond) +
                        " left=10s ttl=10s votes=1/1" + place,
                    now_);
    return hold;
  }
  void Say(std::int64_t deadline) { made_.page().slot[3].Begin(5, deadline); }

  Made made_;
  std::int64_t now_ = Now();
  std::optional<Core> core_{std::in_place, [] { return 0.0; }};
  std::string sent_;
};

TEST_F(PageOfACoreTest, SaysHowLongAHoldIsGood) {
  Say(now_ + 10 * kNsPerSecond);
  const HoldPtr hold = Take(" slot=3 use=5");
  EXPECT_EQ(sent_, "#1 page\n#2 lock a as=1\n");
  EXPECT_TRUE(hold->IsValid());
  Say(now_ + 3600 * kNsPerSecond);
  EXPECT_EQ(hold->Deadline(), now_ + 3600 * kNsPerSecond);
  EXPECT_TRUE(hold->IsValid());
  Say(now_ + 3 * kNsPerSecond);
  EXPECT_FALSE(hold->IsValid()) << "no more than the margin is left";
  Say(now_ + 10 * kNsPerSecond);
  made_.page().slot[3].End();
  EXPECT_FALSE(hold->IsValid());
  EXPECT_EQ(hold->Deadline(), now_ + 10 * kNsPerSecond) << "the last that is known";
}

// Two have a place, and the third is known by what was read.
TEST_F(PageOfACoreTest, SaysHowLongEachOfSeveralIsGood) {
  made_.Seal();
  const std::int64_t end = now_ + 10 * kNsPerSecond;
  HoldOptions options;
  options.margin_ns = kNsPerSecond;
  const auto hold = std::make_shared<Hold>(std::vector<std::string>{"a", "b", "c"}, options);
  core_->Lock(hold, -1, now_);
  core_->Run(now_);
  core_->Connected(now_);
  core_->TakeLine("* HELLO redlockd 1 caps=owners,page,set", now_);
  core_->Run(now_);
  core_->TakePage(made_.Map());
  const std::string times = " deadline=" + std::to_string(end) + " left=10s ttl=10s votes=1/1";
  core_->TakeLine("#2 - lock=a fence=7" + times + " slot=3 use=5", now_);
  core_->TakeLine("#2 - lock=b fence=8" + times + " slot=4 use=6", now_);
  core_->TakeLine("#2 - lock=c fence=9" + times, now_);
  made_.page().slot[3].Begin(5, end);
  made_.page().slot[4].Begin(6, end);
  core_->TakeLine("#2 OK names=3" + times, now_);
  EXPECT_TRUE(hold->IsValid());
  made_.page().slot[3].Begin(5, end + kNsPerSecond);
  EXPECT_EQ(hold->Deadline(), end) << "the earliest";
  made_.page().slot[4].Begin(6, now_ + kNsPerSecond);
  EXPECT_EQ(hold->Deadline(), now_ + kNsPerSecond);
  EXPECT_FALSE(hold->IsValid()) << "no more than the margin is left of one";
  made_.page().slot[4].Begin(6, end);
  EXPECT_TRUE(hold->IsValid());
  made_.page().slot[4].End();
  EXPECT_FALSE(hold->IsValid()) << "one is over";
}

TEST_F(PageOfACoreTest, IsNotAskedForAHoldThatIsNotInIt) {
  for (const char* const place : {"", " slot=252 use=5", " slot=3"}) {
    core_.emplace([] { return 0.0; });
    const HoldPtr hold = Take(place);
    EXPECT_EQ(hold->locks[0].place.page, nullptr) << place;
    EXPECT_TRUE(hold->IsValid()) << place;
  }
}

TEST_F(PageOfACoreTest, IsNotAskedOfADaemonThatHasNone) {
  const HoldPtr hold = Take("", "owners");
  EXPECT_EQ(sent_, "#1 lock a as=1\n");
  EXPECT_TRUE(hold->IsValid());
}

}  // namespace
}  // namespace redlock::client
