/* libredlock: the C interface to redlockd.
 *
 * A client is one session of the daemon on this host. The locks it takes are held by that session:
 * they end when they are unlocked, when the client is closed or freed, or when its process dies.
 *
 * There are two ways to use it, and they may be mixed:
 *
 * - Blocking: redlock_lock(), redlock_unlock(), redlock_check() and redlock_query() return with the
 *   answer.
 * - Event loop: redlock_start_lock() and redlock_start() return at once; poll redlock_fd() for
 *   redlock_events(), then call redlock_dispatch(), which calls you back.
 *
 * UNITS. All times are nanoseconds. A deadline is absolute, on CLOCK_BOOTTIME, so that it can be
 * judged without the daemon: redlock_now() < deadline. Where the daemon's clock is another (one of
 * the two is in a time namespace) the library converts the deadlines of grants and events; those
 * that redlock_reply_get() shows are as the daemon wrote them. A negative duration is allowed only
 * where it says so.
 *
 * FENCES grow strictly from one grant of a lock to the next, on all hosts, and are below 2^63. 0 is
 * no fence. Send it with every write to the thing that the lock protects, and have that refuse a
 * fence older than the newest it has seen: nothing else stops a holder that was paused past its
 * deadline.
 *
 * STRINGS are NUL-terminated bytes. A lock name is 1 to 255 of them, any but NUL; the library
 * encodes them for the wire. Strings that come out of the library belong to it; each call says for
 * how long.
 *
 * THREADS. A client belongs to one thread at a time; different clients need no care. redlock_now(),
 * redlock_strerror() and redlock_version() may be called from anywhere.
 *
 * FORK. The daemon keeps a session as long as any copy of its socket is open, also a forked
 * child's. The socket is close-on-exec. In another process than the one that connected, every call
 * on the client fails with REDLOCK_EFORK and writes nothing; redlock_free() there frees memory and
 * closes the copy.
 *
 * CALLBACKS run inside redlock_dispatch() and inside blocking calls, in the thread that made the
 * call. They may start requests; they must not block, dispatch, connect, close or free the same
 * client (the first four are refused with REDLOCK_EINVAL).
 *
 * ERRORS. Calls that return int return REDLOCK_OK or one of enum redlock_error;
 * redlock_error_text() has the last one in words. No C++ exception crosses this interface.
 *
 * GROWTH. Structs begin with `size`, which the caller sets by the matching _INIT macro, so that
 * later versions can add members at the end. A library takes the structs of older and of newer
 * versions; one of a newer version may not set what this library does not know (REDLOCK_EINVAL).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct redlock_client redlock_client;
typedef struct redlock_reply redlock_reply;

/* Numbers are part of the ABI; the groups say whose fault it is. */
enum redlock_error {
  REDLOCK_OK = 0,

  /* The caller's, said by the daemon. */
  REDLOCK_EBADREQUEST = 1,
  REDLOCK_EBADNAME = 2,
  REDLOCK_EUNKNOWNVERB = 3,
  REDLOCK_EUNKNOWNOPTION = 4,
  REDLOCK_ELINETOOLONG = 5,
  REDLOCK_ENOTHELD = 6,  /* this session does not hold it */
  REDLOCK_ELOST = 7,     /* this session held it, and the hold ended without it; said once */
  REDLOCK_EDEADLOCK = 8, /* this session holds it or waits for it already */
  REDLOCK_ENOSUCHTAG = 9,

  /* Contention. */
  REDLOCK_EBUSY = 16,      /* held by another, and asked not to wait */
  REDLOCK_ETIMEOUT = 17,   /* held by another until the wait was over */
  REDLOCK_ECANCELLED = 18, /* the wait was cancelled */

  /* The Redis nodes. */
  REDLOCK_ENOQUORUM = 32, /* too few nodes reachable or trusted; the text says why */

