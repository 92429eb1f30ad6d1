/* libredlock: the C interface to redlockd.
 *
 * A client is one session with the daemon of this host. The session holds the locks that the client
 * takes: they end when they are unlocked, when the client is closed or freed, or when its process
 * dies.
 *
 * There are two ways to use it, and they may be mixed:
 *
 * - Blocking: redlock_lock(), redlock_unlock(), redlock_check() and redlock_query() return with the
 *   answer.
 * - Event loop: redlock_start_connect(), redlock_start_lock() and redlock_start() return at once.
 *   Poll redlock_fd() for redlock_events(), for at most redlock_poll_timeout(), then call
 *   redlock_dispatch(), which runs your callbacks.
 *
 * UNITS. All times are nanoseconds. A deadline is absolute, on CLOCK_BOOTTIME, so that it can be
 * checked without the daemon: redlock_now() < deadline. If the daemon has a different clock (one of
 * the two processes is in a time namespace), the library converts the deadlines of grants and
 * events; those that redlock_reply_get() returns are as the daemon wrote them. A negative duration
 * is allowed only where it is documented.
 *
 * FENCES increase strictly from one grant of a lock to the next, on all hosts, and are below 2^63.
 * 0 means no fence. Send the fence with every write to the resource that the lock protects, and
 * make the resource refuse a fence that is older than the newest it has seen: nothing else stops a
 * holder that was paused past its deadline.
 *
 * STRINGS are NUL-terminated bytes. A lock name has 1 to 255 bytes, any but NUL; the library
 * encodes them for the wire. What you give to a call (strings, options, args) is read during the
 * call and may go after it. Strings that the library returns belong to it; each call documents how
 * long they are valid. The `arg` of a callback must be valid for as long as the callback may come.
 *
 * BLOCKING. A call waits for the daemon only if its description begins with "Blocks", and for no
 * longer than it says; the rest return at once, whatever state the daemon is in. A signal that the
 * program handles does not end a call. redlock_wakeup() does, from any thread and in a signal
 * handler.
 *
 * THREADS. A client may be used by only one thread at a time, but for redlock_wakeup(). Different
 * clients are independent. redlock_now(), redlock_strerror() and redlock_version() may be called
 * from any thread.
 *
 * FORK. The daemon keeps a session, and its locks, as long as any process has a copy of its socket.
 * A forked child has none: the library closes it there, by a function that it has registered with
 * pthread_atfork(), and the socket is close-on-exec. So the locks end with the process that took
 * them. If a child is to keep them, give it a copy that dup() has made of redlock_fd(). In a process
 * other than the one that connected, every call on the client fails with REDLOCK_EFORK and writes
 * nothing; redlock_free() frees the memory.
 *
 * CALLBACKS run inside redlock_dispatch() and inside blocking calls, in the thread that made the
 * call. They may start requests, and, once the client is not connected any more, start to connect.
 * They must not block on, dispatch, connect, close or free the same client (the first four are
 * refused with REDLOCK_EINVAL).
 *
 * ERRORS. Calls that return int return REDLOCK_OK or one of enum redlock_error;
 * redlock_error_text() describes the last error. Any of them may return EINVAL and ENOMEM; one that
 * sends a request also ECLOSED, EFORK, ELINETOOLONG and whatever the daemon answers (EBADREQUEST,
 * EBADNAME, EUNKNOWNVERB, EUNKNOWNOPTION, EDENIED, ELIMIT, EUNKNOWN); and one that blocks also
 * ENOANSWER, ECANCELLED (by redlock_wakeup()) and EPROTOCOL. The calls list what else they return.
 * No C++ exception crosses this interface.
 *
 * GROWTH. Structs begin with `size`, which the caller sets with the matching _INIT macro, so that
 * later versions can add members at the end. A library accepts the structs of older and of newer
 * versions; a struct of a newer version must not set members that this library does not know
 * (REDLOCK_EINVAL).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct redlock_client redlock_client;
typedef struct redlock_reply redlock_reply;

/* The numbers are part of the ABI. The groups show where the cause lies. */
enum redlock_error {
  REDLOCK_OK = 0,

