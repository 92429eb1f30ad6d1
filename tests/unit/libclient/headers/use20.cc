// Uses the C++20 part of the library, with its templates.
#include <chrono>
#include <mutex>
#include <redlock/redlock.hpp>

namespace use {

bool Use(redlock::Session& session, const std::stop_token& stop);

bool Use(redlock::Session& session, const std::stop_token& stop) {
  redlock::HoldOptions options{};
  options.margin = std::chrono::seconds(1);
  options.on_lost = [](const redlock::Notice&) {};
  std::error_code error{};
  redlock::Hold hold = session.lock("jobs", error, options, stop);
  hold.check(error);
  hold.release(error);
  session.connect(error);
  const redlock::Reply list = session.query("list", error);
  redlock::Mutex mutex(session, "jobs", options);
  { const std::scoped_lock<redlock::Mutex> guard(mutex); }
  redlock::MultiLock multi(session, {"a", "b"}, options);
  { const std::scoped_lock<redlock::MultiLock> guard(multi); }
  redlock::MultiLock of_the_process({"a", "b"});
  redlock::Hold both = session.lock_all({"a", "b"}, error, options, stop);
  both.release(error);
  const auto later = std::chrono::system_clock::now() + std::chrono::hours(1);
  redlock_hold_options raw = REDLOCK_HOLD_OPTIONS_INIT;
  return of_the_process.try_lock_until(later, stop) && multi.fence("a") != both.fence("b") &&
         session.try_lock_all_until({"a", "b"}, later, options, stop) &&
         session.try_lock_all_for({"a"}, std::chrono::seconds(1)) &&
         session.try_lock_all({"a", "b", "c"}) && mutex.try_lock_until(later, stop) &&
         session.try_lock_until("a", later, options, stop) &&
         session.try_lock_for("b", std::chrono::duration<double>(0.5)) && session.try_lock("c") &&
         raw.flags == 0 && list.rows.empty();
}

}  // namespace use
