#include "tests/contract/compare.h"

#include <algorithm>
#include <sstream>

namespace redlockd::contract {
namespace {

using sim::Reply;

std::string Word(const Reply& reply) {
  if (reply.kind == Reply::Kind::kError) return reply.text.substr(0, reply.text.find(' '));
  return reply.elements.empty() ? "-" : reply.elements.front().text;
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
                                  Census& census) {
  fake.Reset();
  real.Reset();
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Seen is = real.Do(steps[i]);
    const Seen seems = fake.Do(steps[i]);
    ++census[Word(is.reply)];
    if (is != seems) return Difference{i, Differ(is, seems)};
  }
  return std::nullopt;
}

std::string Story(FakeSide& fake, RealSide& real, std::vector<Step> steps) {
  Census ignored;
  auto difference = Compare(fake, real, steps, ignored);
  if (!difference) return "no difference";
  steps.resize(difference->step + 1);
  for (std::size_t i = steps.size() - 1; i-- > 0;) {
    std::vector<Step> fewer = steps;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    if (const auto still = Compare(fake, real, fewer, ignored)) {
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