  /* The caller's mistakes, as reported by the daemon. */
  REDLOCK_EBADREQUEST = 1,
  REDLOCK_EBADNAME = 2,
  REDLOCK_EUNKNOWNVERB = 3,
  REDLOCK_EUNKNOWNOPTION = 4,
  REDLOCK_ELINETOOLONG = 5,
  REDLOCK_ENOTHELD = 6,  /* this session does not hold it */
  REDLOCK_ELOST = 7,     /* this session held it, but the hold ended early; reported once */
  REDLOCK_EDEADLOCK = 8, /* it would wait for itself, see redlock_lock() */
  REDLOCK_ENOSUCHTAG = 9,

  /* Contention. */
  REDLOCK_EBUSY = 16,      /* another holds it, and the call was not to wait */
  REDLOCK_ETIMEOUT = 17,   /* another held it until the wait was over */
  REDLOCK_ECANCELLED = 18, /* the wait was cancelled, or ended by redlock_wakeup() */
  REDLOCK_ENOTURN = 19, /* the daemon had too much to do to ask the nodes in time; the lock may be
                              free */

  /* The Redis nodes. */
  REDLOCK_ENOQUORUM = 32, /* too few nodes are reachable or trusted; the text says why */

  /* The daemon. */
  REDLOCK_ELIMIT = 48,  /* too many sessions, holds, waits or new names, or a rule's quota is met */
  REDLOCK_EDENIED = 49, /* only administrators may do this, or a rule does not let this user; or
                             this user may not connect */
  REDLOCK_EDRAINING = 50, /* the daemon is shutting down and grants no more locks */
  REDLOCK_EUNKNOWN = 52,  /* an error word that this library does not know */

  /* This side of the socket. */
  REDLOCK_EINVAL = 64, /* an argument or the state of the client does not allow the call */
  REDLOCK_ENOMEM = 65,
  REDLOCK_EFORK = 66,     /* this is not the process that connected */
  REDLOCK_ECONNECT = 67,  /* no daemon listens on the socket */
  REDLOCK_ECLOSED = 68,   /* not connected; nobody renews what the client holds: see
                             REDLOCK_EVENT_CLOSED */
  REDLOCK_ENOANSWER = 69, /* the daemon did not answer within the answer timeout */
  REDLOCK_EPROTOCOL = 70  /* the other side does not speak the line protocol, version 1 */
};

/* Returns a constant text in lower case, never NULL: "busy", "not held", ... */
const char* redlock_strerror(int error);

/* Returns the version of the library, "MAJOR.MINOR.PATCH". */
const char* redlock_version(void);

/* Returns the time of CLOCK_BOOTTIME, in ns. It reads the clock through the vDSO, without a system
 * call. */
int64_t redlock_now(void);

/* --- Client ---------------------------------------------------------------------------------- */

/* Returns a new client that is not connected, or NULL if there is no memory. */
redlock_client* redlock_new(void);

/* Closes and frees the client. NULL is allowed. Callbacks of unanswered requests are not called.
 * Nobody may be in a call on the client, redlock_wakeup() included. */
void redlock_free(redlock_client* client);

/* Blocks for at most timeout_ns (negative: without limit). Connects and waits for the daemon's
 * greeting. socket_path NULL means $REDLOCK_SOCKET, or /run/redlockd/redlockd.sock if that is not
 * set. If the client is connected already, or connecting, the call returns REDLOCK_EINVAL. A client
 * that was closed may connect again: that begins a new session, and the holds of the old one are
 * gone. Errors: ECONNECT, EDENIED (no permission for the socket), ENOANSWER, ECANCELLED, EPROTOCOL,
 * ELIMIT (too many sessions), ECLOSED (the daemon closed the connection after its greeting), EFORK. */
int redlock_connect(redlock_client* client, const char* socket_path, int64_t timeout_ns);

/* Returns the daemon's CLOCK_BOOTTIME minus this process's, as measured when it connected. 0 means
 * that both use the same clock, or that the daemon is too old to report its clock. The library has
 * converted deadlines already. */
int64_t redlock_clock_offset(const redlock_client* client);

/* Closes the session: its locks are released and its waits are cancelled. Unanswered requests, and
 * an attempt to connect, end with REDLOCK_ECLOSED; their callbacks are called from here. There is no
 * REDLOCK_EVENT_CLOSED. Errors: EFORK. */
