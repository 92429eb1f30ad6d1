// The page that a daemon shares with a session: until when each of its holds is good ("The page" in
// PROTOCOL.md has the layout). The daemon writes, the client reads, and neither waits for the other.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace redlock::protocol {

// A place for one hold at a time.
class PageSlot {
 public:
  // The writer's. `use` was never that of another hold of the page.
  void Begin(std::uint64_t use, std::int64_t deadline) {
    use_.store(use, std::memory_order_relaxed);
    deadline_.store(deadline, std::memory_order_release);
  }
  void Move(std::int64_t deadline) { deadline_.store(deadline, std::memory_order_release); }
  void End() { Move(0); }

  // The reader's: the deadline of the hold that has the slot by that `use`; 0 once it is over. The
  // deadline is read first: one of a later hold comes with a `use` that is not this one.
  std::int64_t DeadlineOf(std::uint64_t use) const {
    const std::int64_t deadline = deadline_.load(std::memory_order_acquire);
    return use_.load(std::memory_order_relaxed) == use ? deadline : 0;
  }

 private:
  std::atomic<std::uint64_t> use_{0};
  std::atomic<std::int64_t> deadline_{0};  // ns of the daemon's CLOCK_BOOTTIME
};

struct Page {
  static constexpr std::string_view kMagic = "redlockd";
  static constexpr std::uint32_t kVersion = 1;
  static constexpr std::size_t kSlots = 252;

  std::array<char, 8> magic{};
  std::uint32_t version = 0;
  std::uint32_t slots = 0;
  std::array<char, 48> unused{};
  std::array<PageSlot, kSlots> slot{};
};

// Both processes see the same layout, and no lock.
static_assert(sizeof(Page) == 4096 && sizeof(PageSlot) == 16);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free &&
              std::atomic<std::int64_t>::is_always_lock_free);

}  // namespace redlock::protocol
