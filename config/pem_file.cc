#include "config/pem_file.h"

#include <utility>

#include "config/file.h"

namespace redlockd::config {
namespace {

constexpr std::size_t kMostPemBytes = 1 << 20;  // all CAs that a system trusts are a quarter of it

}  // namespace

PemRead ReadPemFile(const std::string& path, bool is_secret) {
  std::variant<File, Unread> read = ReadRegularFile(path, kMostPemBytes);
  if (const auto* unread = std::get_if<Unread>(&read)) {
    return {.text = "", .error = "expected a file in PEM, found " + unread->why, .warning = ""};
  }
  File& file = std::get<File>(read);
  if (file.text.empty()) {
    return {
        .text = "", .error = "expected a file in PEM, found an empty file " + path, .warning = ""};
  }
  if (!is_secret) return {.text = std::move(file.text), .error = "", .warning = ""};
  ModeProblem problem = CheckSecretMode(file.mode, path);
  return {.text = problem.error.empty() ? std::move(file.text) : "",
          .error = std::move(problem.error),
          .warning = std::move(problem.warning)};
}

}  // namespace redlockd::config