int redlock_close(redlock_client* client);

/* Returns a description of the last error of this client, including the daemon's text, or "" if the
 * last call succeeded. The string is valid until the next call on the client. Never NULL. */
const char* redlock_error_text(const redlock_client* client);

/* Ends the blocking call that another thread is in on this client, or if there is none the next one,
 * with REDLOCK_ECANCELLED. A request has been sent then, but its answer is not waited for: an unlock
 * takes place, and a lock is cancelled and, if it is granted nevertheless, released at once. May be
 * called in any thread, and in a signal handler, until redlock_free() begins; errno is kept. In a
 * process other than the one that connected, and with NULL, it does nothing. */
void redlock_wakeup(redlock_client* client);

/* Sets how long a blocking call waits for an answer; negative: without limit. The default is 10 s.
 * A lock call with a bounded wait returns at most half a second after the end of that wait (or
 * earlier, if the answer timeout is shorter), whatever state the daemon is in. When the time is
 * over the call returns REDLOCK_ENOANSWER and the request is cancelled; if the lock is granted
 * nevertheless, the library releases it at once. */
int redlock_set_answer_timeout(redlock_client* client, int64_t timeout_ns);

/* --- Locks ----------------------------------------------------------------------------------- */

#define REDLOCK_FOREVER INT64_C(-1)

enum redlock_hold_events {
  REDLOCK_WANTED_EVENTS = 1 /* send REDLOCK_EVENT_WANTED when another waits for the lock */
};

typedef struct redlock_lock_options {
  size_t size;         /* sizeof(redlock_lock_options), set by REDLOCK_LOCK_OPTIONS_INIT */
  int64_t wait_ns;     /* how long to wait; 0: do not wait; REDLOCK_FOREVER: the default */
  int64_t ttl_ns;      /* 0: the daemon's lease.ttl; else a ttl within the daemon's bounds */
  int64_t max_hold_ns; /* 0: no limit; else no deadline is later than this after the grant */
  const char* note;    /* NULL: none; else up to 255 bytes, shown by `list` */
  int renew_events;    /* nonzero: send REDLOCK_EVENT_RENEWED for each renewal */
  int64_t min_hold_ns; /* 0: none; else nobody gets the lock before this long after the grant, even
                          if it is unlocked or its process dies before. At most 24 h, and at most
                          max_hold_ns if that is not 0 */
  uint64_t events;     /* other events to be sent: enum redlock_hold_events, or 0; other bits are
                          refused with REDLOCK_EINVAL */
} redlock_lock_options;

#define REDLOCK_LOCK_OPTIONS_INIT \
  { sizeof(redlock_lock_options), REDLOCK_FOREVER, 0, 0, NULL, 0, 0, 0 }

typedef struct redlock_grant {
  size_t size;         /* sizeof(redlock_grant), set by REDLOCK_GRANT_INIT */
  uint64_t fence;      /* the fencing token */
  int64_t deadline_ns; /* on CLOCK_BOOTTIME: the lock is yours until then, and longer if it is
                          renewed; moves back only with REDLOCK_EVENT_JEOPARDY */
  int64_t ttl_ns;      /* the ttl of the lease; 0 in the answer of redlock_check() */
  int votes;           /* how many nodes had granted it; 0 in the answer of redlock_check() */
  int nodes;           /* how many nodes there are; 0 in the answer of redlock_check() */
} redlock_grant;

#define REDLOCK_GRANT_INIT \
  { sizeof(redlock_grant), 0, 0, 0, 0, 0 }

/* Blocks for options->wait_ns and half a second more at most; for the answer timeout if that is 0;
 * and with REDLOCK_FOREVER as long as the lock is held by others, even if the daemon hangs: the
 * answer timeout does not bound that. Takes the lock. options NULL means REDLOCK_LOCK_OPTIONS_INIT;
 * grant may be NULL. EDEADLOCK: the session holds the lock or waits for it already; or another of
 * this host holds it, and waits, perhaps by way of others, for a lock that this session took by a
 * blocking call: release that one, and begin again. Errors: EBUSY (wait 0), ETIMEOUT, ENOTURN,
 * EDEADLOCK, ENOQUORUM, EDRAINING, EBADREQUEST (the ttl is out of bounds; the text gives them). */
