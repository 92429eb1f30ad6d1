// Uses the C++17 part of the library.
#include <redlock/client.hpp>

namespace use {

bool Use(redlock::Client& client, redlock_reply* reply);

bool Use(redlock::Client& client, redlock_reply* reply) {
  redlock::LockOptions options{};
  options.wait = std::chrono::seconds(1);
  const redlock::Grant grant = client.lock("jobs", options);
  const redlock::Client::Reply list = client.query("list", {{"", "x"}});
  client.unlock("jobs", grant.fence);
  const std::vector<redlock::Grant> grants = client.lock_all({"a", "b"}, options);
  client.unlock_all({"a", "b"});
  client.wakeup();
  const std::error_code error = REDLOCK_EBUSY;
  redlock_lock_options raw = REDLOCK_LOCK_OPTIONS_INIT;
  redlock_grant answer = REDLOCK_GRANT_INIT;
  return client.try_lock_all({"c", "d"}) && grants.size() == 2 &&
         client.try_lock("other").has_value() && client.check("jobs") &&
         redlock_lock(client.get(), "jobs", &raw, &answer) == REDLOCK_OK &&
         redlock_reply_get(reply, REDLOCK_ANSWER, "fence") != nullptr && !list.rows.empty() &&
         error == std::errc::device_or_resource_busy;
}

}  // namespace use
