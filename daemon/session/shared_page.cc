#include "daemon/session/shared_page.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

namespace redlockd::session {
namespace {

using redlock::base::Descriptor;
using redlock::protocol::Page;

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010  // Linux 5.1
#endif

// A file in memory of the size of a page, with all its memory. None, with errno, if that fails.
Descriptor MakeFile() {
  Descriptor file(memfd_create("redlockd-page", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (file && fallocate(file.get(), 0, 0, sizeof(Page)) < 0) file.Reset();
  return file;
}

// From now on nobody writes to it but by the mappings that there are.
bool Seal(const Descriptor& file) {
  return fcntl(file.get(), F_ADD_SEALS,
               F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) == 0;
}

}  // namespace

std::unique_ptr<SharedPage> SharedPage::Make(std::string* problem) {
  Descriptor file = MakeFile();
  void* const at = file ? mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_POPULATE, file.get(), 0)
                        : MAP_FAILED;
  if (at == MAP_FAILED || !Seal(file)) {
    *problem = std::string("there is no page: ") + std::strerror(errno);
    if (at != MAP_FAILED) munmap(at, sizeof(Page));
    return nullptr;
  }
  return std::unique_ptr<SharedPage>(new SharedPage(new (at) Page, std::move(file)));
}

SharedPage::SharedPage(Page* page, Descriptor descriptor)
    : page_(page), descriptor_(std::move(descriptor)) {
  std::copy(Page::kMagic.begin(), Page::kMagic.end(), page_->magic.begin());
  page_->version = Page::kVersion;
  page_->slots = Page::kSlots;
  for (auto slot = page_->slot.rbegin(); slot != page_->slot.rend(); ++slot) {
    free_.push_back(&*slot);
  }
}

SharedPage::~SharedPage() { munmap(page_, sizeof(Page)); }

std::optional<SharedPage::Place> SharedPage::Begin(const Key& key, engine::Fence fence,
                                                   engine::Time deadline, bool tells_renewals) {
  // The one before may still wait for the answer to its `unlock sync`.
  if (const auto before = holds_.find(key); before != holds_.end()) End(key, before->second.fence);
  redlock::protocol::PageSlot* slot = nullptr;
  if (!free_.empty()) {
    slot = free_.back();
    free_.pop_back();
    slot->Begin(++last_use_, deadline.time_since_epoch().count());
  }
  holds_.emplace(key, Hold{fence, slot, tells_renewals});
  if (slot == nullptr) return std::nullopt;
  return Place{static_cast<std::size_t>(slot - page_->slot.data()), last_use_};
}

SharedPage::Hold* SharedPage::Find(const Key& key, engine::Fence fence) {
  const auto hold = holds_.find(key);
  return hold == holds_.end() || hold->second.fence != fence ? nullptr : &hold->second;
}

void SharedPage::Move(const Key& key, engine::Fence fence, engine::Time deadline) {
  const Hold* const hold = Find(key, fence);
  if (hold == nullptr || hold->slot == nullptr) return;
  hold->slot->Move(deadline.time_since_epoch().count());
}

void SharedPage::End(const Key& key, engine::Fence fence) {
  const Hold* const hold = Find(key, fence);
  if (hold == nullptr) return;
  if (hold->slot != nullptr) {
    hold->slot->End();
    free_.push_back(hold->slot);
  }
  holds_.erase(key);
}

void SharedPage::EndAll() {
  for (const auto& [key, hold] : holds_) {
    if (hold.slot != nullptr) hold.slot->End();
  }
  holds_.clear();
}

bool SharedPage::TellsRenewals(const Key& key) const {
  const auto hold = holds_.find(key);
  return hold == holds_.end() || hold->second.tells_renewals;
}

}  // namespace redlockd::session