int redlock_lock(redlock_client* client, const char* name, const redlock_lock_options* options,
                 redlock_grant* grant);

/* Blocks for the answer timeout at most. Like redlock_lock() with a wait of 0, whatever
 * options->wait_ns is. */
int redlock_trylock(redlock_client* client, const char* name, const redlock_lock_options* options,
                    redlock_grant* grant);

/* Like redlock_lock(), but for 1 to 16 different names: takes all of them or none, and holds none of
 * them while it waits, so those who take several cannot wait for each other in a circle, in whatever
 * order the names stand. The options hold for each. grants may be NULL; else it has `count` members, each
 * set by REDLOCK_GRANT_INIT, for the names in their order. From then on each name is a hold of its own,
 * with its own fence, deadline and events, as if it had been taken alone. If it fails, the text says which
 * name could not be had. EINVAL: a name stands there twice, or there are too many. ELINETOOLONG: they
 * have more than about 4,000 bytes together, where one that is not ASCII, or a space, counts as three.
 * EBADREQUEST: the daemon is too old to take several. */
int redlock_lock_set(redlock_client* client, const char* const* names, size_t count,
                     const redlock_lock_options* options, redlock_grant* grants);

enum redlock_unlock_flags {
  REDLOCK_SYNC = 1 /* return when a majority of the nodes has released the lock, or keeps it for its
                      min_hold_ns; without this flag, as soon as it is released on this host */
};

/* Blocks for the answer timeout at most. Releases the lock. If fence is 0, it does so whatever the
 * fence of the hold is, else only if the hold has that fence. flags is 0 or of enum
 * redlock_unlock_flags; other bits are refused with EINVAL. Errors: ENOTHELD, ELOST, and with
 * REDLOCK_SYNC ENOQUORUM. */
int redlock_unlock(redlock_client* client, const char* name, uint64_t fence, unsigned flags);

/* Like redlock_unlock(), of 1 to 16 names, all different: releases all of them, or none if it fails with
 * ENOTHELD or ELOST, which is for one of the names: the text says for which. Then release each of the
 * others by itself. */
int redlock_unlock_set(redlock_client* client, const char* const* names, size_t count,
                       unsigned flags);

/* Blocks for the answer timeout at most. Asks the daemon whether the lock is still held: by this
 * session if fence is 0, else by any session of this host with that fence. Writes fence and
 * deadline_ns of *grant; grant may be NULL. Errors: ENOTHELD, ELOST. */
int redlock_check(redlock_client* client, const char* name, uint64_t fence, redlock_grant* grant);

/* --- Any request ----------------------------------------------------------------------------- */

/* One word of a request: a positional argument if key is NULL, else key=value. The library encodes
 * both key and value. */
typedef struct redlock_arg {
  const char* key;
  const char* value;
} redlock_arg;

/* Blocks for the answer timeout at most. Sends `verb args...` (list, show NAME, nodes, stats, break,
 * trust-empty, adopt, ping, ...) and waits for the answer. If the call returns REDLOCK_OK or an
 * error that the daemon answered, *reply is the answer, which the caller frees with
 * redlock_reply_free(); else *reply is NULL. reply may be NULL. */
int redlock_query(redlock_client* client, const char* verb, const redlock_arg* args,
                  size_t arg_count, redlock_reply** reply);

/* --- Replies --------------------------------------------------------------------------------- */

/* A reply does not change, and outlives its client. Its strings are valid as long as it is. None of
 * these calls takes a NULL reply but redlock_reply_free(). If a line has a text for people, it
 * follows the fields as one more field with the key "text". The fields are in the daemon's order;
 * ignore keys that you do not know. A row index is 0..redlock_reply_rows()-1, or REDLOCK_ANSWER for
 * the OK or ERR line itself. */
#define REDLOCK_ANSWER SIZE_MAX

/* Returns REDLOCK_OK or the error. */
int redlock_reply_error(const redlock_reply* reply);

