/* libredlock under protocol/conformance: does what it is told on standard input, and reports what
 * happens. One poll() loop, with the calls for event loops; `try` blocks, as that is its point. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <redlock/redlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/conformance/code.h"

enum { MOST = 16, NAME = 256, LINE = 4096 };

/* A request that was started. */
struct Request {
  char id[32];
  char name[NAME];
  int is_lock;
  uint64_t number;
};

/* What a holder of the lock would keep in mind. */
struct Hold {
  char name[NAME];
  uint64_t fence;
  int64_t deadline_ns;
};

static struct Request requests[MOST];
static struct Hold holds[MOST];
static redlock_client* client;

static void Report(const char* what, int error) {
  if (error == REDLOCK_OK) {
    printf("%s OK\n", what);
  } else {
    printf("%s ERR %s\n", what, CodeOf(error));
  }
}

/* --- Holds ----------------------------------------------------------------------------------- */

/* The hold of the lock, or with an empty name a free place. */
static struct Hold* HoldOf(const char* name) {
  for (int i = 0; i < MOST; ++i) {
    if (strcmp(holds[i].name, name) == 0) return &holds[i];
  }
  return NULL;
}

static void Take(const char* name, const redlock_grant* grant) {
  struct Hold* hold = HoldOf(name);
  if (hold == NULL) hold = HoldOf("");
  if (hold == NULL) exit(70);
  snprintf(hold->name, sizeof(hold->name), "%s", name);
  hold->fence = grant->fence;
  hold->deadline_ns = grant->deadline_ns;
}

static void Granted(const char* id, const char* name, const redlock_grant* grant) {
  Take(name, grant);
  printf("%s OK fence=%" PRIu64 "\n", id, grant->fence);
}

/* What the daemon has granted in one request, from its rows. */
static int GrantedAll(const char* id, const redlock_reply* reply) {
  redlock_grant grants[MOST];
  const size_t count = redlock_reply_rows(reply);
  if (count > MOST) exit(70);
  for (size_t i = 0; i < count; ++i) {
    grants[i] = (redlock_grant)REDLOCK_GRANT_INIT;
    const int error = redlock_reply_grant_at(reply, i, &grants[i]);
    if (error != REDLOCK_OK) return error;
  }
  printf("%s OK fences=", id);
  for (size_t i = 0; i < count; ++i) {
    Take(redlock_reply_get(reply, i, "lock"), &grants[i]);
    printf("%s%" PRIu64, i == 0 ? "" : ",", grants[i].fence);
  }
  printf("\n");
  return REDLOCK_OK;
}

static void PrintName(const char* name) {
  for (; *name != '\0'; ++name) {
    const int is_plain = *name > ' ' && *name < 0x7f && *name != '%' && *name != '=';
    printf(is_plain ? "%c" : "%%%02X", is_plain ? *name : (unsigned char)*name);
  }
}

static void OnEvent(redlock_client* c, const redlock_event* event, void* arg) {
  static const char* const kWords[] = {"",         "RENEWED", "JEOPARDY", "SAFE",   "LOST",
                                       "DRAINING", "CLOSED",  "WANTED",   "BROKEN", "WATCH"};
  struct Hold* hold = event->lock == NULL ? NULL : HoldOf(event->lock);
  (void)c;
  (void)arg;
  if (hold != NULL && hold->fence == event->fence) {
    if (event->deadline_ns != 0) hold->deadline_ns = event->deadline_ns;
    if (event->type == REDLOCK_EVENT_LOST || event->type == REDLOCK_EVENT_BROKEN) {
      hold->name[0] = '\0';
    }
  }
  printf("event %s", kWords[event->type]);
  if (event->lock != NULL) {
    printf(" lock=");
    PrintName(event->lock);
    printf(" fence=%" PRIu64, event->fence);
  }
  if (event->lock != NULL && event->reason != NULL) printf(" reason=%s", event->reason);
  printf("\n");
}

/* --- Requests -------------------------------------------------------------------------------- */

static void OnAnswer(redlock_client* c, int error, const redlock_reply* reply, void* arg) {
  struct Request* request = arg;
  redlock_grant grant = REDLOCK_GRANT_INIT;
  (void)c;
  const size_t rows = error == REDLOCK_OK ? redlock_reply_rows(reply) : 0;
  if (rows > 0 && request->is_lock) {
    error = GrantedAll(request->id, reply);
  } else if (rows > 0) {
    for (size_t i = 0; i < rows; ++i) {
      struct Hold* hold = HoldOf(redlock_reply_get(reply, i, "lock"));
      if (hold != NULL) hold->name[0] = '\0';
    }
    printf("%s OK\n", request->id);
  } else if (error == REDLOCK_OK && request->is_lock) {
    error = redlock_reply_grant(reply, &grant);
    if (error == REDLOCK_OK) Granted(request->id, request->name, &grant);
  } else if (error == REDLOCK_OK) {
    struct Hold* hold = HoldOf(request->name);
    if (hold != NULL) hold->name[0] = '\0';
    printf("%s OK\n", request->id);
  }
  if (error != REDLOCK_OK) Report(request->id, error);
  request->id[0] = '\0';
}

static struct Request* RequestOf(const char* id) {
  for (int i = 0; i < MOST; ++i) {
    if (strcmp(requests[i].id, id) == 0) return &requests[i];
  }
  return NULL;
}

