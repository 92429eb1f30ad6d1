// redlock::Session under protocol/conformance: does what it is told on standard input, and reports
// what happens. Each request waits in a thread of its own.
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <redlock/redlock.hpp>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/duration.h"
#include "protocol/name.h"
#include "protocol/request.h"
#include "tests/conformance/code.h"

namespace {

using redlock::Names;
using redlock::protocol::Request;

// Writes lines for all threads. A callback may come before lock() has returned in another thread: an
// event is reported after the grant.
class Reports {
 public:
  void Write(const std::string& line) {
    const std::lock_guard guard(mutex_);
    std::cout << line << std::endl;
  }
  void Result(const std::string& what, const std::error_code& error) {
    Write(what + (error ? std::string(" ERR ") + CodeOf(error.value()) : " OK"));
  }
  void Granted(const std::string& id, const std::vector<std::uint64_t>& fences) {
    std::string line = id + (fences.size() == 1 ? " OK fence" : " OK fences");
    const char* before = "=";
    for (const std::uint64_t fence : fences) {
      line += std::exchange(before, ",") + std::to_string(fence);
    }
    const std::lock_guard guard(mutex_);
    granted_.insert(fences.begin(), fences.end());
    std::cout << line << std::endl;
    for (const std::uint64_t fence : fences) {
      for (const std::string& early : std::exchange(early_[fence], {})) {
        std::cout << early << std::endl;
      }
    }
  }
  void Event(const std::string& word, const redlock::Notice& notice) {
    std::string line = "event " + word + " lock=" + redlock::protocol::PercentEncode(notice.name);
    line += " fence=" + std::to_string(notice.fence);
    if (word == "LOST") line += " reason=" + notice.reason;
    const std::lock_guard guard(mutex_);
    if (granted_.count(notice.fence) == 0) {
      early_[notice.fence].push_back(line);
    } else {
      std::cout << line << std::endl;
    }
  }

 private:
  std::mutex mutex_;
  std::set<std::uint64_t> granted_;
  std::map<std::uint64_t, std::vector<std::string>> early_;
};

class Adapter {
 public:
  ~Adapter() { EndRequests(); }

  void Obey(const Request& command) {
    const auto& [tag, verb, args, fields] = command;
    const auto given = OptionsOf(fields);
    if (verb == "connect" && args.empty()) {
      std::error_code error;
      session_->connect(error);
      reports_.Result("connect", error);
    } else if (verb == "close" && args.empty()) {
      Close();
    } else if (verb == "valid" && !args.empty()) {
      Valid(args);
    } else if (verb == "cancel" && args.size() == 1) {
      stops_[args[0]].request_stop();
    } else if (((verb == "lock" || verb == "try") && args.size() == 2 && given) ||
               (verb == "lock-all" && args.size() >= 2 && given)) {
      Start(args[0], [this, id = args[0], names = NamesOf(args), options = *given,
                      is_try = verb == "try"] { Lock(id, names, options, is_try); });
    } else if ((verb == "unlock" && args.size() == 2) ||
               (verb == "unlock-all" && args.size() >= 2)) {
      Start(args[0], [this, id = args[0], names = NamesOf(args)] { Unlock(id, names); });
    } else if (verb == "check" && args.size() == 2) {
      Start(args[0], [this, id = args[0], names = NamesOf(args)] { Check(id, names); });
    } else {
      reports_.Write("unsupported");
    }
  }

 private:
  struct Options {
    redlock::HoldOptions hold;
    std::chrono::nanoseconds wait{0};
  };

  // After the id.
  static Names NamesOf(const std::vector<std::string>& args) {
    return {args.begin() + 1, args.end()};
  }

