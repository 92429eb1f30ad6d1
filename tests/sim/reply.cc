#include "tests/sim/reply.h"

#include <iomanip>

namespace redlockd::sim {

std::ostream& operator<<(std::ostream& out, const Reply& reply) {
  switch (reply.kind) {
    case Reply::Kind::kNil:
      return out << "(nil)";
    case Reply::Kind::kInteger:
      return out << reply.integer;
    case Reply::Kind::kString:
      return out << std::quoted(reply.text);
    case Reply::Kind::kStatus:
      return out << reply.text;
    case Reply::Kind::kError:
      return out << "(error) " << reply.text;
    case Reply::Kind::kArray:
      break;
  }
  const char* between = "[";
  for (const Reply& element : reply.elements) {
    out << between << element;
    between = ", ";
  }
  return out << (reply.elements.empty() ? "[]" : "]");
}

}  // namespace redlockd::sim
