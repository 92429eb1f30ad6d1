#include "tests/contract/compare.h"

#include <algorithm>
#include <sstream>

namespace redlockd::contract {
namespace {

using sim::Reply;

// The line of the script that an error names last ("user_script:5", "user_script: 5"); empty if it
// names none.
std::string PlaceOf(const std::string& error) {
  constexpr std::string_view kScript = "user_script:";
  const auto at = error.rfind(kScript);
  if (at == std::string::npos) return {};
  const auto digits = error.find_first_not_of(' ', at + kScript.size());
  return error.substr(digits, error.find_first_not_of("0123456789", digits) - digits);
}

std::string CodeOf(const std::string& error) { return error.substr(0, error.find(' ')); }

std::string Differ(const Seen& real, const Seen& fake) {
  std::ostringstream text;
  if (real.reply != fake.reply) {
    text << "replies differ\n  real: " << real.reply << "\n  fake: " << fake.reply;
  } else {
    text << "keys differ\n  real: " << real.state << "\n  fake: " << fake.state;
  }
  return text.str();
}

}  // namespace

Errors ErrorsOf(const test::Server& server) {
  if (server.HasTheFakesWords()) return Errors::kText;
  return server.HasTheFakesCodes() ? Errors::kCodeAndPlace : Errors::kPlace;
}

bool Same(const Reply& real, const Reply& fake, Errors errors) {
  if (real == fake) return true;
  if (errors == Errors::kText || real.kind != Reply::Kind::kError || fake.kind != real.kind) {
    return false;
  }
  const bool same_code = errors == Errors::kPlace || CodeOf(real.text) == CodeOf(fake.text);
  const std::string place = PlaceOf(real.text);
  const bool names_no_place = errors == Errors::kPlace && place.empty();
  return same_code && (names_no_place || place == PlaceOf(fake.text));
}

std::optional<Difference> Compare(FakeSide& fake, RealSide& real, const std::vector<Step>& steps,
                                  Errors errors) {
  fake.Reset();
  real.Reset();
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Seen is = real.Do(steps[i]);
    const Seen seems = fake.Do(steps[i]);
    if (is.state != seems.state || !Same(is.reply, seems.reply, errors))
      return Difference{i, Differ(is, seems)};
  }
  return std::nullopt;
}

std::string Story(FakeSide& fake, RealSide& real, std::vector<Step> steps, Errors errors) {
  auto difference = Compare(fake, real, steps, errors);
  if (!difference) return "no difference";
  steps.resize(difference->step + 1);
  for (std::size_t i = steps.size() - 1; i-- > 0;) {
    std::vector<Step> fewer = steps;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    if (const auto still = Compare(fake, real, fewer, errors)) {
      fewer.resize(still->step + 1);
      steps = std::move(fewer);
      difference = still;
      i = std::min(i, steps.size());
    }
  }
  std::ostringstream story;
  for (std::size_t i = 0; i < steps.size(); ++i) story << i + 1 << ". " << steps[i] << '\n';
  story << difference->text;
  return story.str();
}

}  // namespace redlockd::contract
