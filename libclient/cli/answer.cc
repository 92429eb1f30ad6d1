#include "libclient/cli/answer.h"

namespace redlock::cli {

std::string Row::Get(std::string_view key) const {
  for (const auto& [name, value] : fields_) {
    if (name == key) return value;
  }
  return {};
}

bool Row::Has(std::string_view key) const {
  for (const auto& [name, value] : fields_) {
    if (name == key) return true;
  }
  return false;
}

namespace {

Row RowOf(const redlock_reply* reply, std::size_t row) {
  Row out;
  for (std::size_t i = 0; i < redlock_reply_fields(reply, row); ++i) {
    out.Add(redlock_reply_key(reply, row, i), redlock_reply_value(reply, row, i));
  }
  return out;
}

}  // namespace

Answer AnswerOf(const redlock_reply* reply) {
  Answer answer;
  answer.error = redlock_reply_error(reply);
  answer.text = redlock_reply_text(reply);
  for (std::size_t i = 0; i < redlock_reply_rows(reply); ++i) {
    answer.rows.push_back(RowOf(reply, i));
  }
  answer.last = RowOf(reply, REDLOCK_ANSWER);
  return answer;
}

}  // namespace redlock::cli
