// The page that the daemon shares with a session: until when each hold is good, without asking, reading
// the socket, or a system call ("The page" in PROTOCOL.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/descriptor.h"
#include "protocol/page.h"

namespace redlock::client {

class Page {
 public:
  // Null if that is no page as this version knows it, or if there is no memory.
  static std::shared_ptr<const Page> Map(const base::Descriptor& file);
  ~Page();
  Page(const Page&) = delete;
  Page& operator=(const Page&) = delete;

  bool Has(std::size_t slot) const { return slot < protocol::Page::kSlots; }
  // In ns of the daemon's clock; 0 once the hold is over. Any thread may ask.
  std::int64_t DeadlineOf(std::size_t slot, std::uint64_t use) const {
    return page_->slot[slot].DeadlineOf(use);
  }

 private:
  explicit Page(const protocol::Page* page) : page_(page) {}

  const protocol::Page* const page_;
};

// A hold on a page.
struct PagePlace {
  std::shared_ptr<const Page> page{};
  std::size_t slot = 0;
  std::uint64_t use = 0;
};

}  // namespace redlock::client
