/* libredlock: one session for all threads of a process.
 *
 * A redlock_session is one connection and one thread, for any number of threads and locks. It
 * connects when it is needed, and again after the daemon has gone. A redlock_hold is one
 * acquisition of a lock, or of several at once: from redlock_hold_lock() until redlock_hold_unlock().
 * In the daemon each hold is an owner of its own, so two holds of one name exclude each other, also
 * within a process. A daemon that is too old to know owners is refused with REDLOCK_EPROTOCOL. A redlock_request asks
 * the daemon what it knows, through the same connection.
 *
 * The general rules of redlock.h (units, fences, strings, blocking, errors, growth) hold here too,
 * except:
 *
 * BLOCKING. A handled signal does not end a call. redlock_hold_cancel() and redlock_request_cancel()
 * do, in another thread; they are not for signal handlers.
 *
 * THREADS. Any thread may use a session. A hold or a request may be used by one thread at a time; but
 * any thread may call redlock_hold_cancel(), redlock_hold_fence(), redlock_hold_fence_of(),
 * redlock_hold_deadline(), redlock_hold_valid() and redlock_request_cancel() until it is freed. The
 * session's thread has all signals blocked.
 *
 * FUNCTIONS OF THE CALLER run in the session's thread and must return soon: while they run, nobody
 * hears of a grant, an answer or an event before the time of a wait is over. There,
 * redlock_hold_lock(), redlock_hold_check() and the calls of a redlock_request fail with
 * REDLOCK_EINVAL, and redlock_hold_unlock() does not wait.
 *
 * SEVERAL LOCKS. A hold of several names gets all of them or none, and has none of them while it waits,
 * so those who take several cannot wait for each other in a circle, in whatever order the names stand.
 * Each name has a fence of its own. The hold is as good as the least of its locks: it has the earliest
 * of their deadlines, it is valid while all of them are, and it is lost with the first that is. The others
 * then stay held until redlock_hold_unlock() or redlock_hold_free(), which release all that is left, so
 * that the holder can stop in time under them.
 *
 * LOSS OF THE DAEMON. A wait goes on with the next connection; attempts are made after pauses of 10
 * ms to 1 s. A hold is good until its deadline, but nobody renews it: it gets
 * REDLOCK_EVENT_JEOPARDY, and no REDLOCK_EVENT_SAFE follows.
 *
 * FORK. In a child no hold of the parent is valid, and the calls on its holds and requests fail with
 * REDLOCK_EFORK. The child's copy of the socket is closed by a function that the library has registered
 * with pthread_atfork(), so the locks end with the parent. A session is usable in the child, where
 * it connects for itself. */
#pragma once

#include <redlock/redlock.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct redlock_session redlock_session;
typedef struct redlock_hold redlock_hold;
typedef struct redlock_request redlock_request;

/* Returns a new session, or NULL if there is no memory. socket_path NULL means $REDLOCK_SOCKET, or
 * /run/redlockd/redlockd.sock if that is not set. The path is copied. Nothing is connected yet. */
redlock_session* redlock_session_new(const char* socket_path);

/* Returns a new handle of the session that all parts of the process share; there is one for each
 * path. It lasts as long as the process. NULL if there is no memory. */
redlock_session* redlock_session_shared(const char* socket_path);

/* Frees the handle; NULL is allowed. The session ends when its handles, holds and requests are freed:
 * then the call, or redlock_hold_free() or redlock_request_free(), waits for a function of a holder
 * that is running, but never for the daemon. */
void redlock_session_free(redlock_session* session);

#define REDLOCK_DEFAULT_MARGIN INT64_C(-1)

enum redlock_hold_flags {
  /* The thread that locks counts as the holder, until the lock is released by any thread. Another
   * lock of that name with this flag, by that thread in this session, fails with REDLOCK_EDEADLOCK:
   * it would wait for itself. So does a lock that is held on this host by a thread or a process that
   * waits, perhaps by way of others, for one that this thread has locked with this flag. */
  REDLOCK_FOR_THREAD = 1
};

