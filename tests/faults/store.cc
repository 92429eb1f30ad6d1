#include "tests/faults/store.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <stdexcept>

#include "tests/support/fd.h"

namespace redlockd::test::faults {

Store::Store(const std::string& path) {
  const Fd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  // A file of zeros is a store in which nothing was written.
  if (!file || ftruncate(file.get(), sizeof(Page)) != 0) {
    throw std::runtime_error("cannot make " + path);
  }
  void* page = mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (page == MAP_FAILED) throw std::runtime_error("cannot map " + path);
  page_ = static_cast<Page*>(page);
}

Store::~Store() { munmap(page_, sizeof(Page)); }

bool Store::Put(std::size_t slot, std::uint64_t fence, std::uint64_t* greatest) {
  std::atomic<std::uint64_t>& seen = page_->slots[slot].greatest;
  *greatest = seen;
  while (fence > *greatest) {
    if (seen.compare_exchange_weak(*greatest, fence)) *greatest = fence;
  }
  return fence == *greatest;
}

}  // namespace redlockd::test::faults
