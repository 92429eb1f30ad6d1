#include <algorithm>
#include <cstdint>
#include <string>

#include "config/address.h"
#include "libclient/cli/text.h"
#include "protocol/duration.h"
#include "protocol/name.h"
#include "protocol/printable.h"
#include "tests/fuzz/check.h"

// One word, read as everything that a word can be: a duration, a name, an address. What
// can be read and written reads back as the same.
namespace redlockd::fuzz {
namespace {

using namespace redlock::protocol;

void AsDuration(std::string_view word) {
  const auto wait = ParseWait(word);
  if (!wait) return;
  FUZZ_CHECK(wait->count() >= 0, "a negative duration");
  FUZZ_CHECK(ParseWait(FormatDuration(*wait)) == wait,
             "another duration: " + FormatDuration(*wait));
  (void)redlock::cli::HumanDuration(*wait);
  (void)redlock::cli::HumanDuration(-*wait);
}

void AsName(std::string_view word) {
  std::string decoded;
  const auto problem = PercentDecode(word, &decoded);
  FUZZ_CHECK(!problem || !problem->empty(), "an error without a text");
  if (!problem) {
    std::string again;
    FUZZ_CHECK(
        !PercentDecode(PercentEncode(decoded), &again) || decoded.find('\0') != std::string::npos,
        "what was encoded cannot be decoded");
    FUZZ_CHECK(again == decoded || decoded.find('\0') != std::string::npos, "decodes as another");
  }
  const bool is_name =
      !word.empty() && word.size() <= 255 && word.find('\0') == std::string_view::npos;
  FUZZ_CHECK(!CheckName(word) == is_name, "it is a name, or it is not");
}

void AsAddress(std::string_view word) {
  const auto address = config::ParseAddress(word);
  if (!address) return;
  const std::string written = config::ToString(*address);
  FUZZ_CHECK(config::ParseAddress(written) == address, "another address: " + written);
}

void ForPeople(std::string_view word) {
  const std::string shown = redlock::cli::Printable(word);
  FUZZ_CHECK(std::none_of(shown.begin(), shown.end(),
                          [](unsigned char c) { return c < ' ' || c == 0x7f; }),
             "a control character is shown");
  FUZZ_CHECK(IsUtf8(shown) && Printable(shown) == shown, "what is shown is not printable");
  const std::size_t places = redlock::cli::Places(shown);
  for (std::size_t most : {3, 5, 20}) {
    const std::string cut = redlock::cli::Cut(shown, most);
    FUZZ_CHECK(redlock::cli::Places(cut) == std::min(places, most), "cut to another length");
  }
  (void)redlock::cli::HumanDuration(word);
}

}  // namespace
}  // namespace redlockd::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace redlockd::fuzz;
  const std::string_view word(reinterpret_cast<const char*>(data), size);
  AsDuration(word);
  AsName(word);
  AsAddress(word);
  ForPeople(word);
  return 0;
}