/* Receives what happens to a hold: REDLOCK_EVENT_JEOPARDY (renewal is failing; reason says why, as
 * text), SAFE (renewal works again), DRAINING (within_ns), STOP (less than the margin is left, or
 * the hold is lost: the hold is not valid any more) and LOST (reason: "expired", "max-hold",
 * "drain", "broken" or what became of the connection). STOP comes at most once, and before LOST. The
 * event is valid during the call. Of a hold of several locks, `lock`, `fence` and `deadline_ns` are
 * those of the one that it is about: the first that came into jeopardy, the last that is safe again,
 * the one that is lost, the one that ends first (STOP), or the first of the names (DRAINING). None
 * comes after the release, but a call that has begun is not waited for: it may go on after
 * redlock_hold_unlock() or redlock_hold_free() has returned. So arg must be valid until drop_arg is
 * called, or until the session has ended. */
typedef void (*redlock_hold_fn)(const redlock_event* event, void* arg);

typedef struct redlock_hold_options {
  size_t size;         /* sizeof(redlock_hold_options), set by REDLOCK_HOLD_OPTIONS_INIT */
  int64_t ttl_ns;      /* 0: the daemon's lease.ttl; else a ttl within the daemon's bounds */
  int64_t max_hold_ns; /* 0: no limit; else no deadline is later than this after the grant */
  int64_t min_hold_ns; /* 0: none; else nobody gets the lock before; at most 24 h */
  /* How long before its deadline the hold stops being valid. REDLOCK_DEFAULT_MARGIN: a third of the
   * ttl (or of max_hold_ns, if that is shorter), but at most 5 s. A larger margin than half of
   * that time is reduced to the half. */
  int64_t margin_ns;
  /* How long a wait without limit goes on without a daemon that answers; negative: without limit; 0:
   * it connects once. The default is 5 s. A bounded wait tries to connect until it is over,
   * and a try connects once. */
  int64_t connect_timeout_ns;
  int64_t answer_timeout_ns; /* how long a try (wait 0) waits for the answer; > 0; default: 1 s */
  const char* note;          /* NULL: none; else up to 255 bytes, shown by `list`; copied */
  redlock_hold_fn on_event;  /* NULL: none */
  void* arg;                 /* of on_event */
  /* NULL: none; else it is called once, in any thread, when on_event will not be called any more. */
  void (*drop_arg)(void* arg);
  uint64_t flags; /* enum redlock_hold_flags, or 0; other bits are refused with EINVAL */
} redlock_hold_options;

#define REDLOCK_HOLD_OPTIONS_INIT                                                       \
  {                                                                                     \
    sizeof(redlock_hold_options), 0, 0, 0, REDLOCK_DEFAULT_MARGIN, INT64_C(5000000000), \
        INT64_C(1000000000), NULL, NULL, NULL, NULL, 0                                  \
  }

/* Makes a hold that is not locked yet; it keeps the session alive. The strings are copied. options
 * NULL means REDLOCK_HOLD_OPTIONS_INIT. Unless the call returns REDLOCK_OK, *hold is NULL, and
 * drop_arg is not called. Errors: EINVAL, EBADNAME (the name is empty or longer than 255 bytes),
 * ENOMEM. */
int redlock_hold_new(redlock_session* session, const char* name,
                     const redlock_hold_options* options, redlock_hold** hold);

/* Like redlock_hold_new(), for 1 to 16 names, all different. The options are those of each of them; the
 * margin is that of the shortest ttl. Errors also: EINVAL (a name stands there twice, or there are too
 * many). */
int redlock_hold_new_set(redlock_session* session, const char* const* names, size_t count,
                         const redlock_hold_options* options, redlock_hold** hold);

/* Takes the lock; once for each hold. Blocks for at most wait_ns plus some milliseconds, whatever state
 * the daemon is in. A wait_ns of 0 is a try, which does not wait for another holder: it blocks for at
 * most answer_timeout_ns. REDLOCK_FOREVER has no limit, but if the daemon hangs, which is noticed after
 * 10 to 15 s, the call returns connect_timeout_ns later. Errors: EBUSY (wait 0), ETIMEOUT,
 * ENOTURN, ECANCELLED, EDEADLOCK (with REDLOCK_FOR_THREAD), ENOQUORUM, ELIMIT, EDRAINING,
 * EBADREQUEST, ECONNECT, EDENIED, ENOANSWER (the daemon hangs: a grant that is late is given back),
 * ECLOSED, EPROTOCOL, ENOMEM (no thread or no descriptor), EINVAL, EFORK. Of several names the text
 * says which could not be had; EPROTOCOL also if the daemon is too old to take several, and ELINETOOLONG
 * if they have more than about 4,000 bytes together with the note, where one that is not ASCII, or a
 * space, counts as three. */
