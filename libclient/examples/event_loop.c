/* Holds a lock until its standard input ends: `event_loop NAME`.
 *
 * One poll() loop serves the input and the session, with its answers and events. Nothing in it
 * blocks. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <redlock/redlock.h>
#include <stdio.h>
#include <unistd.h>

struct State {
  const char* name;
  int over; /* nonzero: leave the loop */
  int status;
};

static void OnUnlocked(redlock_client* client, int error, const redlock_reply* reply, void* arg) {
  struct State* state = arg;
  (void)client;
  (void)reply;
  printf("released: %s\n", redlock_strerror(error));
  state->over = 1;
}

static void OnLocked(redlock_client* client, int error, const redlock_reply* reply, void* arg) {
  struct State* state = arg;
  redlock_grant grant = REDLOCK_GRANT_INIT;
  (void)client;
  if (error != REDLOCK_OK || redlock_reply_grant(reply, &grant) != REDLOCK_OK) {
    printf("not held: %s\n", redlock_strerror(error));
    state->over = state->status = 1;
    return;
  }
  printf("held %s fence %" PRIu64 "\n", state->name, grant.fence);
  fflush(stdout);
}

static void OnEvent(redlock_client* client, const redlock_event* event, void* arg) {
  struct State* state = arg;
  (void)client;
  switch (event->type) {
    case REDLOCK_EVENT_JEOPARDY:
      printf("in jeopardy: %" PRId64 " ms left\n", (event->deadline_ns - redlock_now()) / 1000000);
      break;
    case REDLOCK_EVENT_SAFE:
      printf("safe\n");
      break;
    case REDLOCK_EVENT_LOST:
    case REDLOCK_EVENT_CLOSED:
      printf("lost: %s\n", event->reason);
      state->over = state->status = 1;
      break;
    case REDLOCK_EVENT_BROKEN:
      printf("lost: an administrator broke it\n");
      state->over = state->status = 1;
      break;
    default: /* also an event that a newer library may add */
      break;
  }
  fflush(stdout);
}

/* Reads input and discards it; returns 0 at the end of the input. */
static int ReadInput(void) {
  char bytes[256];
  ssize_t got = read(STDIN_FILENO, bytes, sizeof(bytes));
  return got > 0 || (got < 0 && errno == EINTR);
}

static int Loop(redlock_client* client, struct State* state) {
  int input_open = 1;
  while (!state->over) {
    struct pollfd fds[2] = {{redlock_fd(client), redlock_events(client), 0},
                            {input_open ? STDIN_FILENO : -1, POLLIN, 0}};
    if (poll(fds, 2, -1) < 0 && errno != EINTR) return 1;
    /* The callbacks handle the results. */
    if (fds[0].revents != 0) redlock_dispatch(client);
    if (fds[1].revents != 0 && !ReadInput()) {
      const redlock_arg name = {NULL, state->name};
      input_open = 0;
      if (redlock_start(client, "unlock", &name, 1, OnUnlocked, state, NULL) != REDLOCK_OK)
        return 1;
    }
  }
  return state->status;
}

int main(int argc, char** argv) {
  struct State state = {argc == 2 ? argv[1] : NULL, 0, 0};
  redlock_client* client = redlock_new();
  if (state.name == NULL || client == NULL) {
    fprintf(stderr, "usage: event_loop NAME\n");
    redlock_free(client);
    return 64;
  }
  int status = 1;
  if (redlock_connect(client, NULL, INT64_C(5000000000)) == REDLOCK_OK &&
      redlock_on_event(client, OnEvent, &state) == REDLOCK_OK &&
      redlock_start_lock(client, state.name, NULL, OnLocked, &state, NULL) == REDLOCK_OK) {
    status = Loop(client, &state);
  } else {
    fprintf(stderr, "event_loop: %s\n", redlock_error_text(client));
  }
  redlock_free(client);
  return status;
}
