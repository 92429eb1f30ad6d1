#include "tests/support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include "tests/support/files.h"

namespace redlockd::test {
namespace {

[[noreturn]] void ThrowErrno(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

struct Pipe {
  Fd read, write;
};

Pipe MakePipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) ThrowErrno("pipe");
  return {Fd(fds[0]), Fd(fds[1])};
}

Fd Open(const std::string& path, int flags) {
  Fd fd(open(path.c_str(), flags | O_CLOEXEC, 0600));
  if (!fd) ThrowErrno(path);
  return fd;
}

Fd OpenOutput(const std::string& path) { return Open(path, O_WRONLY | O_CREAT | O_APPEND); }

// All that a child needs, made ready before the fork: between fork and exec only calls that are
// safe while another thread may hold malloc's lock.
struct ChildPlan {
  std::vector<char*> argv;
  std::vector<char*> envp;
  std::vector<int> keep;
  std::vector<int> ignore;
  int in = -1, out = -1, err = -1;
  bool terminal = false;
  pid_t parent = getpid();

  [[noreturn]] void Become() const {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);  // the parent died before the line above
    if (terminal) {
      setsid();
      ioctl(in, TIOCSCTTY, 0);
    } else {
      setpgid(0, 0);
    }
    dup2(in, 0);
    dup2(out, 1);
    dup2(err, 2);
    for (const int fd : keep) fcntl(fd, F_SETFD, 0);
    signal(SIGPIPE, SIG_DFL);
    for (const int number : ignore) signal(number, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    execvpe(argv[0], argv.data(), envp.data());
    _exit(127);
  }
};

std::vector<std::string> Environment(const std::map<std::string, std::string>& more) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (!more.contains(std::string(text.substr(0, text.find('='))))) all.emplace_back(text);
  }
  for (const auto& [key, value] : more) all.push_back(key + '=' + value);
  return all;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Process::Process(std::vector<std::string> argv) : Process(std::move(argv), Options{}) {}

Process::Process(std::vector<std::string> argv, const Options& options) : name_(argv.at(0)) {
  signal(SIGPIPE, SIG_IGN);  // a child that ends early must not end the test; see Write
  std::vector<std::string> environment = Environment(options.env);
  ChildPlan plan;
  plan.argv = Pointers(argv);
  plan.envp = Pointers(environment);
  plan.keep = options.keep;
  plan.ignore = options.ignore;
  plan.terminal = options.terminal;

  Fd in, out, err;
  if (options.terminal) {
    int master, slave;
    if (openpty(&master, &slave, nullptr, nullptr, nullptr) != 0) ThrowErrno("openpty");
    input_ = Fd(master);
    output_ = Fd(fcntl(master, F_DUPFD_CLOEXEC, 3));
    fcntl(master, F_SETFD, FD_CLOEXEC);
    in = Fd(slave);
    fcntl(slave, F_SETFD, FD_CLOEXEC);
    plan.in = plan.out = slave;
  } else {
    if (options.input == Input::kPipe) {
      Pipe pipe = MakePipe();
      in = std::move(pipe.read);
      input_ = std::move(pipe.write);
    } else {
      in = Open("/dev/null", O_RDONLY);
    }
    if (options.output_file.empty()) {
      Pipe pipe = MakePipe();
      out = std::move(pipe.write);
      output_ = std::move(pipe.read);
    } else {
      out = OpenOutput(options.output_file);
    }
    plan.in = in.get();
    plan.out = out.get();
  }
  plan.err = plan.out;
  if (!options.error_file.empty()) {
    err = OpenOutput(options.error_file);
    plan.err = err.get();
  }

  pid_ = fork();
  if (pid_ < 0) ThrowErrno("fork");
  if (pid_ == 0) plan.Become();
  if (!options.terminal) setpgid(pid_, pid_);  // in both processes: whichever comes first
  pidfd_ = Fd(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
  if (!pidfd_) ThrowErrno("pidfd_open");
}

Process::~Process() {
  if (reaped_) return;
  kill(-pid_, SIGKILL);  // the group: what a shell started goes with it
  kill(pid_, SIGKILL);
  int status;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
}

void Process::Signal(int signal) const {
  if (!reaped_ && kill(pid_, signal) != 0) ThrowErrno("kill " + name_);
}

void Process::Freeze() const {
  Signal(SIGSTOP);
  if (!Eventually([&] { return StateOf(pid_) == 'T'; })) {
    throw std::runtime_error(name_ + " does not stop on SIGSTOP");
  }
}

bool Process::Running() const {
  return !reaped_ && !WaitReadable(pidfd_.get(), Countdown(Duration::zero()));
}

Exit Process::Wait(Duration patience) {
  if (reaped_) return exit_;
  if (!WaitReadable(pidfd_.get(), Countdown(patience))) {
    throw std::runtime_error(name_ + " still runs; unread output: " + buffer_);
  }
  int status = 0;
  waitpid(pid_, &status, 0);
  reaped_ = true;
  exit_ = WIFSIGNALED(status) ? KilledBy(WTERMSIG(status)) : ExitCode(WEXITSTATUS(status));
  return exit_;
}

void Process::Write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(input_.get(), text.data(), text.size());
    if (written < 0 && errno == EPIPE) return;  // its exit and its output say more
    if (written < 0) ThrowErrno("writing to " + name_);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void Process::CloseInput() { input_.Close(); }

bool Process::ReadSome(const Countdown& countdown) {
  if (!WaitReadable(output_.get(), countdown)) {
    throw std::runtime_error(name_ + " writes no more; so far: " + buffer_);
  }
  char bytes[4096];
  const ssize_t got = read(output_.get(), bytes, sizeof bytes);
  if (got <= 0) return false;  // a terminal's end is EIO
  buffer_.append(bytes, static_cast<std::size_t>(got));
  return true;
}

std::string Process::Take(std::size_t bytes) {
  std::string taken = buffer_.substr(0, bytes);
  buffer_.erase(0, bytes);
  return taken;
}

std::string Process::ReadUntil(std::string_view text, Duration patience) {
  const Countdown countdown(patience);
  for (;;) {
    const std::size_t at = buffer_.find(text);
    if (at != std::string::npos) return Take(at + text.size());
    if (!ReadSome(countdown)) {
      throw std::runtime_error(name_ + " ended without '" + std::string(text) + "': " + buffer_);
    }
  }
}

std::string Process::ReadLine(Duration patience) {
  std::string line = ReadUntil("\n", patience);
  line.pop_back();
  if (line.ends_with('\r')) line.pop_back();  // of a terminal
  return line;
}

std::string Process::ReadToEnd(Duration patience) {
  const Countdown countdown(patience);
  while (ReadSome(countdown)) {
  }
  return Take(buffer_.size());
}

Ran RunProgram(std::vector<std::string> argv, std::string_view input,
               const std::map<std::string, std::string>& env) {
  Process process(std::move(argv), {.env = env, .input = Process::Input::kPipe});
  process.Write(input);
  process.CloseInput();
  std::string output = process.ReadToEnd();
  return {process.Wait(), std::move(output)};
}

}  // namespace redlockd::test
