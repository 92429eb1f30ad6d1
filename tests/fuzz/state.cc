#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "daemon/engine/engine.h"
#include "daemon/state/codec.h"
#include "tests/fuzz/check.h"

// What a daemon's next process may find: any bytes, as a state of the former one. What can be read is
// written as it was read; and an engine goes on from whatever finds no fault with it.
namespace redlockd::fuzz {
namespace {

constexpr engine::Time kNow{std::chrono::hours(24)};

class NoRandom : public engine::Random {
 public:
  std::uint64_t Below(std::uint64_t) override { return 0; }
};

void GoOn(engine::State state) {
  const std::size_t nodes = state.nodes.size();
  if (nodes == 0 || nodes > engine::kMaxNodes) return;
  if (!WhyUnusable(state, nodes, kNow).empty()) return;
  NoRandom random;
  engine::EngineOptions options{
      .timing = {}, .limits = {}, .nodes = nodes, .instance = state.instance, .host = "h"};
  engine::Engine engine(std::move(options), random,
                        std::make_unique<engine::State>(std::move(state)));
  engine::Effects effects;
  engine.Step(kNow, engine::Resumed{}, effects);
  const std::string why = WhyUnusable(engine.Save(kNow), nodes, kNow);
  FUZZ_CHECK(why.empty(), "an engine leaves what none can go on from");
  engine.Step(kNow + std::chrono::hours(1), engine::TimePassed{}, effects);
}

}  // namespace
}  // namespace redlockd::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace redlockd;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)state::Decode(bytes);
  // Few bytes have the right checksum: all may be read as what has one.
  auto read = state::Decode(state::Seal(bytes));
  auto* image = std::get_if<state::Image>(&read);
  if (image == nullptr) return 0;
  FUZZ_CHECK(std::get<state::Image>(state::Decode(state::Encode(*image))) == *image,
             "what was read is written otherwise");
  (void)session::WhyUnusable(image->sessions);
  fuzz::GoOn(std::move(image->engine));
  return 0;
}
