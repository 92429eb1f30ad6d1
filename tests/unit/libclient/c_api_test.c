/* The C interface, used from C. Run as `c_api_test NAME`, against the daemon at $REDLOCK_SOCKET
 * (fake_daemon.h says what it understands). Exits with 0, or says what failed and exits with 1. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <redlock/redlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

#define CHECK(condition)                                                      \
  do {                                                                        \
    if (!(condition)) {                                                       \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                                \
    }                                                                         \
  } while (0)

#define CHECK_TEXT(actual, expected)                                                         \
  do {                                                                                       \
    const char* text = (actual);                                                             \
    if (text == NULL || strcmp(text, (expected)) != 0) {                                     \
      fprintf(stderr, "%s:%d: '%s', expected '%s'\n", __FILE__, __LINE__, text, (expected)); \
      exit(1);                                                                               \
    }                                                                                        \
  } while (0)

static redlock_client* Connect(void) {
  redlock_client* client = redlock_new();
  CHECK(client != NULL);
  CHECK(redlock_connect(client, NULL, 10 * SECOND) == REDLOCK_OK);
  return client;
}

/* Makes the fake daemon do one of its tricks. */
static void Trick(redlock_client* client, const char* verb, const char* line) {
  redlock_arg arg = {NULL, line};
  CHECK(redlock_query(client, verb, &arg, line == NULL ? 0 : 1, NULL) == REDLOCK_OK);
}

/* What callbacks saw. */
struct Seen {
  int events;
  redlock_event event; /* the last one; its strings are in lock, reason, by and what */
  char lock[64];
  char reason[128];
  char by[16];
  char what[16];
  int replies;
  int error;
  redlock_grant grant;
};

static void OnEvent(redlock_client* client, const redlock_event* event, void* arg) {
  struct Seen* seen = arg;
  (void)client;
  seen->events++;
  seen->event = *event;
  snprintf(seen->lock, sizeof(seen->lock), "%s", event->lock ? event->lock : "-");
  snprintf(seen->reason, sizeof(seen->reason), "%s", event->reason ? event->reason : "-");
  snprintf(seen->by, sizeof(seen->by), "%s", event->by ? event->by : "-");
  snprintf(seen->what, sizeof(seen->what), "%s", event->what ? event->what : "-");
}

static void OnReply(redlock_client* client, int error, const redlock_reply* reply, void* arg) {
  struct Seen* seen = arg;
  (void)client;
  seen->replies++;
  seen->error = error;
  seen->grant = (redlock_grant)REDLOCK_GRANT_INIT;
  if (error == REDLOCK_OK) redlock_reply_grant(reply, &seen->grant);
}

/* Turns the event loop until *count is at least `least`. */
static int DispatchUntil(redlock_client* client, const int* count, int least) {
  int error = REDLOCK_OK;
  while (*count < least && error == REDLOCK_OK) {
    struct pollfd entry = {redlock_fd(client), redlock_events(client), 0};
    int ready = poll(&entry, 1, 10000);
    CHECK(ready > 0 || errno == EINTR);
    error = redlock_dispatch(client);
  }
  return error;
}

static void LockAndUnlock(void) {
  redlock_client* client = Connect();
  redlock_grant grant = REDLOCK_GRANT_INIT;
  int64_t before = redlock_now();
  CHECK(redlock_lock(client, "a name=50%", NULL, &grant) == REDLOCK_OK);
  CHECK_TEXT(redlock_error_text(client), "");
  CHECK(grant.fence == 1);
  CHECK(grant.deadline_ns >= before + 10 * SECOND);
  CHECK(grant.deadline_ns <= redlock_now() + 10 * SECOND);
  CHECK(grant.ttl_ns == 10 * SECOND);
  CHECK(grant.votes == 3 && grant.nodes == 5);

  redlock_grant checked = REDLOCK_GRANT_INIT;
  CHECK(redlock_check(client, "a name=50%", 0, &checked) == REDLOCK_OK);
  CHECK(checked.fence == grant.fence && checked.deadline_ns == grant.deadline_ns);
  CHECK(checked.ttl_ns == 0 && checked.votes == 0 && checked.nodes == 0);

  CHECK(redlock_unlock(client, "a name=50%", grant.fence, REDLOCK_SYNC) == REDLOCK_OK);
  CHECK(redlock_unlock(client, "a name=50%", 0, 0) == REDLOCK_ENOTHELD);
  CHECK_TEXT(redlock_error_text(client), "not held: not yours");
  CHECK(redlock_check(client, "a name=50%", 0, NULL) == REDLOCK_ENOTHELD);
  redlock_free(client);
}

