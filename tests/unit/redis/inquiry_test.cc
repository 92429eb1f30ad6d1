// Whom a node asks who holds a lock (rule E11), in the script on a real node.
#include "tests/unit/redis/queue_fixture.h"

namespace redlockd::redis {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class InquiryTest : public QueueTest {
 protected:
  NodeAnswer Ask(const std::string& asker) { return Do(engine::InspectOp{"job", asker, 9}); }
};

TEST_F(InquiryTest, TheHoldersDaemonIsAsked) {
  Acquire(kA, 2s);
  const auto answer = Ask("them");
  EXPECT_EQ(answer.text, kA);
  EXPECT_EQ(answer.greatest, 1) << "one connection hears it";
  EXPECT_THAT(Hints(), ElementsAre(Hint{kInstance, "who 9 5 them app:job"}));
}

TEST_F(InquiryTest, NobodyIsAskedOfWhatIsFreeOrItsOwnOrNoLease) {
  EXPECT_EQ(Ask("them").greatest, 0);
  Acquire(kA, 2s);
  EXPECT_EQ(Ask(kInstance).greatest, 0);
  for (const char* value : {"redlockd:kept:x:1:h", "x", "x:y:h", "", ":1:h"}) {
    Redis({"SET", "app:job", value});
    EXPECT_EQ(Ask("them").greatest, 0) << value;
  }
  Redis({"DEL", "app:job"});
  Redis({"LPUSH", "app:job", "x:1:h"});
  EXPECT_EQ(Ask("them").text, "(a list)");
  EXPECT_THAT(Hints(), IsEmpty());
}

TEST_F(InquiryTest, ItSaysIfNobodyHearsTheQuestion) {
  Redis({"SET", "app:job", "gone:7:h"});
  EXPECT_EQ(Ask("them").greatest, 0);
}

}  // namespace
}  // namespace redlockd::redis