  /* The daemon. */
  REDLOCK_ELIMIT = 48,    /* too many sessions, holds or waits */
  REDLOCK_EDENIED = 49,   /* for administrators only */
  REDLOCK_EDRAINING = 50, /* it is shutting down and grants nothing new */
  REDLOCK_EINTERNAL = 51,
  REDLOCK_EUNKNOWN = 52, /* an error word that this library does not know */

  /* This side of the socket. */
  REDLOCK_EINVAL = 64, /* an argument, or the state of the client, forbids the call */
  REDLOCK_ENOMEM = 65,
  REDLOCK_EFORK = 66,    /* another process than the one that connected */
  REDLOCK_ECONNECT = 67, /* no daemon at the socket */
  REDLOCK_ECLOSED =
      68, /* not connected (any more): all holds of the client are over or about to be */
  REDLOCK_ENOANSWER = 69, /* the daemon did not answer within the answer timeout */
  REDLOCK_EPROTOCOL = 70  /* the other side does not speak the line protocol, version 1 */
};

/* A constant text in lower case, never NULL: "busy", "not held", ... */
const char* redlock_strerror(int error);

/* "MAJOR.MINOR.PATCH" of the library. */
const char* redlock_version(void);

/* Now on CLOCK_BOOTTIME, in ns. No system call beyond the vDSO's clock. */
int64_t redlock_now(void);

/* --- Client ---------------------------------------------------------------------------------- */

/* A new client that is not connected. NULL: no memory. */
redlock_client* redlock_new(void);

/* Closes and frees. NULL is allowed. Callbacks of requests under way are not called. */
void redlock_free(redlock_client* client);

/* Connects and waits for the daemon's greeting, at most timeout_ns (negative: for ever).
 * socket_path NULL means $REDLOCK_SOCKET, and without that /run/redlockd/redlockd.sock. A client
 * that is connected gives REDLOCK_EINVAL; one that was closed may connect again: that is a new
 * session, and holds of the old are gone. Errors: ECONNECT, ENOANSWER, EPROTOCOL, ELIMIT (too many
 * sessions), EINVAL, ENOMEM. */
int redlock_connect(redlock_client* client, const char* socket_path, int64_t timeout_ns);

/* The daemon's CLOCK_BOOTTIME minus this process's, as found when it connected; 0: the same clock,
 * or the daemon is too old to tell. Deadlines have been converted already. */
int64_t redlock_clock_offset(const redlock_client* client);

/* Closes the session; everything it holds and waits for is let go. Requests under way end with
 * REDLOCK_ECLOSED; no event CLOSED is given. */
int redlock_close(redlock_client* client);

/* The last error of this client in words, with what the daemon said; "" if the last call went well.
 * Valid until the next call on the client. Never NULL. */
const char* redlock_error_text(const redlock_client* client);

/* How long a blocking call waits for an answer; negative: for ever. The default is 10 s. A lock
 * that may wait a bounded time returns at the latest half a second after that time (or earlier, if
 * the answer timeout is shorter), whatever state the daemon is in. When it is over the call gives
 * REDLOCK_ENOANSWER, the request is cancelled, and if it is granted all the same the library lets
 * go of it at once. */
int redlock_set_answer_timeout(redlock_client* client, int64_t timeout_ns);

/* --- Locks ----------------------------------------------------------------------------------- */

#define REDLOCK_FOREVER INT64_C(-1)

typedef struct redlock_lock_options {
  size_t size;     /* sizeof(redlock_lock_options), set by REDLOCK_LOCK_OPTIONS_INIT */
  int64_t wait_ns; /* how long to wait in line; 0: do not; REDLOCK_FOREVER: the default */
  int64_t ttl_ns;  /* 0: the daemon's lease.ttl; else within its bounds */
  int64_t
      max_hold_ns;  /* 0: none; else no deadline beyond this long after the grant is ever given */
  const char* note; /* NULL: none; else up to 255 bytes, shown by `list` */
  int renew_events; /* nonzero: REDLOCK_EVENT_RENEWED for each renewal */
} redlock_lock_options;