int redlock_hold_lock(redlock_hold* hold, int64_t wait_ns);

/* Ends a redlock_hold_lock() that another thread is in, with REDLOCK_ECANCELLED, and one that begins
 * later; a lock that was granted already stays granted. A grant that crosses the cancellation is
 * given back. It does not block. */
void redlock_hold_cancel(redlock_hold* hold);

/* Blocks for a quarter of a second at most, and not at all if the daemon is known to hang. Releases
 * the lock, or all of the locks. REDLOCK_OK: all that was done under the lock was protected. ELOST:
 * the hold ended before, so the last part of the work may not have been protected. ENOTHELD: it is
 * not locked, or is released already. EFORK. */
int redlock_hold_unlock(redlock_hold* hold);

/* Blocks for answer_timeout_ns at most. Asks the daemon whether the lock is still held, or all of
 * the locks, and learns the deadline. ELOST: it is not; the hold is not valid any more. ENOTHELD:
 * it is not locked, or is released already. ECLOSED: the connection by which it was granted has
 * ended, and no other knows of it; it is good until its deadline. ENOANSWER, EINVAL, ENOMEM,
 * EFORK. */
int redlock_hold_check(redlock_hold* hold);

/* Releases the lock if it is held, without waiting for the answer, and frees the hold. NULL is
 * allowed. */
void redlock_hold_free(redlock_hold* hold);

/* These ask nobody. They make no system call; valid() takes hardly longer than the clock, which it
 * reads through the vDSO. The daemon writes the deadlines of up to 252 holds of a session to memory
 * that it shares with this process, so they follow renewals, and losses, also while the session's
 * thread does not run. */

/* Returns the fence, of several locks that of the first name; 0 before the grant. */
uint64_t redlock_hold_fence(const redlock_hold* hold);
/* Returns the fence of that lock; 0 before the grant, and if the hold is not for it. */
uint64_t redlock_hold_fence_of(const redlock_hold* hold, const char* name);
/* Returns the latest deadline that is known, in ns of CLOCK_BOOTTIME, of several locks the earliest of
 * theirs; 0 before the grant. */
int64_t redlock_hold_deadline(const redlock_hold* hold);
/* Returns 1 if the holder may rely on the lock, or on all of the locks: it is held, more than the margin is left, no
 * REDLOCK_EVENT_STOP came, and this is the process that took it. Else 0. */
int redlock_hold_valid(const redlock_hold* hold);

/* Returns a description of the error of the last lock, check or unlock, with the lock's name; "" if
 * it succeeded. Valid until the next of them. Never NULL. */
const char* redlock_hold_error_text(const redlock_hold* hold);

/* --- Requests -------------------------------------------------------------------------------- */

/* What a session can be asked besides its locks. A request may be used again, but not after a
 * cancel. It connects once, if there is no connection, and it is sent once: if the connection ends
 * before the answer, nobody knows what became of it. */

/* Returns a new request, which keeps the session alive, or NULL if there is no memory or the session
 * is NULL. */
redlock_request* redlock_request_new(redlock_session* session);

/* Blocks for timeout_ns at most, which must be more than 0. Connects, unless the session is connected.
 * Errors: ECONNECT, EDENIED, ENOANSWER, ECANCELLED, EPROTOCOL, ELIMIT, ENOMEM, EINVAL, EFORK. */
int redlock_request_connect(redlock_request* request, int64_t timeout_ns);

/* Blocks for timeout_ns at most, which must be more than 0. Like redlock_query(), also in what becomes
 * of *reply. `verb` may be any but those by which a client takes locks, waits and receives events
 * (lock, trylock, cancel, watch, unwatch) and quit: EINVAL. Errors: those of
 * redlock_request_connect(), ECLOSED, ELINETOOLONG, and whatever the daemon answers. */
int redlock_request_query(redlock_request* request, const char* verb, const redlock_arg* args,
                          size_t arg_count, int64_t timeout_ns, redlock_reply** reply);

/* Ends the call that another thread is in, and each that begins later, with REDLOCK_ECANCELLED. */
void redlock_request_cancel(redlock_request* request);

/* Returns a description of the error of the last call, including the daemon's text; "" if it
 * succeeded. Valid until the next call. Never NULL. */
const char* redlock_request_error_text(const redlock_request* request);

/* NULL is allowed. Replies outlive their request. */
void redlock_request_free(redlock_request* request);

#ifdef __cplusplus
}
#endif
