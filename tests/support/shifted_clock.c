// Preloaded into a redis-server or redlockd: shifts its wall clock and CLOCK_BOOTTIME, and no
// other, by as many microseconds as stand in the file $REDLOCKD_TEST_CLOCK, at any time; or stops
// the wall clock, at the microseconds since 1970 that follow them, if those are not 0. While it is
// stopped, so are CLOCK_MONOTONIC, as Valkey 9 adds what that one counts within a turn of its loop
// to the wall clock at the turn's begin, and CLOCK_BOOTTIME, which then goes on from where it
// stood. (libfaketime does the same for a fixed shift, but hangs in a program that uses jemalloc,
// as Debian's redis-server does.)
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile struct {
  int64_t shift_us;
  int64_t stopped_us;
} * file;

__attribute__((constructor)) static void Map(void) {
  const char* path = getenv("REDLOCKD_TEST_CLOCK");
  int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  void* page = mmap(NULL, sizeof *file, PROT_READ, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) abort();
  file = page;
  close(fd);
}

// By the kernel, not the next clock_gettime: looking that up would call malloc.
static int64_t Real(clockid_t clock) {
  struct timespec time;
  if (syscall(SYS_clock_gettime, clock, &time) != 0) abort();
  return time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

// Stands still at what it shows first after the wall clock was stopped.
static int64_t Steady(clockid_t clock, atomic_int_least64_t* stopped) {
  if (file->stopped_us == 0) atomic_store(stopped, 0);
  if (file->stopped_us == 0) return Real(clock);
  int64_t none = 0;
  atomic_compare_exchange_strong(stopped, &none, Real(clock));
  return atomic_load(stopped);
}

// Late by all the time that it stood still.
static int64_t Boottime(void) {
  static atomic_int_least64_t stopped, late;
  if (file->stopped_us == 0) {
    const int64_t since = atomic_exchange(&stopped, 0);
    if (since != 0) atomic_fetch_add(&late, Real(CLOCK_BOOTTIME) - since);
  }
  return Steady(CLOCK_BOOTTIME, &stopped) - atomic_load(&late) + file->shift_us;
}

static int64_t Shown(clockid_t clock) {
  static atomic_int_least64_t monotonic;
  if (clock == CLOCK_MONOTONIC) return Steady(clock, &monotonic);
  if (clock == CLOCK_BOOTTIME) return Boottime();
  return file->stopped_us != 0 ? file->stopped_us : Real(clock) + file->shift_us;
}

int clock_gettime(clockid_t clock, struct timespec* time) {
  const int is_ours = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE ||
                      clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME;
  if (!file || !is_ours) return (int)syscall(SYS_clock_gettime, clock, time);
  const int64_t us = Shown(clock);
  time->tv_sec = us / 1000000;
  time->tv_nsec = us % 1000000 * 1000;
  return 0;
}

int gettimeofday(struct timeval* restrict time, void* restrict zone) {
  (void)zone;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}
