#include "libclient/cli/top/screen.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string_view>

namespace redlock::cli {
namespace {

// The other screen that terminals have, without a cursor; and back.
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l";
constexpr std::string_view kLeave = "\x1b[?25h\x1b[?1049l";
constexpr std::string_view kHome = "\x1b[H";
constexpr std::string_view kClearToEndOfLine = "\x1b[K";
constexpr std::string_view kClearBelow = "\x1b[J";

constexpr std::array kEnds = {SIGINT, SIGTERM, SIGHUP};

// Of the terminal. For the handlers too, which can reach nothing else.
termios before{};
termios during{};

void Write(std::string_view text) {
  [[maybe_unused]] const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
}

void Enter() {
  tcsetattr(STDIN_FILENO, TCSADRAIN, &during);
  Write(kEnter);
}

void Leave() {
  Write(kLeave);
  tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}

void Handle(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;  // a page is written to its end; a wait ends all the same
  sigaction(number, &action, nullptr);
}

// The process ends by the signal, as it would have without a handler.
void OnEnd(int number) {
  Leave();
  Handle(number, SIG_DFL);
  raise(number);
}

void OnStop(int) {
  const int error = errno;
  Leave();
  raise(SIGSTOP);
  Enter();  // it goes on
  errno = error;
}

// A signal that only ends a wait.
void OnResize(int) {}

}  // namespace

bool Screen::IsPossible() { return isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1; }

Screen::Screen() {
  tcgetattr(STDIN_FILENO, &before);
  during = before;
  // A key comes at once, and is not shown; Ctrl-C and Ctrl-Z are signals as ever.
  during.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  during.c_cc[VMIN] = 0;
  during.c_cc[VTIME] = 0;
  for (const int number : kEnds) Handle(number, OnEnd);
  Handle(SIGTSTP, OnStop);
  Handle(SIGWINCH, OnResize);
  Enter();
}

Screen::~Screen() {
  for (const int number : kEnds) Handle(number, SIG_DFL);
  Handle(SIGTSTP, SIG_DFL);
  Handle(SIGWINCH, SIG_DFL);
  Leave();
}

Room Screen::room() const {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
    return {.places = 80, .lines = 24};
  }
  // The cursor stands in the line after the last.
  return {.places = size.ws_col, .lines = size.ws_row > 1 ? size.ws_row - std::size_t{1} : 1};
}

bool Screen::Show(const std::string& page) {
  std::string text(kHome);
  for (const char c : page) {
    if (c == '\n') text += kClearToEndOfLine;
    text += c;
  }
  text += kClearBelow;
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
         std::fflush(stdout) == 0;
}

bool Screen::Wait(std::chrono::nanoseconds most) {
  pollfd key{STDIN_FILENO, POLLIN, 0};
  const timespec time{.tv_sec = std::chrono::floor<std::chrono::seconds>(most).count(),
                      .tv_nsec = (most - std::chrono::floor<std::chrono::seconds>(most)).count()};
  const int ready = ppoll(&key, 1, &time, nullptr);
  if (ready <= 0) return ready == 0 || errno == EINTR;
  std::array<char, 64> keys;
  const ssize_t size = read(STDIN_FILENO, keys.data(), keys.size());
  if (size <= 0) return false;  // nobody is there
  const std::string_view typed(keys.data(), static_cast<std::size_t>(size));
  return typed.find_first_of("qQ") == std::string_view::npos;
}

}  // namespace redlock::cli
