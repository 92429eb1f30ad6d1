#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/engine/types.h"
#include "daemon/engine/views.h"

namespace redlockd::status {

// Who holds a lock or waits for it, as `list` names them to everybody.
struct Client {
  pid_t pid = 0;
  uid_t uid = 0;
  std::string command;
};

// A lock that sessions of this host wait for.
struct HotLock {
  std::string name;
  std::size_t waiting = 0;
  engine::Duration longest_wait{};
  bool is_held = false;            // by a session of this host; with the two that follow
  engine::Duration held{};         // since its grant
  std::optional<Client> holder{};  // none: it is gone
};

struct Wait {
  std::string name;
  engine::Duration waited{};
  std::size_t place = 0;
  std::optional<Client> client{};
};

// What a walk over all locks of this host found. Durations are as of its beginning, so that they
// compare, and 0 of what began after it.
struct Findings {
  engine::Time began;
  std::vector<HotLock> hot;  // those with the longest lines, and of equal ones the longest wait
  std::vector<Wait> waits;   // those that wait longest
  std::size_t hidden = 0;    // rows of locks that not everybody may see
};

// The `most` elements with the greatest keys of all that were offered.
template <class Key, class Element>
class Greatest {
 public:
  explicit Greatest(std::size_t most) : most_(most) {}

  // `make` is called only if its element is one of them as yet.
  template <class Make>
  void Offer(const Key& key, Make make) {
    if (elements_.size() == most_ && !(elements_.begin()->first < key)) return;
    elements_.emplace(key, make());
    if (elements_.size() > most_) elements_.erase(elements_.begin());
  }
  // The greatest first; none is left.
  std::vector<Element> Take() {
    std::vector<Element> taken;
    for (auto at = elements_.rbegin(); at != elements_.rend(); ++at) {
      taken.push_back(std::move(at->second));
    }
    elements_.clear();
    return taken;
  }

 private:
  const std::size_t most_;
  std::multimap<Key, Element> elements_;
};

// A walk over all locks of this host that finds those that matter most, in portions of bounded work:
// a daemon with 100,000 leases does not stop for it. Keeps a fixed number of rows, whatever there is.
class Survey {
 public:
  static constexpr std::size_t kShown = 10;  // of each kind
  static constexpr std::size_t kRows = 64;   // that are asked for at a time
  static constexpr int kBatches = 4;         // in a portion

  struct Sources {
    // At most that many rows from there on, in order (Engine::Rows).
    std::function<std::vector<engine::RowView>(const engine::RowPlace& from, std::size_t most)>
        rows;
    // Whether everybody may see the lock.
    std::function<bool(std::string_view)> may_show;
    // Nothing: it is gone.
    std::function<std::optional<Client>(engine::SessionId)> client_of;
  };
  explicit Survey(Sources sources) : sources_(std::move(sources)) {}

  // There is one under way.
  bool is_under_way() const { return is_under_way_; }
  // Begins one, at its first lock. None is under way.
  void Begin(engine::Time now);
  // Goes on for one portion. At its end last() has its findings.
  void GoOn();
  // Of the last that came to its end; nothing if none has.
  const std::optional<Findings>& last() const { return last_; }

 private:
  void Take(const engine::HoldView& hold);
  void Take(const engine::KeptView& kept);
  void Take(const engine::WaitView& wait);
  engine::Duration Since(engine::Time then) const;
  void TurnTo(const std::string& lock);
  void OfferLock();

  const Sources sources_;
  std::optional<Findings> last_;
  bool is_under_way_ = false;
  engine::Time began_;  // the walk that is under way, and so are the rest
  engine::RowPlace next_;
  HotLock lock_;                             // the rows of which are being read
  std::optional<engine::SessionId> holder_;  // of it
  Greatest<std::pair<std::size_t, engine::Duration>, HotLock> hot_{kShown};
  Greatest<engine::Duration, Wait> waits_{kShown};
  std::size_t hidden_ = 0;
};

}  // namespace redlockd::status
