#include "tests/contract/compare.h"

#include <algorithm>
#include <sstream>

namespace redlockd::contract {
namespace {

using sim::Reply;

// Other servers have other words for an error. Its code and its place in the script are the same.
Reply WithoutWords(Reply reply) {
  if (reply.kind != Reply::Kind::kError) return reply;
  const auto code = reply.text.find(' ');
  const auto place = reply.text.find(" script: ");
  if (place != std::string::npos && code < place) reply.text.erase(code, place - code);
  return reply;
}

bool Same(const Seen& real, const Seen& fake, Errors errors) {
  if (errors == Errors::kWithWords || real == fake) return real == fake;
  return real.state == fake.state && WithoutWords(real.reply) == WithoutWords(fake.reply);
}

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

std::optional<Difference> Compare(FakeSide& fake, RealSide& real, const std::vector<Step>& steps,
                                  Errors errors) {
  fake.Reset();
  real.Reset();
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Seen is = real.Do(steps[i]);
    const Seen seems = fake.Do(steps[i]);
    if (!Same(is, seems, errors)) return Difference{i, Differ(is, seems)};
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
