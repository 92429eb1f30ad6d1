#include "libclient/cli/run/wait_report.h"

#include "libclient/cli/text.h"

namespace redlock::cli {
namespace {

using namespace std::chrono_literals;

// With -v: soon, but not where the lock is had within a few round trips; then often enough to see
// who has it next. Without -v only for what would be waited for in vain.
constexpr Duration kFirstLook = 200ms;
constexpr Duration kNextLooks = 5s;
constexpr Duration kFirstQuietLook = 2s;
constexpr Duration kNextQuietLooks = 60s;

std::string Quoted(const std::string& value) {
  constexpr std::size_t kMost = 40;
  return "'" + Cut(Printable(value), kMost) + "'";
}

// By whose process, where that is known.
Holder OfProcess(const Row& row) {
  const bool is_here = row.Get("place") == "here";
  std::string text = is_here ? "held on this host" : "held on host " + row.Get("host");
  text += " by pid " + row.Get("pid");
  if (row.Has("cmd")) text += " (" + row.Get("cmd") + ")";
  if (row.Has("uid")) text += " of uid " + row.Get("uid");
  if (row.Has("held")) text += " for " + HumanDuration(row.Get("held"));
  if (row.Has("note")) text += ": " + row.Get("note");
  return {row.Get("place") + " " + row.Get("fence"), Printable(text)};
}

Holder OnAnotherHost(const Row& row) {
  std::string text = "held on host " + row.Get("host");
  if (row.Has("left")) {
    text += ", which has a lease for " + HumanDuration(row.Get("left")) + " more and may renew it";
  }
  return {row.Get("owner"), Printable(text)};
}

Holder Broken(const Row& row) {
  std::string text = "broken by an administrator";
  if (row.Has("left")) {
    text += ", and kept from others for " + HumanDuration(row.Get("left")) + " more";
  }
  return {row.Get("owner"), Printable(text)};
}

// Describes a key of another program: it may be a lock of another kind, which expires, or no lock.
Holder Foreign(const Row& row) {
  const bool is_endless = !row.Has("left");
  std::string text =
      "its key on the nodes has a value that no redlockd wrote, " + Quoted(row.Get("owner"));
  text += is_endless ? ", and no expiry: nobody gets the lock before the key is deleted"
                     : ", for " + Printable(HumanDuration(row.Get("left"))) + " more";
  return {row.Get("owner"), text, is_endless};
}

}  // namespace

Holder HolderOf(const Answer& answer) {
  std::size_t nodes = 0;
  std::size_t foreign = 0;
  std::size_t broken = 0;
  std::size_t shared = 0;
  const Row* other = nullptr;
  const Row* alien = nullptr;
  const Row* kept = nullptr;
  for (const Row& row : answer.rows) {
    if (row.Get("place") != "node") return OfProcess(row);
    ++nodes;
    if (row.Get("state") == "kept") {
      ++broken;
      kept = &row;
    }
    if (row.Get("state") == "shared") ++shared;
    if (row.Get("state") != "held") continue;
    const bool is_ours = row.Has("host");
    foreign += is_ours ? 0 : 1;
    (is_ours ? other : alien) = &row;
  }
  // As many as keep the others from being a majority.
  if (alien != nullptr && 2 * foreign >= nodes) return Foreign(*alien);
  if (2 * broken > nodes) return Broken(*kept);
  if (2 * shared > nodes) return {"shared", "shared on other hosts"};
  if (other != nullptr) return OnAnotherHost(*other);
  if (answer.error != REDLOCK_OK) return {"error", Printable(answer.text)};
  return {};
}

WaitReport::WaitReport(redlock_client* client, const RunOptions& options, const Voice& voice,
                       Guard::Time now)
    : client_(client),
      options_(options),
      voice_(voice),
      next_(now + (options.verbose ? kFirstLook : kFirstQuietLook)) {
  if (options.quiet) next_ = Guard::kNever;
  locks_.push_back({*this, options.name});
  for (const std::string& name : options.also) locks_.push_back({*this, name});
}

void WaitReport::Look(Guard::Time now) {
  if (now < next_) return;
  next_ = now + (options_.verbose ? kNextLooks : kNextQuietLooks);
  const auto on_answer = [](redlock_client*, int, const redlock_reply* reply, void* lock) {
    static_cast<Lock*>(lock)->report.OnAnswer(*static_cast<Lock*>(lock), reply);
  };
  for (Lock& lock : locks_) {
    const redlock_arg name{nullptr, lock.name.c_str()};
    // Where it cannot be asked the wait itself ends, and says why.
    redlock_start(client_, "show", &name, 1, on_answer, &lock, nullptr);
  }
}

void WaitReport::OnAnswer(Lock& lock, const redlock_reply* reply) {
  if (is_over_ || reply == nullptr) return;
  const Holder holder = HolderOf(AnswerOf(reply));
  if (lock.told == holder.id) return;
  lock.told = holder.id;
  if (locks_.size() > 1 && holder.text.empty()) return;  // it is another that is waited for
  std::string text = "waiting for " + Printable(lock.name);
  if (options_.wait) text += ", at most " + HumanDuration(*options_.wait);
  if (!holder.text.empty()) text += ": " + holder.text;
  if (holder.is_endless) {
    voice_.Complain(text);
  } else {
    voice_.Tell(text);
  }
}

}  // namespace redlock::cli