#define REDLOCK_LOCK_OPTIONS_INIT \
  { sizeof(redlock_lock_options), REDLOCK_FOREVER, 0, 0, NULL, 0 }

typedef struct redlock_grant {
  size_t size;         /* sizeof(redlock_grant), set by REDLOCK_GRANT_INIT */
  uint64_t fence;      /* the fencing token */
  int64_t deadline_ns; /* CLOCK_BOOTTIME: yours until then, longer if it is renewed; never moved
                          back but with REDLOCK_EVENT_JEOPARDY */
  int64_t ttl_ns;      /* of the lease; 0 in the answer of redlock_check() */
  int votes;           /* nodes that had granted it by then; 0 in the answer of redlock_check() */
  int nodes;           /* of so many; 0 likewise */
} redlock_grant;

#define REDLOCK_GRANT_INIT \
  { sizeof(redlock_grant), 0, 0, 0, 0, 0 }

/* Takes the lock. options NULL means REDLOCK_LOCK_OPTIONS_INIT; grant may be NULL.
 * Errors: EBADNAME, EBUSY (wait 0), ETIMEOUT, ECANCELLED, EDEADLOCK, ENOQUORUM, ELIMIT, EDRAINING,
 * ENOANSWER, ECLOSED, EFORK, EINVAL, EBADREQUEST (a ttl out of bounds: the text names them). */
int redlock_lock(redlock_client* client, const char* name, const redlock_lock_options* options,
                 redlock_grant* grant);

/* redlock_lock() that does not wait, whatever options->wait_ns says. */
int redlock_trylock(redlock_client* client, const char* name, const redlock_lock_options* options,
                    redlock_grant* grant);

enum redlock_unlock_flags {
  REDLOCK_SYNC =
      1 /* answer once a majority of the nodes has released, not as soon as it is let go here */
};

/* Lets go. fence 0: whatever the fence; else only that hold. Errors: ENOTHELD, ELOST, and as above.
 */
int redlock_unlock(redlock_client* client, const char* name, uint64_t fence, unsigned flags);

/* Asks the daemon whether the lock is still held: by this session (fence 0), or by whoever holds it
 * on this host with that fence. Writes fence and deadline_ns of *grant, which may be NULL. Errors:
 * ENOTHELD, ELOST. */
int redlock_check(redlock_client* client, const char* name, uint64_t fence, redlock_grant* grant);

/* --- Any request ----------------------------------------------------------------------------- */

/* One word of a request: a positional argument if key is NULL, else key=value. The library encodes
 * both. */
typedef struct redlock_arg {
  const char* key;
  const char* value;
} redlock_arg;

/* Sends `verb args...` (list, show NAME, nodes, stats, trust-empty, adopt, ping, help, ...) and
 * waits for its answer. With REDLOCK_OK, and with an error that the daemon answered, *reply is the
 * answer, to be freed by redlock_reply_free(); else it is NULL. */
int redlock_query(redlock_client* client, const char* verb, const redlock_arg* args,
                  size_t arg_count, redlock_reply** reply);

/* --- Replies --------------------------------------------------------------------------------- */

/* Strings of a reply live as long as the reply does. What a line says for people stands behind its
 * fields, as one more with the key "text". Field order is the daemon's; unknown keys are to be
 * ignored. A row index is 0..redlock_reply_rows()-1, or REDLOCK_ANSWER for the OK or ERR line
 * itself. */
#define REDLOCK_ANSWER ((size_t)-1)

int redlock_reply_error(const redlock_reply* reply);        /* REDLOCK_OK or the error */
const char* redlock_reply_text(const redlock_reply* reply); /* of an ERR; "" else */
size_t redlock_reply_rows(const redlock_reply* reply);
size_t redlock_reply_fields(const redlock_reply* reply, size_t row);
const char* redlock_reply_key(const redlock_reply* reply, size_t row,
                              size_t field); /* NULL: no such */
