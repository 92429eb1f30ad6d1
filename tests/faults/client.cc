#include "tests/faults/client.h"

#include <poll.h>

#include <algorithm>
#include <functional>

#include "tests/faults/sigterm.h"

namespace redlockd::test::faults {
namespace {

// Values of the unfenced store that are this client's alone begin here.
std::uint64_t FirstValue(const ClientSetup& setup) {
  return (std::hash<std::string>()(setup.who) ^ setup.seed) << 32;
}

}  // namespace

Client::Client(const ClientSetup& setup)
    : journal_(setup.journal, setup.who, setup.origin),
      socket_(setup.socket),
      own_("own-" + setup.who + '-'),
      kept_("kept-" + setup.who.substr(setup.who.size() - 1)),
      store_(setup.store),
      random_(setup.seed),
      careless_(OneIn(3)),
      last_value_(FirstValue(setup)),
      daemon_(journal_, store_) {
  HeedSigterm();
  journal_.Note("start", {{"careless", careless_ ? "1" : "0"}});
}

void Client::Run() {
  while (!Stopping()) {
    if (daemon_.Connect(socket_, !OneIn(3))) UseSession();
    // Time for others to get what it has kept; and for a daemon that is down to come back.
    if (!Stopping()) poll(nullptr, 0, static_cast<int>(20 + Below(200)));
  }
  journal_.Note("done");
}

void Client::UseSession() {
  while (!Stopping() && !daemon_.ended()) {
    if (OneIn(25)) return daemon_.End(AnyEnd());
    TryToKeep();
    Round();
    daemon_.Listen(Between(0ms, 60ms));
  }
  daemon_.End("quit");
}

std::string_view Client::AnyEnd() {
  constexpr std::string_view kEnds[] = {"close", "half-close", "quit"};
  return kEnds[Below(std::size(kEnds))];
}

void Client::TryToKeep() {
  const Hold* hold = daemon_.Held(kept_);
  if (hold != nullptr && hold->lost) daemon_.Forget(kept_);
  if (daemon_.Held(kept_) != nullptr || daemon_.IsWanted(kept_)) return;
  // Without tags everything else would wait behind it.
  daemon_.Ask(daemon_.has_tags() ? "lock" : "trylock", kept_,
              "events=renew ttl=" + std::to_string(Between(450ms, 2s) / 1ms) + "ms");
}

// Once: asks for a lock, and uses it if it is granted.
void Client::Round() {
  const std::string lock = OneIn(4) ? own_ + std::to_string(Below(5))
                                    : std::string(kContended[Below(std::size(kContended))]);
  const bool waits = OneIn(2);
  const std::string id =
      daemon_.Ask(waits ? "lock" : "trylock", lock, waits ? LockOptions() : "events=renew");
  if (OneIn(10)) daemon_.Ask("ping");
  if (waits && daemon_.has_tags() && OneIn(6)) {
    daemon_.Listen(Between(0ms, 200ms));
    if (daemon_.IsWanted(lock)) daemon_.Ask("cancel", id);
  }
  if (daemon_.Await(id) && daemon_.Held(lock) != nullptr) Use(lock);
}

std::string Client::LockOptions() {
  std::string options;
  const auto add = [&options](std::string_view key, Duration value) {
    options +=
        (options.empty() ? "" : " ") + std::string(key) + '=' + std::to_string(value / 1ms) + "ms";
  };
  if (!OneIn(4)) add("ttl", Between(450ms, 2s));
  if (!OneIn(3)) add("wait", OneIn(5) ? 0ms : Between(20ms, 3s));
  if (OneIn(8)) add("max-hold", Between(50ms, 1s));
  if (!OneIn(4)) options += " events=renew";
  return options;
}

// Most sections are short; some need the lock to be renewed.
void Client::Use(const std::string& lock) {
  Hold& hold = *daemon_.Held(lock);
  const auto slot = static_cast<std::size_t>(
      std::find(std::begin(kContended), std::end(kContended), lock) - std::begin(kContended));
  const Countdown length(OneIn(40)  ? Between(1500ms, 4s)
                         : OneIn(8) ? Between(100ms, 600ms)
                                    : Between(0ms, 30ms));
  do {
    if (slot < std::size(kContended)) Work(slot, hold);
    daemon_.Listen(std::min(Between(0ms, 20ms), length.left()));
    if (OneIn(30)) daemon_.Ask("check", lock);
    const bool over = hold.lost || hold.refused || BootTime() >= hold.deadline;
    if (Stopping() || (over && !careless_)) break;
  } while (!length.over());
  if (OneIn(12)) return daemon_.End(AnyEnd());  // with the lock still held
  AwaitLoss(hold);
  LetGo(lock);
}

// Who is past its deadline has heard LOST, or hears it now; who does not wait for it cannot tell.
void Client::AwaitLoss(const Hold& hold) {
  if (!hold.hears_renewals) return;  // its deadline may be another by now
  const Countdown countdown(2 * kLossBound);
  while (!hold.lost && BootTime() >= hold.deadline && !countdown.over() && !daemon_.ended()) {
    daemon_.Listen(20ms);
  }
}

// A write to both stores. A careful client looks at the clock last thing before its first step;
// what happens to it after that is what the fence is for.
void Client::Work(std::size_t slot, Hold& hold) {
  const Duration deadline = hold.deadline;
  const Duration begin = journal_.Now();
  const std::uint64_t read = store_.Read(slot);
  poll(nullptr, 0, static_cast<int>(Below(4)));  // computes
  if (!careless_ && BootTime() >= deadline) return;
  std::uint64_t greatest = 0;
  const bool taken = store_.Put(slot, hold.fence, &greatest);
  store_.Write(slot, ++last_value_);
  journal_.Note("write", {{"lock", std::string(kContended[slot])},
                          {"fence", std::to_string(hold.fence)},
                          {"begin", ToText(begin)},
                          {"taken", taken ? "1" : "0"},
                          {"greatest", std::to_string(greatest)},
                          {"read", std::to_string(read)},
                          {"wrote", std::to_string(last_value_)}});
  hold.refused = hold.refused || !taken;
}

void Client::LetGo(const std::string& lock) {
  if (daemon_.ended()) return;
  // Before it is sent; a hold is over for its client from here on.
  journal_.Note("release", {{"lock", lock}});
  daemon_.Forget(lock);
  daemon_.Await(daemon_.Ask("unlock", lock, OneIn(6) ? "sync" : ""));
}

std::size_t Client::Below(std::size_t bound) {
  return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
}

Duration Client::Between(Duration least, Duration most) {
  return Duration(
      std::uniform_int_distribution<Duration::rep>(least.count(), most.count())(random_));
}

}  // namespace redlockd::test::faults
