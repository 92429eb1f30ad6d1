#include "config/secret_file.h"

#include <algorithm>
#include <utility>

#include "config/file.h"

namespace redlockd::config {
namespace {

constexpr std::size_t kMostSecretBytes = 4096;

}  // namespace

SecretRead ReadSecretFile(const std::string& path) {
  SecretRead result;
  std::variant<File, Unread> read = ReadRegularFile(path, kMostSecretBytes);
  if (const auto* unread = std::get_if<Unread>(&read)) {
    result.error = "expected a file with the password, found " + unread->why;
    return result;
  }
  File& file = std::get<File>(read);
  ModeProblem problem = CheckSecretMode(file.mode, path);
  result.error = std::move(problem.error);
  result.warning = std::move(problem.warning);
  if (!result.error.empty()) return result;

  std::string& text = file.text;
  if (!text.empty() && text.back() == '\n') text.pop_back();
  if (!text.empty() && text.back() == '\r') text.pop_back();
  const auto newlines = std::count(text.begin(), text.end(), '\n');
  if (text.empty()) {
    result.error = "expected a password in one line, found an empty file " + path;
  } else if (newlines > 0) {
    result.error = "expected a password in one line, found " + std::to_string(newlines + 1) +
                   " lines in " + path;
  } else {
    result.secret = Secret(std::move(text));
  }
  return result;
}

}  // namespace redlockd::config
