#pragma once

#include <chrono>

#include "daemon/event/end_of_turn.h"
#include "daemon/event/loop.h"

namespace redlockd::fuzz {

// Turns a loop without waiting, until nothing has happened in some turns.
class Turns {
 public:
  explicit Turns(event::Loop& loop) : loop_(loop), go_on_(loop, [this] { go_on_.Schedule(); }) {}

  // `progress` gives a number that changes when something has happened.
  void UntilQuiet(const auto& progress) {
    constexpr int kQuiet = 8;
    int quiet = 0;
    auto before = progress();
    go_on_.Schedule();  // so that no turn waits
    loop_.RunUntil(
        [&] {
          const auto now = progress();
          quiet = now == before ? quiet + 1 : 0;
          before = now;
          return quiet > kQuiet;
        },
        std::chrono::hours(1));
    go_on_.Cancel();
  }

 private:
  event::Loop& loop_;
  event::EndOfTurn go_on_;
};

}  // namespace redlockd::fuzz