static void OptionsAreSent(void) { /* the driver looks at what the daemon received */
  redlock_client* client = Connect();
  redlock_lock_options options = REDLOCK_LOCK_OPTIONS_INIT;
  options.wait_ns = SECOND / 4;
  options.ttl_ns = 20 * SECOND;
  options.max_hold_ns = 3600 * SECOND;
  options.note = "nightly run";
  options.renew_events = 1;
  options.min_hold_ns = 60 * SECOND;
  options.events = REDLOCK_WANTED_EVENTS;
  CHECK(redlock_lock(client, "jobs", &options, NULL) == REDLOCK_OK);
  redlock_free(client);
}

static void Contention(void) {
  redlock_client* holder = Connect();
  redlock_client* other = Connect();
  redlock_lock_options options = REDLOCK_LOCK_OPTIONS_INIT;
  CHECK(redlock_lock(holder, "jobs", NULL, NULL) == REDLOCK_OK);
  CHECK(redlock_trylock(other, "jobs", NULL, NULL) == REDLOCK_EBUSY);
  CHECK_TEXT(redlock_error_text(other), "busy: held by pid 12");
  options.wait_ns = 50;
  CHECK(redlock_lock(other, "jobs", &options, NULL) == REDLOCK_ETIMEOUT);
  CHECK(redlock_unlock(holder, "jobs", 0, 0) == REDLOCK_OK);
  CHECK(redlock_trylock(other, "jobs", &options, NULL) == REDLOCK_OK);
  redlock_free(holder);
  redlock_free(other);
}

static void BadArguments(void) {
  redlock_client* client = Connect();
  char name[257];
  redlock_grant no_size = {0, 0, 0, 0, 0, 0};
  redlock_lock_options options = {0, 0, 0, 0, NULL, 0, 0, 0};
  redlock_arg no_value = {"key", NULL};
  redlock_arg bad_key = {"a key", "x"};
  redlock_arg empty = {NULL, ""};
  memset(name, 'x', sizeof(name));
  name[256] = '\0';
  CHECK(redlock_lock(NULL, "x", NULL, NULL) == REDLOCK_EINVAL);
  CHECK(redlock_lock(client, NULL, NULL, NULL) == REDLOCK_EINVAL);
  CHECK(redlock_lock(client, "", NULL, NULL) == REDLOCK_EBADNAME);
  CHECK(redlock_lock(client, name, NULL, NULL) == REDLOCK_EBADNAME);
  CHECK_TEXT(redlock_error_text(client),
             "bad lock name: the lock name has 256 bytes: expected 1 to 255");
  CHECK(redlock_lock(client, "x", NULL, &no_size) == REDLOCK_EINVAL);
  CHECK(redlock_lock(client, "x", &options, NULL) == REDLOCK_EINVAL);
  options = (redlock_lock_options)REDLOCK_LOCK_OPTIONS_INIT;
  options.wait_ns = -2;
  CHECK(redlock_lock(client, "x", &options, NULL) == REDLOCK_EINVAL);
  CHECK_TEXT(redlock_error_text(client), "invalid use: wait_ns is negative");
  options = (redlock_lock_options)REDLOCK_LOCK_OPTIONS_INIT;
  options.events = REDLOCK_WANTED_EVENTS | 2;
  CHECK(redlock_lock(client, "x", &options, NULL) == REDLOCK_EINVAL);
  CHECK_TEXT(redlock_error_text(client),
             "invalid use: events has a bit that is not in redlock_hold_events");
  CHECK(redlock_unlock(client, "x", 0, REDLOCK_SYNC | 0x80) == REDLOCK_EINVAL);
  CHECK_TEXT(redlock_error_text(client),
             "invalid use: flags has a bit that is not in redlock_unlock_flags");
  CHECK(redlock_query(client, NULL, NULL, 0, NULL) == REDLOCK_EINVAL);
  CHECK(redlock_query(client, "two words", NULL, 0, NULL) == REDLOCK_EINVAL);
  CHECK(redlock_query(client, "echo", NULL, 1, NULL) == REDLOCK_EINVAL);
  CHECK(redlock_query(client, "echo", &no_value, 1, NULL) == REDLOCK_EINVAL);
  CHECK(redlock_query(client, "echo", &bad_key, 1, NULL) == REDLOCK_EINVAL);
  CHECK(redlock_query(client, "echo", &empty, 1, NULL) == REDLOCK_EINVAL);
  CHECK(redlock_cancel(client, 77) == REDLOCK_EINVAL);
  CHECK(redlock_connect(client, NULL, 0) == REDLOCK_EINVAL); /* connected already */
  CHECK(redlock_query(client, "ping", NULL, 0, NULL) == REDLOCK_OK);
  redlock_free(client);
  redlock_free(NULL);
}

