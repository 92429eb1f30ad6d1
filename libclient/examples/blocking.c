/* Takes a lock, prints its fence and releases it: `blocking NAME [SECONDS]`.
 * Waits for at most SECONDS (default: without limit). Exits with 75 if another process holds the
 * lock for all that time.
 *
 *   cc blocking.c $(pkg-config --cflags --libs redlock) */
#include <inttypes.h>
#include <redlock/redlock.h>
#include <stdio.h>
#include <stdlib.h>

static int Fail(const redlock_client* client, int error) {
  fprintf(stderr, "blocking: %s\n", redlock_error_text(client));
  return error == REDLOCK_ETIMEOUT || error == REDLOCK_EBUSY ? 75 : 1;
}

static int Work(redlock_client* client, const char* name, const redlock_lock_options* options) {
  redlock_grant grant = REDLOCK_GRANT_INIT;
  int error = redlock_connect(client, NULL, INT64_C(5000000000));
  if (error == REDLOCK_OK) error = redlock_lock(client, name, options, &grant);
  if (error != REDLOCK_OK) return Fail(client, error);

  printf("held %s fence %" PRIu64 " for %" PRId64 " ms, granted by %d of %d nodes\n", name,
         grant.fence, (grant.deadline_ns - redlock_now()) / 1000000, grant.votes, grant.nodes);
  /* ... the work, which takes grant.fence along to whatever it writes to ... */

  error = redlock_unlock(client, name, grant.fence, 0);
  if (error != REDLOCK_OK) return Fail(client, error); /* ELOST: the lock was lost before */
  printf("released %s\n", name);
  return 0;
}

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    fprintf(stderr, "usage: blocking NAME [SECONDS]\n");
    return 64;
  }
  redlock_lock_options options = REDLOCK_LOCK_OPTIONS_INIT;
  options.note = "the blocking example";
  if (argc == 3) options.wait_ns = (int64_t)(strtod(argv[2], NULL) * 1e9);
  redlock_client* client = redlock_new();
  if (client == NULL) return 1;
  int status = Work(client, argv[1], &options);
  redlock_free(client);
  return status;
}
