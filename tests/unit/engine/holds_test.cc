#include "daemon/engine/holds.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/unit/engine/shared_fixture.h"

namespace redlockd::engine {
namespace {

using namespace std::chrono_literals;

// Lock "x" is granted, with a block of fences; each hold gets the next.
class HoldsTest : public ClaimFixture {
 protected:
  HoldsTest() { Grant(NodeSet(0b111), 64); }

  Fence Begin(SessionId session, TaskId task = {}) {
    shared_.sessions.Open(session, 1000);
    const Fence fence = claim_.BeginHold(3s, false);
    holds_.Add(std::make_unique<Hold>(
        shared_, claim_, now_, Hold::Terms{.session = session, .fence = fence, .task = task}));
    return fence;
  }
  void End(SessionId session) { holds_.End(*holds_.Find(session)); }
  std::vector<SessionId> Sessions() const {
    std::vector<SessionId> sessions;
    holds_.ForEach([&](const Hold& hold) { sessions.push_back(hold.session()); });
    EXPECT_EQ(sessions.size(), holds_.size());
    EXPECT_EQ(sessions.empty(), holds_.empty());
    return sessions;
  }

  Holds holds_;
};

using Ids = std::vector<SessionId>;

TEST_F(HoldsTest, AreFoundBySessionAndByFenceUntilTheyEnd) {
  EXPECT_EQ(Sessions(), Ids());
  const Fence of_5 = Begin(5), of_9 = Begin(9), of_7 = Begin(7);
  EXPECT_EQ(Sessions(), (Ids{5, 7, 9}));
  EXPECT_EQ(holds_.Find(9)->fence(), of_9);
  EXPECT_EQ(holds_.WithFence(of_7)->session(), 7u);
  EXPECT_EQ(holds_.WithFence(of_5)->session(), 5u);
  EXPECT_EQ(holds_.Find(6), nullptr);
  EXPECT_EQ(holds_.WithFence(of_7 + 1), nullptr);
  End(9);
  EXPECT_EQ(Sessions(), (Ids{5, 7}));
  EXPECT_EQ(holds_.Find(9), nullptr);
  EXPECT_EQ(holds_.WithFence(of_9), nullptr);
}

TEST_F(HoldsTest, AnotherIsFirstOnceTheFirstHasEnded) {
  for (const SessionId session : {5, 9, 7}) Begin(session);
  EXPECT_EQ(holds_.First().session(), 5u);
  End(5);
  EXPECT_EQ(holds_.First().session(), 7u);
  EXPECT_EQ(Sessions(), (Ids{7, 9}));
  End(7);
  End(9);
  EXPECT_EQ(Sessions(), Ids());
  EXPECT_EQ(holds_.Find(9), nullptr);
  Begin(1);
  EXPECT_EQ(Sessions(), Ids{1});
}

TEST_F(HoldsTest, NameTheTasksThatTheyAreFor) {
  Begin(5);
  Begin(6, {6, 1});
  Begin(7);
  Begin(8, {8, 2});
  std::vector<SessionId> tasks;
  holds_.ForEachHolder([&](TaskId task) {
    tasks.push_back(task.session);
    return true;
  });
  EXPECT_EQ(tasks, (Ids{6, 8}));
  holds_.ForEachHolder([&](TaskId task) {
    tasks.push_back(task.session);
    return false;
  });
  EXPECT_EQ(tasks, (Ids{6, 8, 6})) << "until it is told to stop";
  EXPECT_EQ(holds_.name(), "x");
}

}  // namespace
}  // namespace redlockd::engine