/* A program that was built with a later version of the header. */
static void LongerStructs(void) {
  redlock_client* client = Connect();
  struct {
    redlock_lock_options known;
    int64_t later;
  } options = {REDLOCK_LOCK_OPTIONS_INIT, 0};
  struct {
    redlock_grant known;
    int64_t later;
  } grant = {REDLOCK_GRANT_INIT, 77};
  options.known.size = sizeof(options);
  options.known.wait_ns = 0;
  grant.known.size = sizeof(grant);
  CHECK(redlock_lock(client, "a", &options.known, &grant.known) == REDLOCK_OK);
  CHECK(grant.known.fence == 1 && grant.known.size == sizeof(grant) && grant.later == 77);
  options.later = 1; /* that we do not know */
  CHECK(redlock_lock(client, "b", &options.known, NULL) == REDLOCK_EINVAL);
  CHECK(strstr(redlock_error_text(client), "does not know") != NULL);
  options.known.size = SIZE_MAX;
  CHECK(redlock_lock(client, "b", &options.known, NULL) == REDLOCK_EINVAL);
  options.known.size = offsetof(redlock_lock_options, min_hold_ns); /* as in version 0.1 */
  options.known.min_hold_ns = SECOND;                               /* which has no such members */
  options.known.events = UINT64_MAX;
  CHECK(redlock_lock(client, "b", &options.known, NULL) == REDLOCK_OK);
  options.known.size -= 1; /* shorter than any version's */
  CHECK(redlock_lock(client, "b", &options.known, NULL) == REDLOCK_EINVAL);
  grant.known.size = sizeof(redlock_grant) - 1;
  CHECK(redlock_check(client, "a", 0, &grant.known) == REDLOCK_EINVAL);
  redlock_free(client);
}

/* The program has closed its standard descriptors: none of them may come to be the socket. */
static void ClosedDescriptors(void) {
  close(0);
  close(1);
  close(2);
  redlock_client* client = Connect();
  if (redlock_fd(client) <= 2) exit(1);
  redlock_free(client);
}

static void LinesHaveABound(void) {
  redlock_client* client = Connect();
  static char word[4097];
  redlock_arg arg = {NULL, word};
  memset(word, 'x', sizeof(word) - 1);
  CHECK(redlock_query(client, "echo", &arg, 1, NULL) == REDLOCK_ELINETOOLONG);
  word[4000] = '\0';
  CHECK(redlock_query(client, "echo", &arg, 1, NULL) == REDLOCK_OK);
  redlock_free(client);
}

static void QueriesGiveRows(void) {
  redlock_client* client = Connect();
  redlock_arg args[] = {{NULL, "a word"}, {"key", "x=y"}, {"empty", ""}};
  redlock_reply* reply = NULL;
  CHECK(redlock_query(client, "echo", args, 3, &reply) == REDLOCK_OK);
  CHECK(redlock_reply_error(reply) == REDLOCK_OK);
  CHECK_TEXT(redlock_reply_text(reply), "");
  CHECK(redlock_reply_rows(reply) == 1);
  CHECK(redlock_reply_fields(reply, 0) == 4);
  CHECK_TEXT(redlock_reply_key(reply, 0, 0), "arg");
  CHECK_TEXT(redlock_reply_value(reply, 0, 0), "a word");
  CHECK_TEXT(redlock_reply_get(reply, 0, "key"), "x=y");
  CHECK_TEXT(redlock_reply_get(reply, 0, "empty"), "");
  CHECK_TEXT(redlock_reply_get(reply, 0, "text"), "what was sent");
  CHECK(redlock_reply_get(reply, 0, "other") == NULL);
  CHECK(redlock_reply_key(reply, 0, 4) == NULL);
  CHECK(redlock_reply_value(reply, 1, 0) == NULL);
  CHECK(redlock_reply_fields(reply, 1) == 0);
  CHECK(redlock_reply_fields(reply, REDLOCK_ANSWER) == 0);
  redlock_reply_free(reply);

  CHECK(redlock_query(client, "hold", NULL, 0, &reply) == REDLOCK_EUNKNOWNVERB);
  CHECK(redlock_reply_error(reply) == REDLOCK_EUNKNOWNVERB);
  CHECK_TEXT(redlock_reply_text(reply), "try help");
  CHECK_TEXT(redlock_reply_get(reply, REDLOCK_ANSWER, "verb"), "hold");
  redlock_reply_free(reply);
  redlock_reply_free(NULL);
  redlock_free(client);
}

static void EventLoop(void) {
  redlock_client* holder = Connect();
  redlock_client* client = Connect();
  struct Seen first = {0}, second = {0};
  CHECK(redlock_lock(holder, "a", NULL, NULL) == REDLOCK_OK);
  CHECK(redlock_start_lock(client, "a", NULL, OnReply, &first, NULL) == REDLOCK_OK);
  CHECK(redlock_start_lock(client, "b", NULL, OnReply, &second, NULL) == REDLOCK_OK);
  /* b is not behind a. */
  CHECK(DispatchUntil(client, &second.replies, 1) == REDLOCK_OK);
  CHECK(second.error == REDLOCK_OK && second.grant.fence == 2);
  CHECK(first.replies == 0);
  /* A blocking call meanwhile. */
  CHECK(redlock_query(client, "ping", NULL, 0, NULL) == REDLOCK_OK);
  CHECK(redlock_unlock(holder, "a", 0, 0) == REDLOCK_OK);
  CHECK(DispatchUntil(client, &first.replies, 1) == REDLOCK_OK);
  CHECK(first.error == REDLOCK_OK && first.grant.fence == 3);
  CHECK(redlock_dispatch(client) == REDLOCK_OK); /* nothing to be done */
  redlock_free(holder);
  redlock_free(client);
}

