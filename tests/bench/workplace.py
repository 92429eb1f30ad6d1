"""A private directory and the processes of a run; both are gone at its end."""

import contextlib
import ctypes
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time


class Failure(Exception):
    """Something that a run needs did not happen; the text says what."""


def wait_for(what, condition, seconds=15):
    """Returns what `condition` returns as soon as that is true."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise Failure(f"waited {seconds} s in vain for {what}")
        time.sleep(0.01)


_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


@contextlib.contextmanager
def undisturbed():
    """What would end the run comes when this is over. A thread is to be started in here: it takes no
    such signal then, where it would take those that the main thread has put off."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _in_the_child():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # should the run be killed


class Workplace:
    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="redlockd-bench.")
        self._processes = []
        self._names = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with undisturbed():
            for process in reversed(self._processes):
                self._end(process)
            shutil.rmtree(self.directory, ignore_errors=True)

    def path(self, name):
        """A path of the run's own; short enough for a socket."""
        self._names += 1
        return os.path.join(self.directory, f"{self._names}-{name}")

    def living(self):
        """The processes that were started and have not ended."""
        return [process for process in self._processes if process.poll() is None]

    def start(self, argv, **options):
        """Starts a process that lives until stop(), or the end of the run. Its output goes to a log
        (process.log) unless the options say otherwise. Ctrl-C does not reach it: that is for the
        run."""
        log = self.path(os.path.basename(argv[0]) + ".log")
        with open(log, "wb") as output, undisturbed():
            options = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output, **options}
            process = subprocess.Popen(argv, start_new_session=True, preexec_fn=_in_the_child,
                                       **options)
            process.log = log
            self._processes.append(process)
        return process

    def stop(self, process, signal_number=signal.SIGKILL, seconds=15):
        self._end(process, signal_number, seconds)
        self._processes.remove(process)

    @staticmethod
    def _end(process, signal_number=signal.SIGKILL, seconds=15):
        if process.poll() is None:
            process.send_signal(signal_number)
            process.send_signal(signal.SIGCONT)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def cpu_seconds(pid):
    """User and system time of all the threads of a process, by the scheduler's own count."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with contextlib.suppress(FileNotFoundError), open(path, encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total / 1e9


def read_log(process):
    with open(process.log, encoding="utf-8", errors="replace") as log:
        return log.read()
