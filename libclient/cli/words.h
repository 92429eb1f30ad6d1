// The words of a command line, read as getopt_long(3) reads them, and so flock(1): short options
// may stand together (-nE0), a value may stand with its option (-w5, --wait=5) or after it, a long
// name may be cut as long as it is one option's (--nonbl), and "--" ends the options.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace redlock::cli {

// What is wrong with the command line, in words.
struct Mistake : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Option {
  std::vector<std::string> names;  // "w": -w, "wait": --wait
  bool has_value = false;
  // Gets the value, "" if it has none. Gives what was expected instead, "" if all is well.
  std::function<std::string(const std::string& value)> take;
};

class Words {
 public:
  // argv[0], the program, is none of them.
  Words(int argc, char** argv) : argc_(argc), argv_(argv) {}

  // Takes the options that stand next, up to the first word that is none. True if "--" ended them,
  // which is taken too. Throws Mistake.
  bool TakeOptions(const std::vector<Option>& options);

  bool AtEnd() const { return next_ >= argc_; }
  // The next word; not at the end.
  std::string Peek() const { return argv_[next_]; }
  std::string Take() { return argv_[next_++]; }
  std::vector<std::string> TakeAll();

 private:
  const int argc_;
  char** const argv_;
  int next_ = 1;
};

}  // namespace redlock::cli
