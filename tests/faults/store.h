// What the locks of a run protect: for each of them a store that looks at the fence, and one that
// does not. It is memory shared by all clients of a run, so that a client that is stopped or killed
// in the middle of a write holds up nobody.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace redlockd::test::faults {

class Store {
 public:
  static constexpr std::size_t kSlots = 8;  // one a contended lock

  // Makes the file, or opens it.
  explicit Store(const std::string& path);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store();

  // The fenced store. Takes a write unless it has seen a greater fence, in one atomic step;
  // *greatest becomes the greatest that it has seen, this one included.
  bool Put(std::size_t slot, std::uint64_t fence, std::uint64_t* greatest);

  // The unfenced store: a cell that a client reads and writes back in two steps, as one would a
  // counter. Each client writes values that nobody else writes: two that have read the same value
  // are a lost update, and it can be seen whose.
  std::uint64_t Read(std::size_t slot) const { return page_->slots[slot].cell; }
  void Write(std::size_t slot, std::uint64_t value) { page_->slots[slot].cell = value; }

  // How many locks were granted so far, all clients together; for progress.
  void CountGrant() { ++page_->grants; }
  std::uint64_t grants() const { return page_->grants; }

 private:
  struct Slot {
    std::atomic<std::uint64_t> greatest;
    std::atomic<std::uint64_t> cell;
  };
  struct Page {
    Slot slots[kSlots];
    std::atomic<std::uint64_t> grants;
  };
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

  Page* page_;
};

}  // namespace redlockd::test::faults