  // Nothing if there is one that a Session does not have. (It asks for renewals by itself.)
  std::optional<Options> OptionsOf(const std::vector<redlock::protocol::Field>& fields) {
    Options options;
    options.hold.margin = std::chrono::seconds(0);  // the deadlines of the scripts are near
    options.hold.answer_timeout = std::chrono::seconds(10);
    const auto report = [this](const char* word) {
      return [this, word](const redlock::Notice& notice) { reports_.Event(word, notice); };
    };
    options.hold.on_jeopardy = report("JEOPARDY");
    options.hold.on_safe = report("SAFE");
    options.hold.on_draining = report("DRAINING");
    options.hold.on_lost = report("LOST");
    for (const auto& [key, value] : fields) {
      const auto duration = redlock::protocol::ParseDuration(value);
      if (key == "ttl" && duration) {
        options.hold.ttl = *duration;
      } else if (key == "wait" && duration) {
        options.wait = *duration;
      } else if (key != "events" && key != "fence") {
        return std::nullopt;
      }
    }
    return options;
  }

  // The requests of a script.
  template <typename Call>
  void Start(const std::string& id, Call call) {
    {
      const std::lock_guard guard(mutex_);
      stops_[id];
    }
    requests_.emplace_back(call);
  }
  void EndRequests() {
    for (auto& [id, stop] : stops_) stop.request_stop();
    for (std::thread& request : std::exchange(requests_, {})) request.join();
  }

  void Lock(const std::string& id, const Names& names, const Options& options, bool is_try) {
    std::stop_token stop;
    {
      const std::lock_guard guard(mutex_);
      stop = stops_[id].get_token();
    }
    std::error_code error;
    std::optional<redlock::Hold> hold;
    if (is_try) {
      hold = session_->try_lock_all_for(names, options.wait, error, options.hold, stop);
    } else {
      hold = session_->lock_all(names, error, options.hold, stop);
    }
    if (error) return reports_.Result(id, error);
    std::vector<std::uint64_t> fences;
    for (const std::string& name : names) fences.push_back(hold->fence(name));
    {
      const std::lock_guard guard(mutex_);
      holds_[names] = std::make_shared<redlock::Hold>(std::move(*hold));
    }
    reports_.Granted(id, fences);
  }

  std::shared_ptr<redlock::Hold> HoldOf(const Names& names) {
    const std::lock_guard guard(mutex_);
    const auto found = holds_.find(names);
    return found == holds_.end() ? nullptr : found->second;
  }

  void Unlock(const std::string& id, const Names& names) {
    std::error_code error;
    if (const auto hold = HoldOf(names)) {
      hold->release(error);
    } else {
      static_cast<void>(session_->query("unlock", error, {{"", names.front()}}));
    }
    reports_.Result(id, error);
  }

  void Check(const std::string& id, const Names& names) {
    const auto hold = HoldOf(names);
    std::error_code error = REDLOCK_ENOTHELD;
    if (hold != nullptr) hold->check(error);
    if (error) return reports_.Result(id, error);
    reports_.Write(id + " OK fence=" + std::to_string(hold->fence()));
  }

  void Valid(const Names& names) {
    const auto hold = HoldOf(names);
    std::string line = "valid";
    for (const std::string& name : names) line += " " + redlock::protocol::PercentEncode(name);
    reports_.Write(line + (hold != nullptr && hold->valid() ? " yes" : " no"));
  }

  void Close() {
    EndRequests();
    holds_.clear();
    session_.reset();
    reports_.Write("closed");
  }

  Reports reports_;
  std::optional<redlock::Session> session_{std::in_place};
  std::mutex mutex_;  // of the next two
  std::map<std::string, std::stop_source> stops_;
  // Shared with a request that has reported and not quite ended while the next one takes the names.
  std::map<Names, std::shared_ptr<redlock::Hold>> holds_;
  std::vector<std::thread> requests_;
};

}  // namespace

int main() {
  Adapter adapter;
  for (std::string line; std::getline(std::cin, line);) {
    const auto command = redlock::protocol::ParseRequest(line);
    if (const auto* request = std::get_if<Request>(&command)) adapter.Obey(*request);
  }
}
