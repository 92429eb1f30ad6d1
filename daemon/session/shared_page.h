#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "daemon/engine/types.h"
#include "protocol/page.h"

namespace redlockd::session {

// The writer of the page that one session has asked for ("The page" in PROTOCOL.md): until when each of
// its holds is good. Knows no more of them than the session reports.
//
// Neither side can have the other get SIGBUS: all memory of the page is there from the beginning, and the
// file can neither shrink nor be written to by the client, who is given a descriptor of it.
class SharedPage {
 public:
  // A hold, by its session (or owner) and its lock.
  using Key = std::pair<engine::SessionId, std::string>;
  // Where a client finds a hold.
  struct Place {
    std::size_t slot;
    std::uint64_t use;
  };

  using Places = std::vector<std::optional<Place>>;  // none: all slots are in use

  // None if the system has no more memory or descriptors; *problem says what is missing.
  static std::unique_ptr<SharedPage> Make(std::string* problem);
  ~SharedPage();  // the page stays as it is, and its deadlines pass by themselves
  SharedPage(const SharedPage&) = delete;
  SharedPage& operator=(const SharedPage&) = delete;

  // For the client; once.
  redlock::base::Descriptor TakeDescriptor() { return std::move(descriptor_); }

  // A hold begins. None if all slots are in use. `tells_renewals`: the client wants events for them as
  // well.
  std::optional<Place> Begin(const Key& key, engine::Fence fence, engine::Time deadline,
                             bool tells_renewals);
  // These do nothing to a hold that is not there, or to one with another fence.
  void Move(const Key& key, engine::Fence fence, engine::Time deadline);
  void End(const Key& key, engine::Fence fence);
  void EndAll();
  // False for a hold that began here without that wish.
  bool TellsRenewals(const Key& key) const;

 private:
  struct Hold {
    engine::Fence fence;
    redlock::protocol::PageSlot* slot;  // null: it has none
    bool tells_renewals;
  };

  Hold* Find(const Key& key, engine::Fence fence);

  SharedPage(redlock::protocol::Page* page, redlock::base::Descriptor descriptor);

  redlock::protocol::Page* const page_;
  redlock::base::Descriptor descriptor_;
  std::map<Key, Hold> holds_;
  std::vector<redlock::protocol::PageSlot*> free_;
  std::uint64_t last_use_ = 0;
};

}  // namespace redlockd::session
