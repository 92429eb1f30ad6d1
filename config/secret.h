#pragma once

#include <string>
#include <utility>

namespace redlockd::config {

// A password in memory. It has no operator<<, no conversion and no comparison that prints, so that
// it gets into a log or an error text only by someone writing Reveal() there.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}

  bool empty() const { return text_.empty(); }

  // For the command that sends it, and nothing else. Lives as long as this Secret.
  const std::string& Reveal() const { return text_; }

 private:
  std::string text_;
};

}  // namespace redlockd::config
