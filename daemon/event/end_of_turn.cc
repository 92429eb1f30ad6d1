#include "daemon/event/end_of_turn.h"

#include <algorithm>
#include <utility>

#include "daemon/event/loop.h"

namespace redlockd::event {

EndOfTurn::EndOfTurn(Loop& loop, std::function<void()> task)
    : loop_(loop), task_(std::make_shared<std::function<void()>>(std::move(task))) {}

EndOfTurn::~EndOfTurn() { Cancel(); }

void EndOfTurn::Schedule() {
  if (scheduled_) return;
  scheduled_ = true;
  const bool is_now = loop_.at_end_of_turn_ && ran_in_ != loop_.turn_;
  (is_now ? loop_.running_ : loop_.scheduled_).push_back(this);
}

void EndOfTurn::Cancel() {
  if (!scheduled_) return;
  scheduled_ = false;
  // It waits in one of the two, for the end of the next turn or of this one.
  std::erase(loop_.scheduled_, this);
  std::replace(loop_.running_.begin(), loop_.running_.end(), this,
               static_cast<EndOfTurn*>(nullptr));
}

}  // namespace redlockd::event
