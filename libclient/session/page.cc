#include "libclient/session/page.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>

namespace redlock::client {
namespace {

// So that a read can never end this process by SIGBUS, whatever the other side does.
bool IsWholeForGood(const base::Descriptor& file) {
  struct stat status {};
  const int seals = fcntl(file.get(), F_GET_SEALS);
  return seals >= 0 && (seals & F_SEAL_SHRINK) != 0 && fstat(file.get(), &status) == 0 &&
         status.st_size >= static_cast<off_t>(sizeof(protocol::Page));
}

}  // namespace

std::shared_ptr<const Page> Page::Map(const base::Descriptor& file) {
  if (!IsWholeForGood(file)) return nullptr;
  void* const at = mmap(nullptr, sizeof(protocol::Page), PROT_READ, MAP_SHARED, file.get(), 0);
  if (at == MAP_FAILED) return nullptr;
  std::shared_ptr<const Page> page(new Page(static_cast<const protocol::Page*>(at)));
  const protocol::Page& found = *page->page_;
  const bool is_known = found.version == protocol::Page::kVersion &&
                        found.slots >= protocol::Page::kSlots &&
                        std::equal(found.magic.begin(), found.magic.end(),
                                   protocol::Page::kMagic.begin(), protocol::Page::kMagic.end());
  return is_known ? page : nullptr;
}

Page::~Page() { munmap(const_cast<protocol::Page*>(page_), sizeof(protocol::Page)); }

}  // namespace redlock::client