static void Cancelling(void) {
  redlock_client* holder = Connect();
  redlock_client* client = Connect();
  struct Seen seen = {0};
  uint64_t request = 0;
  CHECK(redlock_lock(holder, "a", NULL, NULL) == REDLOCK_OK);
  CHECK(redlock_start_lock(client, "a", NULL, OnReply, &seen, &request) == REDLOCK_OK);
  CHECK(redlock_cancel(client, request) == REDLOCK_OK);
  CHECK(DispatchUntil(client, &seen.replies, 1) == REDLOCK_OK);
  CHECK(seen.error == REDLOCK_ECANCELLED);
  CHECK(redlock_cancel(client, request) == REDLOCK_EINVAL);
  redlock_free(holder);
  redlock_free(client);
}

static void Events(void) {
  redlock_client* client = Connect();
  struct Seen seen = {0};
  CHECK(redlock_on_event(client, OnEvent, &seen) == REDLOCK_OK);
  Trick(client, "say", "* RENEWED lock=a%20b fence=7 deadline=123456789012");
  CHECK(seen.events == 1 && seen.event.type == REDLOCK_EVENT_RENEWED);
  CHECK(seen.event.size == sizeof(redlock_event));
  CHECK_TEXT(seen.lock, "a b");
  CHECK(seen.event.fence == 7 && seen.event.deadline_ns == INT64_C(123456789012));
  CHECK_TEXT(seen.reason, "-");
  Trick(client, "say", "* JEOPARDY lock=a fence=7 deadline=5");
  CHECK(seen.event.type == REDLOCK_EVENT_JEOPARDY && seen.event.deadline_ns == 5);
  Trick(client, "say", "* SAFE lock=a fence=7 deadline=6");
  CHECK(seen.event.type == REDLOCK_EVENT_SAFE && seen.event.deadline_ns == 6);
  Trick(client, "say", "* LOST lock=a fence=7 reason=max-hold");
  CHECK(seen.event.type == REDLOCK_EVENT_LOST);
  CHECK_TEXT(seen.reason, "max-hold");
  Trick(client, "say", "* DRAINING within=1500ms");
  CHECK(seen.event.type == REDLOCK_EVENT_DRAINING);
  CHECK(seen.event.within_ns == 3 * SECOND / 2);
  CHECK_TEXT(seen.lock, "-");
  Trick(client, "say", "* BROKEN lock=a fence=7 deadline=8");
  CHECK(seen.event.type == REDLOCK_EVENT_BROKEN && seen.event.deadline_ns == 8);
  CHECK_TEXT(seen.lock, "a");
  Trick(client, "say", "* WANTED lock=a fence=7 by=elsewhere");
  CHECK(seen.event.type == REDLOCK_EVENT_WANTED && seen.event.fence == 7);
  CHECK_TEXT(seen.by, "elsewhere");
  CHECK(seen.event.what == NULL && seen.event.pid == 0 && seen.event.uid == -1);
  Trick(client, "say", "* WATCH lock=a%20b what=granted fence=7 pid=12 uid=0");
  CHECK(seen.event.type == REDLOCK_EVENT_WATCH && seen.event.fence == 7);
  CHECK_TEXT(seen.lock, "a b");
  CHECK_TEXT(seen.what, "granted");
  CHECK(seen.event.pid == 12 && seen.event.uid == 0 && seen.event.missed == 0);
  Trick(client, "say", "* WATCH missed=12345");
  CHECK(seen.event.missed == 12345 && seen.event.lock == NULL && seen.event.what == NULL);
  CHECK(seen.events == 9);
  Trick(client, "say", "* WONDER lock=a new=1"); /* of a newer daemon */
  CHECK(seen.events == 9);
  redlock_free(client);
}

static void DaemonCloses(void) {
  redlock_client* client = Connect();
  redlock_client* holder = Connect();
  struct Seen seen = {0};
  redlock_arg last = {NULL, "* DRAINING within=1s"};
  CHECK(redlock_on_event(client, OnEvent, &seen) == REDLOCK_OK);
  CHECK(redlock_lock(holder, "a", NULL, NULL) == REDLOCK_OK);
  CHECK(redlock_start_lock(client, "a", NULL, OnReply, &seen, NULL) == REDLOCK_OK);
  CHECK(redlock_query(client, "drop", &last, 1, NULL) == REDLOCK_ECLOSED);
  CHECK(seen.replies == 1 && seen.error == REDLOCK_ECLOSED);
  CHECK(seen.events == 2); /* what came before the end is given before it */
  CHECK(seen.event.type == REDLOCK_EVENT_CLOSED);
  CHECK_TEXT(seen.reason, "the daemon closed the connection");
  CHECK(redlock_fd(client) == -1 && redlock_events(client) == 0);
  CHECK(redlock_dispatch(client) == REDLOCK_ECLOSED);
  CHECK(redlock_query(client, "ping", NULL, 0, NULL) == REDLOCK_ECLOSED);
  CHECK(redlock_connect(client, NULL, 10 * SECOND) == REDLOCK_OK);
  CHECK(redlock_query(client, "ping", NULL, 0, NULL) == REDLOCK_OK);
  redlock_free(client);
  redlock_free(holder);
}

