// The answer of a query as it came from the daemon: rows of fields, and the last line.
#pragma once

#include <redlock/redlock.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace redlock::cli {

// key=value, in the daemon's order. The text of a line is its field "text".
class Row {
 public:
  void Add(std::string key, std::string value) {
    fields_.emplace_back(std::move(key), std::move(value));
  }

  // "" if there is none.
  std::string Get(std::string_view key) const;
  bool Has(std::string_view key) const;

  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

struct Answer {
  int error = 0;     // enum redlock_error
  std::string text;  // of an error, in words
  std::vector<Row> rows;
  Row last;  // the fields of the OK or ERR line
};

Answer AnswerOf(const redlock_reply* reply);

}  // namespace redlock::cli
