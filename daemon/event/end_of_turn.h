#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace redlockd::event {

class Loop;

// A task that runs once at the end of the turn in which it was scheduled, however often that was:
// what many callbacks of a turn have collected goes out in one write. Scheduled from within the end
// of a turn, it still runs there, after the others; but once: if it has run already, it runs at
// the end of the next one, which then does not wait.
class EndOfTurn {
 public:
  EndOfTurn(Loop& loop, std::function<void()> task);
  ~EndOfTurn();
  EndOfTurn(const EndOfTurn&) = delete;
  EndOfTurn& operator=(const EndOfTurn&) = delete;

  void Schedule();
  void Cancel();

 private:
  friend class Loop;
  Loop& loop_;
  std::shared_ptr<std::function<void()>> task_;
  bool scheduled_ = false;
  std::uint64_t ran_in_ = 0;  // the turn
};

}  // namespace redlockd::event
