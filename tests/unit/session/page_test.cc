#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

#include "daemon/session/shared_page.h"
#include "tests/unit/session/session_fixture.h"

namespace redlockd::session {
namespace {

using engine::Failed;
using engine::Failure;
using engine::Granted;
using engine::LockRequested;
using engine::Notice;
using engine::Released;
using engine::Time;
using engine::UnlockRequested;
using redlock::base::Descriptor;
using redlock::protocol::Page;
using testing::HasSubstr;
using testing::StartsWith;

// A page as a client sees it.
class Mapped {
 public:
  explicit Mapped(int fd)
      : at_(mmap(nullptr, sizeof(Page), PROT_READ, MAP_SHARED, fd, 0)),
        page_(static_cast<const Page*>(at_)) {}
  ~Mapped() { munmap(at_, sizeof(Page)); }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;

  bool is_mapped() const { return at_ != MAP_FAILED; }
  const Page& page() const { return *page_; }
  Time DeadlineOf(std::size_t slot, std::uint64_t use) const {
    return Time(std::chrono::nanoseconds(page_->slot.at(slot).DeadlineOf(use)));
  }

 private:
  void* const at_;
  const Page* const page_;
};

constexpr Time kOver{};

// --- the writer ----------------------------------------------------------------------------------

class SharedPageTest : public testing::Test {
 protected:
  SharedPage::Place Begin(const std::string& name, engine::Fence fence = 7) {
    const auto place = page_->Begin({1, name}, fence, deadline_, false);
    EXPECT_TRUE(place);
    return place.value_or(SharedPage::Place{});
  }
  Time DeadlineOf(const SharedPage::Place& place) const {
    return mapped_.DeadlineOf(place.slot, place.use);
  }

