#include "tests/faults/checker.h"

#include <algorithm>
#include <set>

#include "tests/faults/schedule.h"

namespace redlockd::test::faults {
namespace {

std::string Name(const Hold& hold) {
  return hold.who + "'s hold of " + hold.lock + " with fence " + std::to_string(hold.fence) + " (" +
         ToText(hold.from) + " .. " + ToText(hold.until()) + ')';
}

class Checker {
 public:
  explicit Checker(const Story& story) : story_(story) { report_.violations = story.violations; }

  Report Check() {
    for (const auto& [lock, holds] : HoldsByLock()) {
      CheckOverlaps(holds);
      CheckFences(holds);
    }
    for (const Hold& hold : story_.holds) CheckLoss(hold);
    for (const auto& [lock, writes] : WritesByLock()) {
      CheckFencedStore(writes);
      CheckUnfencedStore(writes);
    }
    for (const Request& request : story_.requests) CheckRequest(request);
    Count();
    std::stable_sort(report_.violations.begin(), report_.violations.end(),
                     [](const Violation& a, const Violation& b) { return a.at < b.at; });
    return std::move(report_);
  }

 private:
  using Holds = std::vector<const Hold*>;
  using Writes = std::vector<const Write*>;

  void Violate(Duration at, std::string what) {
    report_.violations.push_back({at, std::move(what)});
  }

  std::map<std::string, Holds> HoldsByLock() const {
    std::map<std::string, Holds> by_lock;
    for (const Hold& hold : story_.holds) by_lock[hold.lock].push_back(&hold);
    return by_lock;
  }
  std::map<std::string, Writes> WritesByLock() const {
    std::map<std::string, Writes> by_lock;
    for (const Write& write : story_.writes) by_lock[write.lock].push_back(&write);
    return by_lock;
  }

  // --- exclusion ---

  void CheckOverlaps(Holds holds) {
    std::stable_sort(holds.begin(), holds.end(),
                     [](const Hold* a, const Hold* b) { return a->from < b->from; });
    const Hold* longest = nullptr;
    for (const Hold* hold : holds) {
      if (hold->until() <= hold->from && !hold->is_section) continue;  // over when it was heard of
      if (longest != nullptr && hold->from < longest->until()) Overlap(*longest, *hold);
      if (longest == nullptr || hold->until() > longest->until()) longest = hold;
    }
  }

  void Overlap(const Hold& first, const Hold& second) {
    const bool section = first.is_section || second.is_section;
    if (section && Stalled(second.from - 2s, std::max(first.until(), second.until()))) {
      ++report_.excused;
      return;
    }
    Violate(second.from, "overlap: " + Name(first) + " and " + Name(second));
  }

  bool Stalled(Duration from, Duration to) const {
    return std::any_of(story_.stalls.begin(), story_.stalls.end(),
                       [&](const Span& stall) { return stall.from < to && stall.to > from; });
  }

  // --- fences ---

  // A grant is later than another for certain if it cannot have been before the other was read.
  void CheckFences(const Holds& holds) {
    std::map<std::uint64_t, const Hold*> seen;
    for (const Hold* hold : holds) {
      const auto [other, is_new] = seen.emplace(hold->fence, hold);
      if (!is_new)
        Violate(hold->from, "fence given twice: " + Name(*other->second) + " and " + Name(*hold));
    }
    Holds later = holds, earlier = holds;
    std::stable_sort(later.begin(), later.end(),
                     [](const Hold* a, const Hold* b) { return a->not_before < b->not_before; });
    std::stable_sort(earlier.begin(), earlier.end(),
                     [](const Hold* a, const Hold* b) { return a->from < b->from; });
    auto next = earlier.begin();
    const Hold* greatest = nullptr;
    for (const Hold* hold : later) {
      for (; next != earlier.end() && (*next)->from < hold->not_before; ++next) {
        if (greatest == nullptr || (*next)->fence > greatest->fence) greatest = *next;
      }
      if (greatest != nullptr && greatest->fence > hold->fence) {
        Violate(hold->from, "fence shrank: " + Name(*greatest) + ", then " + Name(*hold));
      }
    }
  }

  // --- the stores ---

