#pragma once

#include <sys/types.h>

#include <csignal>
#include <map>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/fd.h"
#include "tests/support/wait.h"

namespace redlockd::test {

// How a process ended.
struct Exit {
  int code = 0;    // of a normal end
  int signal = 0;  // that ended it; 0: a normal end
  bool operator==(const Exit&) const = default;
};
inline std::ostream& operator<<(std::ostream& out, const Exit& exit) {
  return exit.signal != 0 ? out << "killed by signal " << exit.signal
                          : out << "exit code " << exit.code;
}
inline Exit ExitCode(int code) { return {.code = code}; }
inline Exit KilledBy(int signal) { return {.signal = signal}; }

// A child process of the test, in a process group of its own. It is killed when the object goes,
// and by the kernel if the test itself is killed. Make and use it in the main thread only: the
// kernel's signal comes when the thread that made the process ends.
class Process {
 public:
  enum class Input { kNothing, kPipe };
  struct Options {
    std::map<std::string, std::string> env{};  // on top of the test's own environment
    Input input = Input::kNothing;
    std::string output_file{};  // standard output goes there; else to the Read functions
    std::string error_file{};   // likewise standard error; else where standard output goes
    bool terminal = false;      // all three are a new terminal, for Write and the Read functions
    std::vector<int> keep{};    // descriptors that it inherits under their numbers
    std::vector<int> ignore{};  // signals that do nothing while it does not handle them
  };

  // argv[0] is looked for in $PATH. A program that cannot be started exits with 127.
  explicit Process(std::vector<std::string> argv);
  Process(std::vector<std::string> argv, const Options& options);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  pid_t pid() const { return pid_; }
  void Signal(int signal) const;
  // SIGSTOP, and returns once the process has really stopped; Resume is SIGCONT.
  void Freeze() const;
  void Resume() const { Signal(SIGCONT); }

  bool Running() const;
  // All Waits and Reads throw std::runtime_error, with what was read so far, if time runs out.
  Exit Wait(Duration patience = kPatience);

  void Write(std::string_view text);
  void CloseInput();  // the process reads the end of its input

  // Up to and with the newline, without it returned. Throws at the end of output too.
  std::string ReadLine(Duration patience = kPatience);
  // Everything up to and with `text`.
  std::string ReadUntil(std::string_view text, Duration patience = kPatience);
  // Everything until all copies of standard output are closed.
  std::string ReadToEnd(Duration patience = kPatience);

 private:
  bool ReadSome(const Countdown& countdown);  // false at the end of output
  std::string Take(std::size_t bytes);

  std::string name_;
  pid_t pid_ = -1;
  Fd pidfd_;
  Fd input_;
  Fd output_;  // the terminal is a dup of input_
  std::string buffer_;
  bool reaped_ = false;
  Exit exit_;
};

// Runs a program to its end; returns what it wrote. Both streams together.
struct Ran {
  Exit exit;
  std::string output;
};
Ran RunProgram(std::vector<std::string> argv, std::string_view input = {},
               const std::map<std::string, std::string>& env = {});

}  // namespace redlockd::test