const char* redlock_reply_value(const redlock_reply* reply, size_t row,
                                size_t field); /* NULL: no such */
const char* redlock_reply_get(const redlock_reply* reply, size_t row,
                              const char* key); /* NULL: no such */
/* Reads lock, fence, deadline, ttl and votes of a grant. EPROTOCOL if they are not there. */
int redlock_reply_grant(const redlock_reply* reply, redlock_grant* grant);
void redlock_reply_free(redlock_reply* reply);

/* --- Event loop ------------------------------------------------------------------------------ */

/* The answer of a request: `error` is REDLOCK_OK, the daemon's error, or REDLOCK_ECLOSED. `reply`
 * is valid during the call, owned by the library, and NULL if the connection ended before the
 * answer. */
typedef void (*redlock_reply_fn)(redlock_client* client, int error, const redlock_reply* reply,
                                 void* arg);

/* Starts a request and returns; done(arg) is called once, later, from redlock_dispatch() or from a
 * blocking call, unless the client is freed first. done may be NULL. *request, if not NULL, gets a
 * number for redlock_cancel(). */
int redlock_start(redlock_client* client, const char* verb, const redlock_arg* args,
                  size_t arg_count, redlock_reply_fn done, void* arg, uint64_t* request);
int redlock_start_lock(redlock_client* client, const char* name,
                       const redlock_lock_options* options, redlock_reply_fn done, void* arg,
                       uint64_t* request);

/* Asks the daemon to give up a started lock. Its done is still called: with REDLOCK_ECANCELLED, or
 * with a grant that was under way. EINVAL: no such request, or answered already. */
int redlock_cancel(redlock_client* client, uint64_t request);

/* To be polled; -1: not connected. The number stays the same while connected. */
int redlock_fd(const redlock_client* client);

/* What to poll redlock_fd() for now: POLLIN, or POLLIN|POLLOUT. Ask again after each call on the
 * client. */
short redlock_events(const redlock_client* client);

/* Sends and reads what can be without blocking, and calls back. REDLOCK_ECLOSED or EPROTOCOL: the
 * connection is over (then REDLOCK_EVENT_CLOSED was given). Harmless when nothing is to be done. */
int redlock_dispatch(redlock_client* client);

/* --- Events ---------------------------------------------------------------------------------- */

enum redlock_event_type {
  REDLOCK_EVENT_RENEWED = 1,  /* lock, fence, deadline_ns: the new deadline */
  REDLOCK_EVENT_JEOPARDY = 2, /* lock, fence, deadline_ns: renewal is failing */
  REDLOCK_EVENT_SAFE = 3,     /* lock, fence, deadline_ns: it works again */
  REDLOCK_EVENT_LOST = 4, /* lock, fence, reason: the hold is over; no later than its deadline */
  REDLOCK_EVENT_DRAINING = 5, /* within_ns: the daemon stops; let go within that time */
  REDLOCK_EVENT_CLOSED = 6 /* reason: the daemon closed the session, died, or wrote what is not its
                              protocol. Holds are good until the deadlines told, and are to be
                              taken for renewed no more. (In the last case the library keeps the
                              socket until then, unless it is closed or freed: the daemon would
                              let go at once) */
};

typedef struct redlock_event {
  size_t size;         /* sizeof(redlock_event) of the library */
  int type;            /* enum redlock_event_type */
  const char* lock;    /* NULL where the type has none */
  uint64_t fence;      /* 0 likewise */
  int64_t deadline_ns; /* 0 likewise */
  int64_t within_ns;   /* 0 likewise */
  const char* reason;  /* NULL likewise */
} redlock_event;

/* The event and its strings are valid during the call. */
typedef void (*redlock_event_fn)(redlock_client* client, const redlock_event* event, void* arg);

/* Sets the one function that gets all events of this client, NULL for none. */
int redlock_on_event(redlock_client* client, redlock_event_fn fn, void* arg);

#ifdef __cplusplus
}
#endif