static void Start(const char* verb, const char* id, const redlock_arg* args, size_t count) {
  struct Request* request = RequestOf("");
  if (request == NULL) exit(70);
  snprintf(request->id, sizeof(request->id), "%s", id);
  snprintf(request->name, sizeof(request->name), "%s", args[0].value);
  request->is_lock = strcmp(verb, "lock") == 0;
  const int error = redlock_start(client, verb, args, count, OnAnswer, request, &request->number);
  if (error != REDLOCK_OK) {
    Report(id, error);
    request->id[0] = '\0';
  }
}

static void Try(const char* id, const char* name, const char* wait) {
  redlock_lock_options options = REDLOCK_LOCK_OPTIONS_INIT;
  redlock_grant grant = REDLOCK_GRANT_INIT;
  options.wait_ns = strtoll(wait, NULL, 10) * INT64_C(1000000); /* "0" or so many "ms" */
  const int error = redlock_lock(client, name, &options, &grant);
  if (error == REDLOCK_OK) {
    Granted(id, name, &grant);
  } else {
    Report(id, error);
  }
}

static void Check(const char* id, const char* name) {
  redlock_grant grant = REDLOCK_GRANT_INIT;
  const int error = redlock_check(client, name, 0, &grant);
  if (error == REDLOCK_OK) {
    Granted(id, name, &grant);
  } else {
    Report(id, error);
  }
}

/* Whether all of them are held still. */
static void Valid(const redlock_arg* names, size_t count) {
  int is_valid = 1;
  printf("valid");
  for (size_t i = 0; i < count; ++i) {
    const struct Hold* hold = HoldOf(names[i].value);
    is_valid = is_valid && hold != NULL && redlock_now() < hold->deadline_ns;
    printf(" ");
    PrintName(names[i].value);
  }
  printf(is_valid ? " yes\n" : " no\n");
}

/* --- Commands -------------------------------------------------------------------------------- */

/* In place. */
static void Decode(char* text) {
  char* to = text;
  for (const char* from = text; *from != '\0'; ++from) {
    char digits[3] = {0};
    if (*from == '%' && from[1] != '\0' && from[2] != '\0') {
      memcpy(digits, from + 1, 2);
      *to++ = (char)strtol(digits, NULL, 16);
      from += 2;
    } else {
      *to++ = *from;
    }
  }
  *to = '\0';
}

static void Obey(char* line) {
  redlock_arg args[MOST] = {{NULL, NULL}};
  size_t count = 0;
  char* rest = NULL;
  const char* command = strtok_r(line, " ", &rest);
  const char* id = NULL;
  if (command == NULL) return;
  if (strcmp(command, "valid") != 0) id = strtok_r(NULL, " ", &rest);
  for (char* word; count < MOST && (word = strtok_r(NULL, " ", &rest)) != NULL; ++count) {
    char* value = count == 0 ? NULL : strchr(word, '=');
    if (value != NULL) *value++ = '\0';
    args[count].key = value == NULL ? NULL : word;
    args[count].value = value == NULL ? word : value;
    Decode(value == NULL ? word : value);
  }
  if (strcmp(command, "connect") == 0) {
    Report("connect", redlock_connect(client, NULL, INT64_C(5000000000)));
  } else if (strcmp(command, "close") == 0) {
    redlock_close(client);
    printf("closed\n");
  } else if (strcmp(command, "valid") == 0 && count > 0) {
    Valid(args, count);
  } else if (strcmp(command, "cancel") == 0 && id != NULL) {
    const struct Request* request = RequestOf(id);
    if (request != NULL) redlock_cancel(client, request->number);
  } else if (strcmp(command, "try") == 0 && count == 2) {
    Try(id, args[0].value, args[1].value);
  } else if (strcmp(command, "check") == 0 && count == 1) {
    Check(id, args[0].value);
  } else if (strcmp(command, "lock-all") == 0 && count > 0) {
    Start("lock", id, args, count);
  } else if (strcmp(command, "unlock-all") == 0 && count > 0) {
    Start("unlock", id, args, count);
  } else if ((strcmp(command, "lock") == 0 || strcmp(command, "unlock") == 0) && count > 0) {
    Start(command, id, args, count);
  } else {
    printf("unsupported\n");
  }
}

/* Obeys the lines that have come; returns 0 at the end of the input. */
static int ReadCommands(void) {
  static char input[LINE];
  static size_t size;
  const ssize_t got = read(STDIN_FILENO, input + size, sizeof(input) - size);
  if (got <= 0) return got < 0 && errno == EINTR;
  size += (size_t)got;
  for (char* end; (end = memchr(input, '\n', size)) != NULL;) {
    const size_t length = (size_t)(end + 1 - input);
    *end = '\0';
    Obey(input);
    size -= length;
    memmove(input, end + 1, size);
  }
  return 1;
}

int main(void) {
  int input_open = 1;
  setvbuf(stdout, NULL, _IOLBF, 0);
  client = redlock_new();
  if (client == NULL || redlock_on_event(client, OnEvent, NULL) != REDLOCK_OK) return 71;
  while (input_open) {
    struct pollfd fds[2] = {{redlock_fd(client), redlock_events(client), 0},
                            {STDIN_FILENO, POLLIN, 0}};
    if (poll(fds, 2, -1) < 0 && errno != EINTR) return 71;
    if (fds[0].revents != 0) redlock_dispatch(client);
    if (fds[1].revents != 0) input_open = ReadCommands();
  }
  redlock_free(client);
  return 0;
}
