/* Uses what the C headers define as macros, which a compiler looks at where they are used. */
#include <redlock/session.h>

int Use(redlock_client* client, redlock_session* session, redlock_reply* reply);

int Use(redlock_client* client, redlock_session* session, redlock_reply* reply) {
  redlock_lock_options options = REDLOCK_LOCK_OPTIONS_INIT;
  redlock_hold_options hold_options = REDLOCK_HOLD_OPTIONS_INIT;
  redlock_grant grant = REDLOCK_GRANT_INIT;
  redlock_grant grants[] = {REDLOCK_GRANT_INIT, REDLOCK_GRANT_INIT};
  const char* const names[] = {"a", "b"};
  redlock_hold* hold = 0;
  options.wait_ns = REDLOCK_FOREVER;
  options.events = REDLOCK_WANTED_EVENTS;
  hold_options.margin_ns = REDLOCK_DEFAULT_MARGIN;
  hold_options.flags = REDLOCK_FOR_THREAD;
  if (redlock_lock(client, "jobs", &options, &grant) != REDLOCK_OK) return REDLOCK_EBUSY;
  if (redlock_reply_get(reply, REDLOCK_ANSWER, "fence") == 0) return REDLOCK_EPROTOCOL;
  if (redlock_hold_new(session, "jobs", &hold_options, &hold) != REDLOCK_OK) return 1;
  if (redlock_hold_new_set(session, names, 2, &hold_options, &hold) != REDLOCK_OK) return 1;
  if (redlock_lock_set(client, names, 2, &options, grants) != REDLOCK_OK) return 1;
  return redlock_unlock(client, "jobs", grant.fence, REDLOCK_SYNC);
}