static void Closing(void) {
  redlock_client* client = Connect();
  redlock_client* holder = Connect();
  struct Seen seen = {0};
  CHECK(redlock_on_event(client, OnEvent, &seen) == REDLOCK_OK);
  CHECK(redlock_lock(holder, "a", NULL, NULL) == REDLOCK_OK);
  CHECK(redlock_start_lock(client, "a", NULL, OnReply, &seen, NULL) == REDLOCK_OK);
  CHECK(redlock_close(client) == REDLOCK_OK);
  CHECK(seen.replies == 1 && seen.error == REDLOCK_ECLOSED);
  CHECK(seen.events == 0);
  CHECK(redlock_close(client) == REDLOCK_OK);
  redlock_free(client);
  redlock_free(holder);
}

static void Nonsense(void) {
  redlock_client* client = Connect();
  struct Seen seen = {0};
  redlock_arg line = {NULL, "HTTP/1.1 400 Bad Request"};
  CHECK(redlock_on_event(client, OnEvent, &seen) == REDLOCK_OK);
  CHECK(redlock_query(client, "say", &line, 1, NULL) == REDLOCK_ECLOSED);
  CHECK(seen.event.type == REDLOCK_EVENT_CLOSED);
  CHECK_TEXT(seen.reason, "'HTTP/1.1': expected OK, ERR, - or *");
  redlock_free(client);
}

static void NoAnswer(void) {
  redlock_client* client = Connect();
  CHECK(redlock_set_answer_timeout(client, SECOND / 20) == REDLOCK_OK);
  CHECK(redlock_query(client, "mute", NULL, 0, NULL) == REDLOCK_ENOANSWER);
  CHECK_TEXT(redlock_error_text(client), "the daemon does not answer");
  CHECK(redlock_set_answer_timeout(client, 10 * SECOND) == REDLOCK_OK);
  CHECK(redlock_query(client, "ping", NULL, 0, NULL) == REDLOCK_OK);
  redlock_free(client);
}

/* A grant that comes when nobody waits for it any more is let go of. */
static void LateGrant(void) {
  redlock_client* client = Connect();
  redlock_lock_options options = REDLOCK_LOCK_OPTIONS_INIT;
  options.wait_ns = 0;
  Trick(client, "deaf", NULL);
  CHECK(redlock_set_answer_timeout(client, SECOND / 20) == REDLOCK_OK);
  CHECK(redlock_lock(client, "a", &options, NULL) == REDLOCK_ENOANSWER);
  CHECK(redlock_set_answer_timeout(client, 10 * SECOND) == REDLOCK_OK);
  CHECK(redlock_query(client, "ping", NULL, 0, NULL) == REDLOCK_OK); /* the grant comes before */
  CHECK(redlock_check(client, "a", 0, NULL) == REDLOCK_ENOTHELD);
  redlock_free(client);
}

/* --- Several locks at once -------------------------------------------------------------------- */

static const char* const kAB[] = {"a", "b"};

static void Sets(void) {
  redlock_client* client = Connect();
  redlock_client* other = Connect();
  redlock_lock_options options = REDLOCK_LOCK_OPTIONS_INIT;
  redlock_grant grants[2] = {REDLOCK_GRANT_INIT, REDLOCK_GRANT_INIT};
  const char* const with_c[] = {"c", "b"};
  CHECK(redlock_lock_set(client, kAB, 2, NULL, grants) == REDLOCK_OK);
  CHECK(grants[0].fence == 1 && grants[1].fence == 2);
  CHECK(grants[0].ttl_ns == 10 * SECOND && grants[1].votes == 3 && grants[1].nodes == 5);
  CHECK(grants[1].deadline_ns > redlock_now());
  CHECK(redlock_check(client, "b", grants[1].fence, NULL) == REDLOCK_OK);

  options.wait_ns = 0;
  CHECK(redlock_lock_set(other, with_c, 2, &options, grants) == REDLOCK_EBUSY);
  CHECK_TEXT(redlock_error_text(other), "busy: 'b': held by pid 12");
  CHECK(redlock_unlock_set(client, with_c, 2, 0) == REDLOCK_ENOTHELD);
  CHECK_TEXT(redlock_error_text(client), "not held: 'c': not yours");
  CHECK(redlock_trylock(other, "b", NULL, NULL) == REDLOCK_EBUSY); /* none was released */
  CHECK(redlock_unlock_set(client, kAB, 2, REDLOCK_SYNC) == REDLOCK_OK);
  CHECK(redlock_lock_set(other, with_c, 2, &options, NULL) == REDLOCK_OK);

  /* One name is a set, too. */
  CHECK(redlock_lock_set(client, kAB, 1, NULL, grants) == REDLOCK_OK);
  CHECK(grants[0].fence == 5);
  CHECK(redlock_unlock_set(client, kAB, 1, 0) == REDLOCK_OK);
  redlock_free(client);
  redlock_free(other);
}

