#include "daemon/session/shared_page.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <bitset>
#include <cerrno>
#include <cstring>
#include <new>

namespace redlockd::session {
namespace {

using redlock::base::Descriptor;
using redlock::protocol::Page;

// A file in memory of the size of a page, with all its memory. None, with errno, if that fails.
Descriptor MakeFile() {
  Descriptor file(memfd_create("redlockd-page", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (file && fallocate(file.get(), 0, 0, sizeof(Page)) < 0) file.Reset();
  return file;
}

// From now on it has its size, and whoever has a descriptor that reads cannot open one that writes.
bool Seal(const Descriptor& file) {
  return fchmod(file.get(), S_IRUSR) == 0 &&
         fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
}

void* Map(const Descriptor& file) {
  return mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file.get(),
              0);
}

}  // namespace

std::unique_ptr<SharedPage> SharedPage::Make(std::string* problem) {
  Descriptor file = MakeFile();
  void* const at = file ? Map(file) : MAP_FAILED;
  if (at == MAP_FAILED || !Seal(file)) {
    *problem = std::string("there is no page: ") + std::strerror(errno);
    if (at != MAP_FAILED) munmap(at, sizeof(Page));
    return nullptr;
  }
  Page* const page = new (at) Page;
  std::copy(Page::kMagic.begin(), Page::kMagic.end(), page->magic.begin());
  page->version = Page::kVersion;
  page->slots = Page::kSlots;
  std::unique_ptr<SharedPage> made(new SharedPage(page, std::move(file)));
  made->FindFree();
  return made;
}

std::unique_ptr<SharedPage> SharedPage::Restore(const record::Page& former, Descriptor file) {
  struct stat status {};
  if (!file || fstat(file.get(), &status) != 0 || status.st_size != sizeof(Page)) return nullptr;
  void* const at = Map(file);
  if (at == MAP_FAILED) return nullptr;
  std::unique_ptr<SharedPage> page(new SharedPage(static_cast<Page*>(at), std::move(file)));
  for (const record::PageHold& hold : former.holds) {
    redlock::protocol::PageSlot* const slot =
        hold.slot ? &page->page_->slot.at(static_cast<std::size_t>(*hold.slot)) : nullptr;
    page->holds_.emplace(Key(hold.holder, hold.lock), Hold{hold.fence, slot, hold.tells_renewals});
  }
  page->last_use_ = former.last_use;
  page->FindFree();
  return page;
}

record::Page SharedPage::Save() const {
  record::Page page{.holds = {}, .last_use = last_use_, .sent_with = {}};
  for (const auto& [key, hold] : holds_) {
    record::PageHold& saved = page.holds.emplace_back();
    saved.holder = key.first;
    saved.lock = key.second;
    saved.fence = hold.fence;
    if (hold.slot != nullptr) {
      saved.slot = static_cast<std::uint64_t>(hold.slot - page_->slot.data());
    }
    saved.tells_renewals = hold.tells_renewals;
  }
  return page;
}

SharedPage::SharedPage(Page* page, Descriptor file) : page_(page), file_(std::move(file)) {}

// The last one is taken first.
void SharedPage::FindFree() {
  std::bitset<Page::kSlots> used;
  for (const auto& [key, hold] : holds_) {
    if (hold.slot != nullptr) used.set(static_cast<std::size_t>(hold.slot - page_->slot.data()));
  }
  for (std::size_t i = Page::kSlots; i-- > 0;) {
    if (!used.test(i)) free_.push_back(&page_->slot.at(i));
  }
}

Descriptor SharedPage::OpenForClient() const {
  const std::string path = "/proc/self/fd/" + std::to_string(file_.get());
  return Descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC));
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
