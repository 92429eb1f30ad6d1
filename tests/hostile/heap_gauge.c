// Preloaded into a redlockd: on SIGRTMIN it writes into the file $REDLOCKD_TEST_HEAP how many bytes
// the process has allocated, and that it has done so once more. Resident memory would be a poor
// measure: it has what was freed and not given back. Takes no descriptor and hardly any of the
// daemon's time, as a thread of its own does the work: the daemon unblocks all signals, so that it
// gets them itself and can only pass them on.
#define _GNU_SOURCE
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct Gauge {
  atomic_uint_fast64_t readings;
  atomic_uint_fast64_t bytes;
};

// Of a build with ASan, whose heap is not the C library's.
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static struct Gauge* gauge;
static sem_t asked;

static uint64_t Allocated(void) {
  if (__sanitizer_get_current_allocated_bytes) return __sanitizer_get_current_allocated_bytes();
  struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

static void PassOn(int signal) {
  (void)signal;
  sem_post(&asked);
}

static void* Answer(void* unused) {
  (void)unused;
  for (;;) {
    if (sem_wait(&asked) != 0) continue;
    atomic_store(&gauge->bytes, Allocated());
    atomic_fetch_add(&gauge->readings, 1);
  }
  return NULL;
}

__attribute__((constructor)) static void Start(void) {
  const char* path = getenv("REDLOCKD_TEST_HEAP");
  int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  void* page = mmap(NULL, sizeof *gauge, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) abort();
  gauge = page;
  close(fd);
  if (sem_init(&asked, 0, 0) != 0) abort();
  struct sigaction action = {.sa_handler = &PassOn, .sa_flags = SA_RESTART};
  sigaction(SIGRTMIN, &action, NULL);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // of the thread, which takes none of the daemon's
  pthread_t thread;
  if (pthread_create(&thread, NULL, &Answer, NULL) != 0) abort();
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}