/* A lock may have the name of a word. */
static void ASetWithTheNameOfAWord(void) {
  static const char* const kNames[] = {"a", "sync"};
  redlock_client* client = Connect();
  CHECK(redlock_lock_set(client, kNames, 2, NULL, NULL) == REDLOCK_OK);
  CHECK(redlock_unlock_set(client, kNames, 2, 0) == REDLOCK_OK);
  CHECK(redlock_check(client, "sync", 0, NULL) == REDLOCK_ENOTHELD);
  CHECK(redlock_lock_set(client, kNames, 2, NULL, NULL) == REDLOCK_OK);
  CHECK(redlock_unlock_set(client, kNames, 2, REDLOCK_SYNC) == REDLOCK_OK);
  CHECK(redlock_check(client, "sync", 0, NULL) == REDLOCK_ENOTHELD);
  redlock_free(client);
}

static void BadSets(void) {
  static const char* const kTwice[] = {"a", "b", "a"};
  static const char* const kEmpty[] = {"a", ""};
  redlock_client* client = Connect();
  redlock_grant grants[2] = {REDLOCK_GRANT_INIT, REDLOCK_GRANT_INIT};
  const char* many[17];
  char names[17][256];
  for (size_t i = 0; i < 17; ++i) {
    memset(names[i], 'a' + (int)i, 255);
    names[i][255] = '\0';
    many[i] = names[i];
  }
  CHECK(redlock_lock_set(client, NULL, 1, NULL, NULL) == REDLOCK_EINVAL);
  CHECK(redlock_lock_set(client, kAB, 0, NULL, NULL) == REDLOCK_EINVAL);
  CHECK(redlock_lock_set(client, kTwice, 3, NULL, NULL) == REDLOCK_EINVAL);
  CHECK(strstr(redlock_error_text(client), "'a' is named twice") != NULL);
  CHECK(redlock_lock_set(client, kEmpty, 2, NULL, NULL) == REDLOCK_EBADNAME);
  CHECK(redlock_lock_set(client, many, 17, NULL, NULL) == REDLOCK_EINVAL);
  CHECK(strstr(redlock_error_text(client), "expected 1 to 16 names, found 17") != NULL);
  CHECK(redlock_lock_set(client, many, 16, NULL, NULL) == REDLOCK_ELINETOOLONG);
  CHECK(redlock_unlock_set(client, kTwice, 3, 0) == REDLOCK_EINVAL);
  CHECK(redlock_unlock_set(client, kAB, 2, 2) == REDLOCK_EINVAL);
  grants[1].size = 0;
  CHECK(redlock_lock_set(client, kAB, 2, NULL, grants) == REDLOCK_EINVAL);
  redlock_free(client);
}

/* As of a later version, which has another size. */
static void SetsOfLongerGrants(void) {
  struct Longer {
    redlock_grant known;
    int64_t later;
  } grants[2] = {{REDLOCK_GRANT_INIT, 77}, {REDLOCK_GRANT_INIT, 78}};
  redlock_client* client = Connect();
  grants[0].known.size = grants[1].known.size = sizeof(grants[0]);
  CHECK(redlock_lock_set(client, kAB, 2, NULL, &grants[0].known) == REDLOCK_OK);
  CHECK(grants[0].known.fence == 1 && grants[0].later == 77);
  CHECK(grants[1].known.fence == 2 && grants[1].later == 78);
  CHECK(redlock_unlock_set(client, kAB, 2, 0) == REDLOCK_OK);
  grants[1].known.size = sizeof(redlock_grant);
  CHECK(redlock_lock_set(client, kAB, 2, NULL, &grants[0].known) == REDLOCK_EINVAL);
  redlock_free(client);
}

static void OnSet(redlock_client* client, int error, const redlock_reply* reply, void* arg) {
  struct Seen* seen = arg;
  (void)client;
  seen->replies++;
  seen->error = error;
  seen->grant = (redlock_grant)REDLOCK_GRANT_INIT;
  if (error != REDLOCK_OK) return;
  CHECK(redlock_reply_grant(reply, &seen->grant) == REDLOCK_EPROTOCOL); /* it is in the rows */
  CHECK(redlock_reply_grant_at(reply, 2, &seen->grant) == REDLOCK_EPROTOCOL);
  CHECK(redlock_reply_grant_at(reply, 1, &seen->grant) == REDLOCK_OK);
  CHECK_TEXT(redlock_reply_get(reply, 1, "lock"), "b");
}