  const Time deadline_{1010s};
  std::string problem_;
  std::unique_ptr<SharedPage> page_ = SharedPage::Make(&problem_);
  const Descriptor fd_ = page_->OpenForClient();
  const Mapped mapped_{fd_.get()};
};

TEST_F(SharedPageTest, SaysWhatItIs) {
  ASSERT_TRUE(mapped_.is_mapped());
  EXPECT_EQ(std::string(mapped_.page().magic.begin(), mapped_.page().magic.end()), "redlockd");
  EXPECT_EQ(mapped_.page().version, 1u);
  EXPECT_EQ(mapped_.page().slots, Page::kSlots);
}

TEST_F(SharedPageTest, FollowsAHoldToItsEnd) {
  const SharedPage::Place place = Begin("a");
  EXPECT_EQ(DeadlineOf(place), deadline_);
  page_->Move({1, "a"}, 7, deadline_ + 5s);
  EXPECT_EQ(DeadlineOf(place), deadline_ + 5s);
  page_->Move({1, "a"}, 6, deadline_ + 9s);
  page_->Move({2, "a"}, 7, deadline_ + 9s);
  page_->Move({1, "b"}, 7, deadline_ + 9s);
  EXPECT_EQ(DeadlineOf(place), deadline_ + 5s) << "that was another hold";
  page_->End({1, "a"}, 6);
  EXPECT_EQ(DeadlineOf(place), deadline_ + 5s) << "that was another hold";
  page_->End({1, "a"}, 7);
  EXPECT_EQ(DeadlineOf(place), kOver);
}

TEST_F(SharedPageTest, ASlotThatIsUsedAgainIsNotTakenForTheOldHold) {
  const SharedPage::Place first = Begin("a");
  page_->End({1, "a"}, 7);
  const SharedPage::Place second = Begin("b");
  EXPECT_EQ(second.slot, first.slot);
  EXPECT_NE(second.use, first.use);
  EXPECT_EQ(DeadlineOf(first), kOver);
  EXPECT_EQ(DeadlineOf(second), deadline_);
}

// The answer to an `unlock sync` may come after the next hold has begun.
TEST_F(SharedPageTest, ALateEndIsThatOfTheOldHold) {
  const SharedPage::Place first = Begin("a", 7);
  const SharedPage::Place second = Begin("a", 8);
  EXPECT_EQ(DeadlineOf(first), kOver);
  page_->End({1, "a"}, 7);
  EXPECT_EQ(DeadlineOf(second), deadline_);
}

TEST_F(SharedPageTest, HasAPlaceForSoManyHolds) {
  for (std::size_t i = 0; i < Page::kSlots; ++i) {
    EXPECT_EQ(Begin(std::to_string(i)).slot, i);
  }
  EXPECT_FALSE(page_->Begin({1, "more"}, 7, deadline_, false));
  EXPECT_FALSE(page_->TellsRenewals({1, "more"}));
  page_->Move({1, "more"}, 7, deadline_);
  page_->End({1, "more"}, 7);
  EXPECT_TRUE(page_->TellsRenewals({1, "more"}));
  page_->End({1, "9"}, 7);
  EXPECT_EQ(Begin("more").slot, 9u);
}

TEST_F(SharedPageTest, StaysAsItIsWithoutTheDaemon) {
  const SharedPage::Place place = Begin("a");
  page_.reset();
  EXPECT_EQ(DeadlineOf(place), deadline_);
}

TEST_F(SharedPageTest, AllEndAtOnce) {
  const SharedPage::Place a = Begin("a");
  const SharedPage::Place b = Begin("b");
  page_->EndAll();
  EXPECT_EQ(DeadlineOf(a), kOver);
  EXPECT_EQ(DeadlineOf(b), kOver);
}

// Else a client could change what it is told, or have the daemon killed by SIGBUS.
TEST_F(SharedPageTest, AClientCanOnlyReadIt) {
  const SharedPage::Place place = Begin("a");
  const int fd = fd_.get();
  const std::array<char, sizeof(Page)> nothing{};
  EXPECT_EQ(write(fd, nothing.data(), nothing.size()), -1);
  EXPECT_EQ(pwrite(fd, nothing.data(), nothing.size(), 0), -1);
  EXPECT_EQ(ftruncate(fd, 0), -1);
  EXPECT_EQ(ftruncate(fd, 2 * sizeof(Page)), -1);
  EXPECT_EQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, sizeof(Page)), -1);
  EXPECT_EQ(mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
  EXPECT_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
  void* const at = mmap(nullptr, sizeof(Page), PROT_READ, MAP_SHARED, fd, 0);
  ASSERT_NE(at, MAP_FAILED);
  EXPECT_EQ(mprotect(at, sizeof(Page), PROT_READ | PROT_WRITE), -1);
  EXPECT_EQ(madvise(at, sizeof(Page), MADV_REMOVE), -1);
  munmap(at, sizeof(Page));
  // A client looks at this before it maps the file: root could shrink it otherwise.
  EXPECT_EQ(fcntl(fd, F_GET_SEALS) & (F_SEAL_SHRINK | F_SEAL_GROW), F_SEAL_SHRINK | F_SEAL_GROW);
  // Nor can another user open it again, to write. Root can do anything.
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  const auto us = static_cast<uid_t>(setfsuid(65534));
  EXPECT_EQ(open(path.c_str(), O_RDWR | O_CLOEXEC), -1);
  EXPECT_EQ(errno, EACCES);
  if (us == 0) {
    EXPECT_EQ(fchmod(fd, S_IRUSR | S_IWUSR), -1);
  }
  setfsuid(us);
  EXPECT_EQ(DeadlineOf(place), deadline_);
}

// --- the next process ------------------------------------------------------------------------------

TEST_F(SharedPageTest, GoesOnInTheNextProcess) {
  const SharedPage::Place a = Begin("a");
  const SharedPage::Place b = Begin("b");
  page_->End({1, "a"}, 7);
  const record::Page saved = page_->Save();
  Descriptor file(dup(page_->file()));
  page_.reset();
  page_ = SharedPage::Restore(saved, std::move(file));
  ASSERT_TRUE(page_);
  EXPECT_EQ(page_->Save(), saved);
  EXPECT_EQ(DeadlineOf(b), deadline_);
  page_->Move({1, "b"}, 7, deadline_ + 5s);
  EXPECT_EQ(DeadlineOf(b), deadline_ + 5s);
  const SharedPage::Place c = Begin("c");
  EXPECT_EQ(c.slot, a.slot);
  EXPECT_GT(c.use, b.use) << "else the one before it is taken for it";
  EXPECT_EQ(DeadlineOf(a), kOver);
  page_->End({1, "b"}, 7);
  EXPECT_EQ(DeadlineOf(b), kOver);
  EXPECT_NE(Begin("d").slot, c.slot);
}

TEST_F(SharedPageTest, IsNotThereWithoutItsFile) {
  const record::Page saved = page_->Save();
  EXPECT_FALSE(SharedPage::Restore(saved, Descriptor()));
  EXPECT_FALSE(SharedPage::Restore(saved, Descriptor(memfd_create("other", MFD_CLOEXEC))));
  EXPECT_FALSE(SharedPage::Restore(saved, page_->OpenForClient())) << "nobody could write";
}

// --- the verb ------------------------------------------------------------------------------------

class PageTest : public SessionTest {
 protected:
  PageTest() { Start(); }