/* Returns the text of an ERR answer, else "". */
const char* redlock_reply_text(const redlock_reply* reply);

/* Return the number of rows, and of fields in a row. */
size_t redlock_reply_rows(const redlock_reply* reply);
size_t redlock_reply_fields(const redlock_reply* reply, size_t row);

/* Return the key or the value of a field by its index, or the value of the field with that key.
 * They return NULL if there is no such row or field. */
const char* redlock_reply_key(const redlock_reply* reply, size_t row, size_t field);
const char* redlock_reply_value(const redlock_reply* reply, size_t row, size_t field);
const char* redlock_reply_get(const redlock_reply* reply, size_t row, const char* key);

/* Reads fence, deadline, ttl and votes from the answer to a lock request. EPROTOCOL: the fence or
 * the deadline is missing. */
int redlock_reply_grant(const redlock_reply* reply, redlock_grant* grant);

/* Reads the same from a row. The answer to a lock request for several names has a row for each, in their
 * order, and no grant in its last line. That for one name has no row: its grant is in REDLOCK_ANSWER. */
int redlock_reply_grant_at(const redlock_reply* reply, size_t row, redlock_grant* grant);

/* Frees a reply that redlock_query() or redlock_request_query() gave; NULL is allowed. One that a
 * callback was given belongs to the library. */
void redlock_reply_free(redlock_reply* reply);

/* --- Event loop ------------------------------------------------------------------------------ */

/* Receives the answer to a request. `error` is REDLOCK_OK, the daemon's error, or REDLOCK_ECLOSED.
 * `reply` belongs to the library and is valid during the call; it is NULL if the connection ended
 * before the answer. */
typedef void (*redlock_reply_fn)(redlock_client* client, int error, const redlock_reply* reply,
                                 void* arg);

/* Receives the end of an attempt to connect: REDLOCK_OK, an error of redlock_connect(), or
 * REDLOCK_ECLOSED after redlock_close(). redlock_error_text() describes it. */
typedef void (*redlock_connect_fn)(redlock_client* client, int error, void* arg);

/* Begins to connect, as redlock_connect() does, and returns. Unless the call itself fails, done is
 * called once with arg, from redlock_dispatch() or redlock_close(), when the client is connected or
 * has failed to, which is after timeout_ns at the latest (negative: without limit), unless the client
 * is freed first. done may be NULL. Until then requests fail with REDLOCK_ECLOSED. If the user may
 * not connect, the call looks up the name of the socket's group, which may take a name service some
 * time. Errors: ECONNECT, EDENIED, EFORK. */
int redlock_start_connect(redlock_client* client, const char* socket_path, int64_t timeout_ns,
                          redlock_connect_fn done, void* arg);

/* Starts a request and returns. Later, done is called once with arg, from redlock_dispatch(),
 * redlock_close() or a blocking call, unless the client is freed first. There is no timeout: done is
 * called when the daemon answers, or the connection ends. done may be NULL. If request is not NULL,
 * the call stores a number for redlock_cancel() in *request; no two requests of a client have the
 * same. redlock_start_lock() bounds the wait in the daemon by options->wait_ns. What
 * redlock_start_lock_set() may be given is that of redlock_lock_set(); read the grant of each name with
 * redlock_reply_grant_at(). */
int redlock_start(redlock_client* client, const char* verb, const redlock_arg* args,
                  size_t arg_count, redlock_reply_fn done, void* arg, uint64_t* request);
int redlock_start_lock(redlock_client* client, const char* name,
                       const redlock_lock_options* options, redlock_reply_fn done, void* arg,
                       uint64_t* request);
int redlock_start_lock_set(redlock_client* client, const char* const* names, size_t count,
                           const redlock_lock_options* options, redlock_reply_fn done, void* arg,
                           uint64_t* request);

/* Asks the daemon to cancel a started lock request, and returns. Its callback is still called, when
 * the daemon answers: with REDLOCK_ECANCELLED, or with a grant that crossed the cancellation. EINVAL:
 * there is no such request, or it has been answered already. */
int redlock_cancel(redlock_client* client, uint64_t request);

/* Returns the descriptor to poll, or -1 if there is none: the client is not connected, or it is
 * connecting to a daemon that does not accept connections yet. It belongs to the library. It does not
 * change while the client is connected; while it is connecting, ask again after each dispatch. */