static void SetsInAnEventLoop(void) {
  redlock_client* holder = Connect();
  redlock_client* client = Connect();
  struct Seen first = {0}, second = {0};
  uint64_t request = 0;
  CHECK(redlock_lock(holder, "b", NULL, NULL) == REDLOCK_OK);
  CHECK(redlock_start_lock_set(client, kAB, 2, NULL, OnSet, &first, &request) == REDLOCK_OK);
  CHECK(redlock_cancel(client, request) == REDLOCK_OK);
  CHECK(DispatchUntil(client, &first.replies, 1) == REDLOCK_OK);
  CHECK(first.error == REDLOCK_ECANCELLED);
  CHECK(redlock_start_lock_set(client, kAB, 2, NULL, OnSet, &second, NULL) == REDLOCK_OK);
  CHECK(redlock_query(client, "ping", NULL, 0, NULL) == REDLOCK_OK);
  CHECK(redlock_unlock(holder, "b", 0, 0) == REDLOCK_OK);
  CHECK(DispatchUntil(client, &second.replies, 1) == REDLOCK_OK);
  CHECK(second.error == REDLOCK_OK && second.grant.fence == 3);
  redlock_free(holder);
  redlock_free(client);
}

/* A grant for which nobody waits any more is given back, each lock by its fence. */
static void ALateGrantOfASet(void) {
  redlock_client* client = Connect();
  redlock_lock_options options = REDLOCK_LOCK_OPTIONS_INIT;
  options.wait_ns = 0;
  Trick(client, "deaf", NULL);
  CHECK(redlock_set_answer_timeout(client, SECOND / 20) == REDLOCK_OK);
  CHECK(redlock_lock_set(client, kAB, 2, &options, NULL) == REDLOCK_ENOANSWER);
  CHECK(redlock_set_answer_timeout(client, 10 * SECOND) == REDLOCK_OK);
  CHECK(redlock_query(client, "ping", NULL, 0, NULL) == REDLOCK_OK); /* the grant comes before */
  CHECK(redlock_check(client, "a", 0, NULL) == REDLOCK_ENOTHELD);
  CHECK(redlock_check(client, "b", 0, NULL) == REDLOCK_ENOTHELD);
  redlock_free(client);
}

static void Fork(void) {
  redlock_client* client = Connect();
  int status = -1;
  CHECK(redlock_lock(client, "a", NULL, NULL) == REDLOCK_OK);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    CHECK(redlock_unlock(client, "a", 0, 0) == REDLOCK_EFORK);
    CHECK(redlock_lock(client, "b", NULL, NULL) == REDLOCK_EFORK);
    CHECK(redlock_start(client, "ping", NULL, 0, NULL, NULL, NULL) == REDLOCK_EFORK);
    CHECK(redlock_dispatch(client) == REDLOCK_EFORK);
    CHECK(redlock_close(client) == REDLOCK_EFORK);
    CHECK(redlock_connect(client, NULL, 0) == REDLOCK_EFORK);
    CHECK(redlock_fd(client) == -1);
    CHECK_TEXT(redlock_error_text(client), "used in a process other than the one that connected");
    redlock_free(client);
    exit(0);
  }
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(redlock_check(client, "a", 0, NULL) == REDLOCK_OK);
  redlock_free(client);
}

/* Where the child keeps the session, it has a copy of its own. The parent's end of a pipe closes when
 * the child is to end. */
static void ForkedChild(int keeps) {
  redlock_client* client = Connect();
  redlock_client* other = Connect();
  redlock_lock_options options = REDLOCK_LOCK_OPTIONS_INIT;
  int ends[2];
  int status = -1;
  char byte;
  const int fd = redlock_fd(client);
  const int copy = keeps ? dup(fd) : -1;
  CHECK(pipe(ends) == 0);
  CHECK(redlock_lock(client, "a", NULL, NULL) == REDLOCK_OK);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    CHECK(fcntl(fd, F_GETFD) == -1 && errno == EBADF);
    CHECK((copy >= 0) == (fcntl(copy, F_GETFD) != -1));
    close(ends[1]);
    CHECK(read(ends[0], &byte, 1) == 0);
    exit(0);
  }
  close(ends[0]);
  if (keeps) close(copy);
  redlock_free(client);
  if (keeps) {
    options.wait_ns = SECOND;
    CHECK(redlock_lock(other, "a", &options, NULL) == REDLOCK_ETIMEOUT);
  } else {
    CHECK(redlock_lock(other, "a", NULL, NULL) == REDLOCK_OK);
  }
  close(ends[1]);
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  if (keeps) CHECK(redlock_lock(other, "a", NULL, NULL) == REDLOCK_OK);
  redlock_free(other);
}

static void AForkedChildKeepsNothing(void) { ForkedChild(0); }
static void AForkedChildMayKeepACopy(void) { ForkedChild(1); }

