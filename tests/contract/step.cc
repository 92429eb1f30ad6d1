#include "tests/contract/step.h"

#include <iomanip>

namespace redlockd::contract {
namespace {

void Write(std::ostream& out, const std::vector<std::string>& words) {
  for (const std::string& word : words) out << ' ' << std::quoted(word);
}

struct Writer {
  std::ostream& out;

  void operator()(const ScriptCall& step) const {
    out << redis::Get(step.script).name;
    Write(out, step.call.keys);
    out << " |";
    Write(out, step.call.args);
  }
  void operator()(const Command& step) const {
    out << "plain client:";
    Write(out, step.argv);
  }
  void operator()(const Flush&) const { out << "FLUSHALL"; }
  void operator()(const Restart&) const { out << "restart with all it has"; }
  void operator()(const Save&) const { out << "SAVE"; }
  void operator()(const Crash&) const { out << "crash back to the last SAVE"; }
};

}  // namespace

std::ostream& operator<<(std::ostream& out, const Step& step) {
  out << step.now << "us ";
  std::visit(Writer{out}, step.what);
  return out;
}

}  // namespace redlockd::contract
