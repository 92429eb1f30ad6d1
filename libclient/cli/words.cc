#include "libclient/cli/words.h"

#include <getopt.h>

#include <algorithm>

namespace redlock::cli {
namespace {

// What getopt_long gives for the long name of option i; short names give themselves.
constexpr int kLong = 256;

std::string Spelt(const std::string& name) { return (name.size() == 1 ? "-" : "--") + name; }

// The options in getopt_long's terms, which keeps pointers into it.
struct Forms {
  explicit Forms(const std::vector<Option>& options) {
    for (std::size_t i = 0; i < options.size(); ++i) {
      for (const std::string& name : options[i].names) {
        if (name.size() == 1) {
          letters += name + (options[i].has_value ? ":" : "");
        } else {
          longs.push_back({name.c_str(), options[i].has_value ? required_argument : no_argument,
                           nullptr, kLong + static_cast<int>(i)});
        }
      }
    }
    longs.push_back({});
  }

  std::string letters = "+:";  // options end at the first operand; a missing value gives ':'
  std::vector<option> longs;
};

const Option& Find(const std::vector<Option>& options, int got) {
  if (got >= kLong) return options.at(static_cast<std::size_t>(got - kLong));
  const std::string letter(1, static_cast<char>(got));
  return *std::find_if(options.begin(), options.end(), [&](const Option& option) {
    return std::find(option.names.begin(), option.names.end(), letter) != option.names.end();
  });
}

// `word`: the last that getopt_long took, which is the option if it is a long one.
[[noreturn]] void Refuse(int got, const std::string& word) {
  const bool is_short = optopt != 0 && optopt < kLong;
  const std::string name =
      is_short ? Spelt(std::string(1, static_cast<char>(optopt))) : word.substr(0, word.find('='));
  if (got == ':') throw Mistake(name + ": expected a value after it");
  if (optopt >= kLong) throw Mistake(name + ": expected no value with it");
  throw Mistake(name + ": no such option" + (is_short ? "" : " (names cannot be abbreviated)"));
}

}  // namespace

bool Words::TakeOptions(const std::vector<Option>& options) {
  const Forms forms(options);
  // getopt_long is given the words from next_ on, with one before them.
  char** const argv = argv_ + next_ - 1;
  const int argc = argc_ - next_ + 1;
  optind = 0;  // from the start
  opterr = 0;  // it says nothing itself
  while (true) {
    const int before = std::max(optind, 1);
    int index = -1;
    const int got = getopt_long(argc, argv, forms.letters.c_str(), forms.longs.data(), &index);
    if (got == -1) {
      next_ += optind - 1;
      return optind > before;
    }
    if (got == '?' || got == ':') Refuse(got, argv[std::min(optind, argc) - 1]);
    const Option& option = Find(options, got);
    const std::string value = option.has_value ? optarg : "";
    const std::string expected = option.take(value);
    if (expected.empty()) continue;
    const std::string name = Spelt(index >= 0 ? forms.longs[static_cast<std::size_t>(index)].name
                                              : std::string(1, static_cast<char>(got)));
    throw Mistake(name + ": expected " + expected + ", found '" + value + "'");
  }
}

std::vector<std::string> Words::TakeAll() {
  std::vector<std::string> words(argv_ + next_, argv_ + argc_);
  next_ = argc_;
  return words;
}

}  // namespace redlock::cli