  // What comes next, with a descriptor if one came with it.
  std::pair<std::string, Descriptor> Receive(Client& client) {
    std::array<char, 4096> bytes{};
    std::pair<std::string, Descriptor> received;
    Until([&] {
      iovec to{bytes.data(), bytes.size()};
      alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
      msghdr message{};
      message.msg_iov = &to;
      message.msg_iovlen = 1;
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      const ssize_t size = recvmsg(client.fd(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
      if (size <= 0) return false;
      received.first.assign(bytes.data(), static_cast<std::size_t>(size));
      if (const cmsghdr* header = CMSG_FIRSTHDR(&message)) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
        received.second = Descriptor(fd);
      }
      return true;
    });
    return received;
  }
  // Asks for the page.
  Mapped MapPage(Client& client) {
    client.Send("page\n");
    const auto [answer, fd] = Receive(client);
    return Mapped(fd.get());
  }
  LockRequested Take(Client& client, const std::string& line) {
    client.Send(line + "\n");
    const auto lock = Nth<LockRequested>(taken_++);
    engine.uses[lock.session].locks = true;
    Grant(lock);
    return lock;
  }

  std::size_t taken_ = 0;
};

TEST_F(PageTest, ComesWithTheAnswerAndOnce) {
  const auto client = Connect();
  client->Send("#p ping\n#a page\n#q ping\n#b page\n");
  const auto [answer, page] = Receive(*client);
  const std::string pong = kPong;
  EXPECT_EQ(answer, "#p " + pong + "\n#a OK slots=252 bytes=4096\n#q " + pong +
                        "\n#b ERR bad-request :this session has its page already\n");
  ASSERT_TRUE(page);
  EXPECT_TRUE(Mapped(page.get()).is_mapped());
}

TEST_F(PageTest, FollowsTheHoldsThatBeginAfterIt) {
  const auto client = Connect();
  const auto before = Take(*client, "lock before");
  EXPECT_FALSE(before.renewed_events);
  EXPECT_THAT(client->Line(), StartsWith("OK lock=before "));
  const Mapped mapped = MapPage(*client);
  ASSERT_TRUE(mapped.is_mapped());
  const auto a = Take(*client, "lock a");
  EXPECT_TRUE(a.renewed_events) << "the page must hear of them";
  EXPECT_THAT(client->Line(), HasSubstr(" slot=0 use=1"));
  EXPECT_EQ(mapped.DeadlineOf(0, 1), Time(1010s));
  const auto b = Take(*client, "lock b events=renew as=one");
  EXPECT_THAT(client->Line(), HasSubstr(" slot=1 use=2"));

  Notify(a.session, Notice::Kind::kRenewed, "a", 7, Time(1011s));
  Notify(b.session, Notice::Kind::kRenewed, "b", 7, Time(1012s));
  Notify(before.session, Notice::Kind::kRenewed, "before", 7, Time(1013s));
  EXPECT_EQ(client->Line(), "* RENEWED lock=before fence=7 deadline=1013000000000 left=13s");
  EXPECT_EQ(client->Line(), "* RENEWED lock=b as=one fence=7 deadline=1012000000000 left=12s")
      << "the events of a were not asked for";
  EXPECT_EQ(mapped.DeadlineOf(0, 1), Time(1011s));
  EXPECT_EQ(mapped.DeadlineOf(1, 2), Time(1012s));

  Notify(a.session, Notice::Kind::kJeopardy, "a", 7, Time(1009s));
  EXPECT_THAT(client->Line(), StartsWith("* JEOPARDY lock=a "));
  EXPECT_EQ(mapped.DeadlineOf(0, 1), Time(1009s));
  Notify(a.session, Notice::Kind::kSafe, "a", 7, Time(1014s));
  EXPECT_THAT(client->Line(), StartsWith("* SAFE lock=a "));
  EXPECT_EQ(mapped.DeadlineOf(0, 1), Time(1014s));
  Notify(a.session, Notice::Kind::kLost, "a");
  EXPECT_THAT(client->Line(), StartsWith("* LOST lock=a "));
  EXPECT_EQ(mapped.DeadlineOf(0, 1), kOver);
}

// Rules H: of those that it has, those that were asked for before, and those that come.
TEST_F(PageTest, GoesOnInTheNextProcess) {
  const auto client = Connect();
  const Mapped mapped = MapPage(*client);
  ASSERT_TRUE(mapped.is_mapped());
  const auto a = Take(*client, "lock a");
  EXPECT_THAT(client->Line(), HasSubstr(" slot=0 use=1"));
  client->Send("lock b\n");
  const auto b = Nth<LockRequested>(taken_++);
  Restart();
  Notify(a.session, Notice::Kind::kRenewed, "a", 7, Time(1011s));
  EXPECT_EQ(mapped.DeadlineOf(0, 1), Time(1011s));
  Grant(b);
  EXPECT_THAT(client->Line(), HasSubstr(" slot=1 use=2"));
  EXPECT_EQ(mapped.DeadlineOf(1, 2), Time(1010s));
  const auto c = Take(*client, "lock c");
  EXPECT_TRUE(c.renewed_events);
  EXPECT_THAT(client->Line(), HasSubstr(" slot=2 use=3"));
  Notify(a.session, Notice::Kind::kLost, "a");
  EXPECT_THAT(client->Line(), StartsWith("* LOST lock=a "));
  EXPECT_EQ(mapped.DeadlineOf(0, 1), kOver);
  client->Send("page\n");
  EXPECT_EQ(client->Line(), "ERR bad-request :this session has its page already");
}

// Where what was written before it is more than the client's socket takes.
TEST_F(PageTest, ComesFromTheNextProcessWhereItWasNotSentYet) {
  options.max_unread_output = 1 << 20;
  sessions->Change(options);
  const auto client = Connect();
  const auto unsent = [&] { return sessions->Save().clients.at(0).output.size(); };
  while (unsent() == 0) {
    for (int i = 0; i < 64; ++i) client->Send("ping\n");
    Turn(1);
  }
  client->Send("page\n");
  const auto is_owed = [&] {
    const State state = sessions->Save();
    const auto& page = state.clients.at(0).page;
    return page && page->sent_with;
  };
  Until(is_owed);
  Restart();
  std::pair<std::string, Descriptor> received;
  while (!received.second) received = Receive(*client);
  EXPECT_THAT(received.first, testing::EndsWith("OK slots=252 bytes=4096\n"));
  const Mapped mapped(received.second.get());
  ASSERT_TRUE(mapped.is_mapped());
  Take(*client, "lock a");
  EXPECT_THAT(client->Line(), HasSubstr(" slot=0 use=1"));
  EXPECT_EQ(mapped.DeadlineOf(0, 1), Time(1010s));
}

class FullPageTest : public PageTest {
 protected:
  FullPageTest() {
    rlimit limit{};
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    options.max_sessions = limit.rlim_cur / 2;
    sessions->Change(options);
  }
};

TEST_F(FullPageTest, TakesNoDescriptorThatASessionMayNeed) {
  const auto client = Connect();
  client->Send("page\n");
  EXPECT_EQ(client->Line(), "ERR limit :the daemon has no file descriptor to spare for a page");
}

TEST_F(PageTest, EachOfSeveralNamesHasAPlace) {
  const auto client = Connect();
  const Mapped mapped = MapPage(*client);
  ASSERT_TRUE(mapped.is_mapped());
  const auto take = [&](const std::string& line, std::size_t nth) {
    client->Send(line + "\n");
    const auto lock = Nth<LockRequested>(nth);
    Granted granted{"a", 7, Time(1010s), 10s, 3, 3};
    granted.also = {{.name = "b", .fence = 9, .deadline = Time(1008s), .ttl = 9s, .votes = 2}};
    Answer(lock.session, lock.request, granted);
  };
  take("lock a b", 0);
  EXPECT_THAT(
      client->Line(),
      HasSubstr("lock=a fence=7 deadline=1010000000000 left=10s ttl=10s votes=3/3 slot=0 use=1"));
  EXPECT_THAT(
      client->Line(),
      HasSubstr("lock=b fence=9 deadline=1008000000000 left=8s ttl=9s votes=2/3 slot=1 use=2"));
  EXPECT_EQ(client->Line(), "OK names=2 deadline=1008000000000 left=8s");
  EXPECT_EQ(mapped.DeadlineOf(1, 2), Time(1008s));
  client->Send("unlock a b\n");
  const auto unlock = Nth<UnlockRequested>(0);
  Released released{.name = "a", .fence = 7};
  released.also = {{.name = "b", .fence = 9}};
  Answer(unlock.session, unlock.request, released);
  for (int line = 0; line < 3; ++line) client->Line();
  EXPECT_EQ(mapped.DeadlineOf(0, 1), kOver);
  EXPECT_EQ(mapped.DeadlineOf(1, 2), kOver);

  take("lock a b", 1);
  for (int line = 0; line < 3; ++line) client->Line();
  EXPECT_EQ(mapped.DeadlineOf(0, 4), Time(1008s));
  client->Send("unlock a b sync\n");
  const auto sync = Nth<UnlockRequested>(1);
  Failed failed{.failure = Failure::kNoQuorum, .name = "a", .fence = 7};
  failed.also = {{.name = "b", .fence = 9}};
  Answer(sync.session, sync.request, failed);
  EXPECT_THAT(client->Line(), StartsWith("ERR no-quorum lock=a "));
  EXPECT_EQ(mapped.DeadlineOf(1, 3), kOver);
  EXPECT_EQ(mapped.DeadlineOf(0, 4), kOver);
}

TEST_F(PageTest, AHoldIsOverWithItsUnlock) {
  const auto client = Connect();
  const Mapped mapped = MapPage(*client);
  ASSERT_TRUE(mapped.is_mapped());
  Take(*client, "lock a");
  client->Line();
  client->Send("unlock a\n");
  const auto unlock = Nth<UnlockRequested>(0);
  Answer(unlock.session, unlock.request, Released{.name = "a", .fence = 7});
  EXPECT_EQ(client->Line(), "OK lock=a fence=7");
  EXPECT_EQ(mapped.DeadlineOf(0, 1), kOver);

  Take(*client, "lock b");
  EXPECT_THAT(client->Line(), HasSubstr(" slot=0 use=2"));
  client->Send("unlock b sync\n");
  const auto sync = Nth<UnlockRequested>(1);
  Answer(sync.session, sync.request,
         Failed{.failure = Failure::kNoQuorum, .name = "b", .fence = 7});
  EXPECT_THAT(client->Line(), StartsWith("ERR no-quorum lock=b "));
  EXPECT_EQ(mapped.DeadlineOf(0, 2), kOver);

  Take(*client, "lock c");
  EXPECT_THAT(client->Line(), HasSubstr(" slot=0 use=3"));
  client->Send("quit\n");
  EXPECT_EQ(client->Line(), "OK");
  EXPECT_EQ(mapped.DeadlineOf(0, 3), kOver);
}

TEST_F(PageTest, ASessionThatIsDroppedKeepsItsDeadlines) {
  options.max_unread_output = 1000;
  sessions->Change(options);
  const auto client = Connect();
  const Mapped mapped = MapPage(*client);
  ASSERT_TRUE(mapped.is_mapped());
  Take(*client, "lock a");
  client->Line();
  for (int i = 0; i < 10000; ++i) {
    client->SendSome("help\n");
    Turn(1);
    if (!engine.All<engine::SessionDropped>().empty()) break;
  }
  EXPECT_THAT(engine.All<engine::SessionDropped>(), testing::SizeIs(1));
  Turn();
  EXPECT_EQ(mapped.DeadlineOf(0, 1), Time(1010s));
}

}  // namespace
}  // namespace redlockd::session
