/* Holds a lock until its standard input ends, in a loop of sd-event: `sd_event NAME`.
 *
 *   cc sd_event.c $(pkg-config --cflags --libs redlock libsystemd)
 *
 * Disarm() and Arm() are all that it takes: they stand around each call on the client. */
#include <inttypes.h>
#include <poll.h>
#include <redlock/redlock.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

struct App {
  const char* name;
  redlock_client* client;
  sd_event* event;
  sd_event_source* ready; /* the client has something to do */
  sd_event_source* timer; /* likewise, whatever has come until then */
  sd_event_source* input;
  int is_held;
  int is_over; /* the input has ended */
};

/* The library may close its descriptor in a call. */
static void Disarm(struct App* app) {
  app->ready = sd_event_source_disable_unref(app->ready);
  app->timer = sd_event_source_disable_unref(app->timer);
}

static int OnReady(sd_event_source* source, int fd, uint32_t what, void* arg);
static int OnTime(sd_event_source* source, uint64_t usec, void* arg);

static int Arm(struct App* app) {
  const short wanted = redlock_events(app->client);
  const int64_t left_ns = redlock_poll_timeout(app->client);
  int result = 0;
  if (wanted != 0) {
    const uint32_t what = EPOLLIN | ((wanted & POLLOUT) != 0 ? (uint32_t)EPOLLOUT : 0);
    result = sd_event_add_io(app->event, &app->ready, redlock_fd(app->client), what, OnReady, app);
  }
  if (result >= 0 && left_ns >= 0) {
    result = sd_event_add_time_relative(app->event, &app->timer, CLOCK_BOOTTIME,
                                        (uint64_t)left_ns / 1000 + 1, 1, OnTime, app);
  }
  return result;
}

static int Dispatch(struct App* app) {
  Disarm(app);
  redlock_dispatch(app->client); /* the callbacks handle the results */
  return Arm(app);
}

static int OnReady(sd_event_source* source, int fd, uint32_t what, void* arg) {
  (void)source;
  (void)fd;
  (void)what;
  return Dispatch(arg);
}

static int OnTime(sd_event_source* source, uint64_t usec, void* arg) {
  (void)source;
  (void)usec;
  return Dispatch(arg);
}

static void Leave(struct App* app, int status) {
  fflush(stdout);
  sd_event_exit(app->event, status);
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

static int OnInput(sd_event_source* source, int fd, uint32_t what, void* arg) {
  struct App* app = arg;
  char bytes[256];
  (void)what;
  if (read(fd, bytes, sizeof(bytes)) > 0) return 0;
  sd_event_source_set_enabled(source, SD_EVENT_OFF);
  app->is_over = 1;
  Disarm(app);
  if (app->is_held) Release(app);
  return Arm(app);
}

static int Run(struct App* app) {
  redlock_on_event(app->client, OnEvent, app);
  if (sd_event_add_io(app->event, &app->input, STDIN_FILENO, EPOLLIN, OnInput, app) < 0 ||
      redlock_start_connect(app->client, NULL, INT64_C(5000000000), OnConnected, app) !=
          REDLOCK_OK ||
      Arm(app) < 0) {
    fprintf(stderr, "sd_event: %s\n", redlock_error_text(app->client));
    return 1;
  }
  return sd_event_loop(app->event) == 0 ? 0 : 1;
}

int main(int argc, char** argv) {
  struct App app = {argc == 2 ? argv[1] : NULL, redlock_new(), NULL, NULL, NULL, NULL, 0, 0};
  int status = 64;
  if (app.name == NULL || app.client == NULL || sd_event_new(&app.event) < 0) {
    fprintf(stderr, "usage: sd_event NAME\n");
  } else {
    status = Run(&app);
  }
  Disarm(&app);
  sd_event_source_unref(app.input);
  sd_event_unref(app.event);
  redlock_free(app.client);
  return status;
}
