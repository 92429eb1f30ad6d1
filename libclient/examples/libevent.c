/* Holds a lock until its standard input ends, in a loop of libevent: `libevent NAME`.
 *
 *   cc libevent.c $(pkg-config --cflags --libs redlock libevent_core)
 *
 * Arm() is all that it takes: it follows each call on the client. */
#include <event2/event.h>
#include <inttypes.h>
#include <poll.h>
#include <redlock/redlock.h>
#include <stdio.h>
#include <unistd.h>

struct App {
  const char* name;
  redlock_client* client;
  struct event_base* base;
  struct event* ready; /* the client has something to do */
  struct event* input;
  int is_held;
  int is_over; /* the input has ended */
  int status;
};

static void OnReady(evutil_socket_t fd, short what, void* arg);

static void Arm(struct App* app) {
  const short wanted = redlock_events(app->client);
  const int64_t left_us = redlock_poll_timeout(app->client) / 1000 + 1;
  const struct timeval limit = {left_us / 1000000, left_us % 1000000};
  const int has_limit = redlock_poll_timeout(app->client) >= 0;
  const int what =
      ((wanted & POLLIN) != 0 ? EV_READ : 0) | ((wanted & POLLOUT) != 0 ? EV_WRITE : 0);
  if (app->ready != NULL) event_free(app->ready);
  app->ready = event_new(app->base, redlock_fd(app->client), (short)what, OnReady, app);
  if (what != 0 || has_limit) event_add(app->ready, has_limit ? &limit : NULL);
}

static void OnReady(evutil_socket_t fd, short what, void* arg) {
  struct App* app = arg;
  (void)fd;
  (void)what;
  redlock_dispatch(app->client); /* the callbacks handle the results */
  Arm(app);
}

static void Leave(struct App* app, int status) {
  fflush(stdout);
  app->status = status;
  event_base_loopbreak(app->base);
}

static void OnUnlocked(redlock_client* client, int error, const redlock_reply* reply, void* arg) {
  (void)client;
  (void)reply;
  printf("released: %s\n", redlock_strerror(error));
  Leave(arg, error == REDLOCK_OK ? 0 : 1);
}

static void Release(struct App* app) {
  const redlock_arg name = {NULL, app->name};
  if (redlock_start(app->client, "unlock", &name, 1, OnUnlocked, app, NULL) != REDLOCK_OK) {
    Leave(app, 1);
  }
}

static void OnLocked(redlock_client* client, int error, const redlock_reply* reply, void* arg) {
  struct App* app = arg;
  redlock_grant grant = REDLOCK_GRANT_INIT;
  (void)client;
  if (error == REDLOCK_OK) error = redlock_reply_grant(reply, &grant);
  if (error != REDLOCK_OK) {
    printf("not held: %s\n", redlock_strerror(error));
    Leave(app, 1);
    return;
  }
  printf("held %s fence %" PRIu64 "\n", app->name, grant.fence);
  fflush(stdout);
  app->is_held = 1;
  if (app->is_over) Release(app);
}

static void OnConnected(redlock_client* client, int error, void* arg) {
  struct App* app = arg;
  if (error == REDLOCK_OK) error = redlock_start_lock(client, app->name, NULL, OnLocked, app, NULL);
  if (error == REDLOCK_OK) return;
  printf("not held: %s\n", redlock_error_text(client));
  Leave(app, 1);
}

static void OnEvent(redlock_client* client, const redlock_event* event, void* arg) {
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
      Leave(arg, 1);
      break;
    case REDLOCK_EVENT_BROKEN:
      printf("lost: an administrator broke it\n");
      Leave(arg, 1);
      break;
    default: /* also an event that a newer library may add */
      break;
  }
  fflush(stdout);
}

static void OnInput(evutil_socket_t fd, short what, void* arg) {
  struct App* app = arg;
  char bytes[256];
  (void)what;
  if (read(fd, bytes, sizeof(bytes)) > 0) return;
  event_del(app->input);
  app->is_over = 1;
  if (app->is_held) Release(app);
  Arm(app);
}

static int Run(struct App* app) {
  redlock_on_event(app->client, OnEvent, app);
  app->input = event_new(app->base, STDIN_FILENO, EV_READ | EV_PERSIST, OnInput, app);
  if (redlock_start_connect(app->client, NULL, INT64_C(5000000000), OnConnected, app) !=
          REDLOCK_OK ||
      event_add(app->input, NULL) != 0) {
    fprintf(stderr, "libevent: %s\n", redlock_error_text(app->client));
    return 1;
  }
  Arm(app);
  event_base_dispatch(app->base);
  return app->status;
}

int main(int argc, char** argv) {
  struct App app = {
      argc == 2 ? argv[1] : NULL, redlock_new(), event_base_new(), NULL, NULL, 0, 0, 1};
  int status = 64;
  if (app.name == NULL || app.client == NULL || app.base == NULL) {
    fprintf(stderr, "usage: libevent NAME\n");
  } else {
    status = Run(&app);
  }
  if (app.ready != NULL) event_free(app.ready);
  if (app.input != NULL) event_free(app.input);
  redlock_free(app.client);
  if (app.base != NULL) event_base_free(app.base);
  return status;
}