int redlock_fd(const redlock_client* client);

/* Returns what to poll redlock_fd() for: POLLIN, or POLLIN|POLLOUT; 0 if that is -1. Call it again
 * after each call on the client. */
short redlock_events(const redlock_client* client);

/* Returns for how long to poll, in ns, until redlock_dispatch() has something to do even if there is
 * no event; negative: there is no such time. There is one while the client is connecting, and while it
 * keeps a socket after REDLOCK_EVENT_CLOSED. Call it again after each call on the client. */
int64_t redlock_poll_timeout(const redlock_client* client);

/* Goes on connecting, or sends and reads as much as is possible without blocking; runs callbacks.
 * REDLOCK_ECLOSED or EPROTOCOL: the connection is over (and REDLOCK_EVENT_CLOSED was delivered). An
 * error of redlock_connect(): the client has failed to connect. Harmless if there is nothing to do. */
int redlock_dispatch(redlock_client* client);

/* --- Events ---------------------------------------------------------------------------------- */

enum redlock_event_type {
  REDLOCK_EVENT_RENEWED = 1,  /* lock, fence, deadline_ns: the new deadline */
  REDLOCK_EVENT_JEOPARDY = 2, /* lock, fence, deadline_ns: renewal is failing */
  REDLOCK_EVENT_SAFE = 3,     /* lock, fence, deadline_ns: renewal works again */
  REDLOCK_EVENT_LOST = 4,     /* lock, fence, reason: the hold is over; delivered no later than its
                                 deadline */
  REDLOCK_EVENT_DRAINING = 5, /* within_ns: the daemon is stopping; release within that time */
  REDLOCK_EVENT_CLOSED = 6,   /* reason: the daemon closed the session, died, or violated the
                                 protocol. Holds are good until their last known deadlines; assume
                                 that they are not renewed any more. (After a violation the library
                                 keeps the socket until then, unless the client is closed or freed,
                                 because the daemon would release the locks at once) */
  REDLOCK_EVENT_WANTED = 7, /* lock, fence, by: another waits for the lock. This is advice; it comes
                                 at most once for each hold, with REDLOCK_WANTED_EVENTS */
  REDLOCK_EVENT_BROKEN = 8, /* lock, fence, deadline_ns: an administrator ended the hold. Another
                                 has the lock no sooner than that deadline, unless the administrator
                                 wanted it free at once */
  REDLOCK_EVENT_WATCH = 9,  /* what happened to a lock on this host, sent to a client that watches
                                 it: redlock_query(client, "watch", ...). lock, what, and where they
                                 apply fence, reason, by, and pid and uid of the holder. Or missed
                                 alone: the number of these events that were dropped because the
                                 client did not read them */
  REDLOCK_EVENT_STOP = 10,  /* only for a redlock_hold, see redlock/session.h: stop now */
};

typedef struct redlock_event {
  size_t size;         /* sizeof(redlock_event) of the library */
  int type;            /* enum redlock_event_type */
  const char* lock;    /* NULL if the type has none */
  uint64_t fence;      /* 0 if the type has none */
  int64_t deadline_ns; /* 0 if the type has none */
  int64_t within_ns;   /* 0 if the type has none */
  const char* reason;  /* NULL if the type has none */
  const char* by;      /* who waits: "here", another session of this host, or "elsewhere", another
                          host; NULL if the type has none */
  const char* what; /* "granted", "ended", "wanted", "kept" or "released"; a later daemon may have
                          other words; NULL if the type has none */
  int64_t pid;      /* 0 if the type has none, or the process is of another pid namespace */
  int64_t uid;      /* -1 if the type has none */
  uint64_t missed;  /* 0 if the type has none */
} redlock_event;

/* The event and its strings are valid during the call. */
typedef void (*redlock_event_fn)(redlock_client* client, const redlock_event* event, void* arg);

/* Sets the one function that receives all events of this client; NULL for none. It stays set when the
 * client is closed and connects again. */
int redlock_on_event(redlock_client* client, redlock_event_fn fn, void* arg);

#ifdef __cplusplus
}
#endif