  // No write is taken after one with a greater fence; one by who holds the lock always is.
  void CheckFencedStore(Writes writes) {
    for (const Write* write : writes) {
      if (write->rightful && !write->taken) {
        Violate(write->end, "a holder's write was refused: " + write->who + " with fence " +
                                std::to_string(write->fence) + " of " + write->lock);
      }
    }
    Writes earlier = writes;
    std::stable_sort(writes.begin(), writes.end(),
                     [](const Write* a, const Write* b) { return a->begin < b->begin; });
    std::stable_sort(earlier.begin(), earlier.end(),
                     [](const Write* a, const Write* b) { return a->end < b->end; });
    auto next = earlier.begin();
    std::uint64_t greatest = 0;
    for (const Write* write : writes) {
      for (; next != earlier.end() && (*next)->end < write->begin; ++next) {
        if ((*next)->taken) greatest = std::max(greatest, (*next)->fence);
      }
      if (write->taken && write->fence < greatest) {
        Violate(write->end, "stale write taken: " + write->who + " with fence " +
                                std::to_string(write->fence) + " of " + write->lock + ", after " +
                                std::to_string(greatest));
      }
    }
  }

  // Two that have read the same value, and both written: an update is lost. If both held the lock
  // all the while, the lock is no lock.
  void CheckUnfencedStore(const Writes& writes) {
    std::map<std::uint64_t, Writes> readers;
    for (const Write* write : writes) {
      if (write->unfenced) readers[write->read].push_back(write);
    }
    for (const auto& [value, of_it] : readers) {
      report_.lost_updates += of_it.size() - 1;
      Writes rightful;
      std::copy_if(of_it.begin(), of_it.end(), std::back_inserter(rightful),
                   [](const Write* write) { return write->rightful; });
      if (rightful.size() < 2) continue;
      Violate(rightful[1]->end, "lost update of " + rightful[0]->lock + ": " + rightful[0]->who +
                                    " and " + rightful[1]->who + " both held it");
    }
  }

  // --- answers and events ---

  void CheckRequest(const Request& request) {
    static const std::set<std::string> kExpected = {
        "",          "OK",       "busy", "timeout",  "cancelled",
        "no-quorum", "not-held", "lost", "draining", "no-such-tag"};
    if (!kExpected.contains(request.is)) {
      Violate(request.answered, request.who + ": " + request.verb + ' ' + request.lock +
                                    " was answered " + request.is);
    }
  }

  // Whether the client or its daemon was stopped, or the daemon ended, in that time.
  bool WasHeldUp(const Hold& hold, Duration from, Duration to) const {
    return std::any_of(story_.faults.begin(), story_.faults.end(), [&](const Span& fault) {
      return (fault.who == hold.who || fault.who == DaemonOf(hold.who)) && fault.from < to &&
             fault.to > from;
    });
  }

  // Who knows every deadline is told LOST by the last of them.
  void CheckLoss(const Hold& hold) {
    if (hold.is_section || !hold.hears_renewals) return;
    if (WasHeldUp(hold, hold.deadline - kMaxTtl, hold.lost.value_or(hold.deadline + kLossBound))) {
      return;
    }
    if (!hold.lost) {
      if (hold.watched_until > hold.deadline + kLossBound) {
        Violate(hold.deadline, "never told LOST: " + Name(hold));
      }
      return;
    }
    const Duration late = *hold.lost - hold.deadline;
    if (late <= Duration::zero()) return;
    ++report_.late_losses;
    report_.latest_loss = std::max(report_.latest_loss, late);
    if (late > kLossBound)
      Violate(*hold.lost, "told LOST " + ToText(late) + " s late: " + Name(hold));
  }

  // --- the summary ---

  void Count() {
    for (const Hold& hold : story_.holds) {
      ++report_.grants[DaemonOf(hold.who)];
      ++(hold.is_section ? report_.sections : report_.holds);
      if (hold.lost) ++report_.losses;
    }
    for (const Write& write : story_.writes) {
      ++report_.writes;
      if (write.rightful) ++report_.rightful_writes;
      if (!write.taken) ++report_.refused_writes;
      if (write.unfenced) ++report_.unfenced_writes;
    }
    for (const Request& request : story_.requests) {
      ++report_.answers[request.verb + ' ' + (request.is.empty() ? "(none)" : request.is)];
      if (request.verb != "lock" || request.is != "OK") continue;
      auto& waits =
          request.lock.starts_with("own-") ? report_.other_waits : report_.contended_waits;
      waits.push_back(request.answered - request.asked);
    }
    std::sort(report_.contended_waits.begin(), report_.contended_waits.end());
    std::sort(report_.other_waits.begin(), report_.other_waits.end());
    for (const Span& fault : story_.faults) ++report_.faults[fault.what];
    report_.stalls = story_.stalls.size();
    for (const Span& stall : story_.stalls) {
      report_.longest_stall = std::max(report_.longest_stall, stall.to - stall.from);
    }
  }

  const Story& story_;
  Report report_;
};

}  // namespace

Report Check(const Story& story) { return Checker(story).Check(); }

}  // namespace redlockd::test::faults
