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
#include "daemon/session/state.h"
#include "protocol/page.h"

namespace redlockd::session {

// The writer of the page that one session has asked for ("The page" in PROTOCOL.md): until when each of
// its holds is good. Knows no more of them than the session reports.
//
// Neither side can have the other get SIGBUS: all memory of the page is there from the beginning, and the
// file can neither shrink nor be written to by the client, who is given a descriptor that only reads. (Who has the
// rights of root or of the daemon's user could open it anew; they are that of the daemon itself.) It is not sealed
// against all new mappings that write, as the daemon's next process makes one.
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
  // The same page in the next process, in whose `file` it is. None if that is none, or cannot be mapped: then the
  // client is to hear that, as nobody writes any more what it reads.
  static std::unique_ptr<SharedPage> Restore(const record::Page& former,
                                             redlock::base::Descriptor file);
  record::Page Save() const;
  ~SharedPage();  // the page stays as it is, and its deadlines pass by themselves
  SharedPage(const SharedPage&) = delete;
  SharedPage& operator=(const SharedPage&) = delete;

  // A descriptor for the client. None, with errno, if the system has no more.
  redlock::base::Descriptor OpenForClient() const;
  int file() const { return file_.get(); }

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

  SharedPage(redlock::protocol::Page* page, redlock::base::Descriptor file);
  void FindFree();

  redlock::protocol::Page* const page_;
  const redlock::base::Descriptor file_;
  std::map<Key, Hold> holds_;
  std::vector<redlock::protocol::PageSlot*> free_;
  std::uint64_t last_use_ = 0;
};

}  // namespace redlockd::session