static void NotFromCallbacks(redlock_client* client, const redlock_event* event, void* arg) {
  int* started = arg;
  if (event->type != REDLOCK_EVENT_SAFE) return;
  CHECK(redlock_lock(client, "a", NULL, NULL) == REDLOCK_EINVAL);
  CHECK_TEXT(redlock_error_text(client), "invalid use: called from a callback of the same client");
  CHECK(redlock_dispatch(client) == REDLOCK_EINVAL);
  CHECK(redlock_close(client) == REDLOCK_EINVAL);
  CHECK(redlock_start_lock(client, "a", NULL, NULL, NULL, NULL) == REDLOCK_OK);
  ++*started;
}

static void Callbacks(void) {
  redlock_client* client = Connect();
  int started = 0;
  CHECK(redlock_on_event(client, NotFromCallbacks, &started) == REDLOCK_OK);
  Trick(client, "say", "* SAFE lock=x fence=1 deadline=1");
  CHECK(started == 1);
  CHECK(redlock_query(client, "ping", NULL, 0, NULL) == REDLOCK_OK);
  CHECK(redlock_check(client, "a", 0, NULL) == REDLOCK_OK);
  redlock_free(client);
}

static void Connecting(void) {
  redlock_client* client = redlock_new();
  char path[200];
  CHECK(redlock_fd(client) == -1);
  CHECK(redlock_lock(client, "a", NULL, NULL) == REDLOCK_ECLOSED);
  CHECK_TEXT(redlock_error_text(client), "connection closed: not connected");
  CHECK(redlock_connect(client, "/nowhere/redlockd.sock", SECOND) == REDLOCK_ECONNECT);
  CHECK_TEXT(redlock_error_text(client),
             "cannot connect to the daemon: /nowhere/redlockd.sock: "
             "No such file or directory");
  memset(path, 'x', sizeof(path));
  path[199] = '\0';
  CHECK(redlock_connect(client, path, SECOND) == REDLOCK_ECONNECT);
  CHECK(redlock_connect(client, getenv("REDLOCK_SOCKET"), 10 * SECOND) == REDLOCK_OK);
  redlock_free(client);
}

/* $REDLOCK_SOCKET is a daemon whose greeting is not what it should be; argv[2] is the error
 * expected. */
static int expected_error;
static void Greeting(void) {
  redlock_client* client = redlock_new();
  CHECK(redlock_connect(client, NULL, 20 * SECOND) == expected_error);
  CHECK(redlock_fd(client) == -1);
  redlock_free(client);
}

static void Texts(void) {
  CHECK_TEXT(redlock_strerror(REDLOCK_OK), "no error");
  CHECK_TEXT(redlock_strerror(REDLOCK_EDEADLOCK), "deadlock");
  CHECK_TEXT(redlock_strerror(12345), "no such error");
  CHECK(redlock_version()[0] >= '0' && redlock_version()[0] <= '9');
  CHECK_TEXT(redlock_error_text(NULL), "");
}

static const struct {
  const char* name;
  void (*run)(void);
} kTests[] = {
    {"LockAndUnlock", LockAndUnlock},
    {"OptionsAreSent", OptionsAreSent},
    {"Contention", Contention},
    {"BadArguments", BadArguments},
    {"LongerStructs", LongerStructs},
    {"ClosedDescriptors", ClosedDescriptors},
    {"LinesHaveABound", LinesHaveABound},
    {"QueriesGiveRows", QueriesGiveRows},
    {"EventLoop", EventLoop},
    {"Cancelling", Cancelling},
    {"Events", Events},
    {"DaemonCloses", DaemonCloses},
    {"Closing", Closing},
    {"Nonsense", Nonsense},
    {"NoAnswer", NoAnswer},
    {"LateGrant", LateGrant},
    {"Sets", Sets},
    {"ASetWithTheNameOfAWord", ASetWithTheNameOfAWord},
    {"BadSets", BadSets},
    {"SetsOfLongerGrants", SetsOfLongerGrants},
    {"SetsInAnEventLoop", SetsInAnEventLoop},
    {"ALateGrantOfASet", ALateGrantOfASet},
    {"Fork", Fork},
    {"AForkedChildKeepsNothing", AForkedChildKeepsNothing},
    {"AForkedChildMayKeepACopy", AForkedChildMayKeepACopy},
    {"Callbacks", Callbacks},
    {"Connecting", Connecting},
    {"Greeting", Greeting},
    {"Texts", Texts},
};

int main(int argc, char** argv) {
  if (argc > 2) expected_error = atoi(argv[2]);
  for (size_t i = 0; argc > 1 && i < sizeof(kTests) / sizeof(kTests[0]); ++i) {
    if (strcmp(argv[1], kTests[i].name) != 0) continue;
    kTests[i].run();
    return 0;
  }
  fprintf(stderr, "usage: c_api_test NAME [ERROR]\n");
  return 2;
}
