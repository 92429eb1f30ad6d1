#include "daemon/redis/question.h"

#include <functional>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/check.h"
#include "daemon/redis/encoder.h"

namespace redlockd::redis {
namespace {

template <class Op>
concept HasLane = !std::is_same_v<Op, engine::RenewOp> && requires(const Op& op) {
  op.lock;
};

std::optional<std::size_t> LaneOfOp(const engine::NodeOp& op) {
  return std::visit(
      [](const auto& op) -> std::optional<std::size_t> {
        using Op = std::decay_t<decltype(op)>;
        if constexpr (std::is_same_v<Op, engine::ClaimOp>) {
          return LaneOf(op.names.at(0).lock);
        } else if constexpr (std::is_same_v<Op, engine::ReleaseOp>) {
          return LaneOf(op);
        } else if constexpr (HasLane<Op>) {
          return LaneOf(op.lock);
        } else {
          return std::nullopt;
        }
      },
      op);
}

// The first op of a batch that may go in one call.
template <class Op>
const Op& Checked(std::span<const Op> batch, std::size_t most) {
  CHECK(!batch.empty() && batch.size() <= most);
  return batch.front();
}

}  // namespace

std::size_t LaneOf(const std::string& lock) { return std::hash<std::string>()(lock); }

std::size_t LaneOf(const engine::ReleaseOp& op) {
  return LaneOf(op.link.empty() ? op.lock : op.link);
}

Question::Question(const engine::NodeOp& op, const SetOptions& set)
    : Question(CallOf(op, set), FormOf(op), PartsOf(op), LaneOfOp(op),
               std::holds_alternative<engine::ProbeOp>(op)) {}

Question::Question(std::span<const engine::AcquireOp> batch, const SetOptions& set)
    : Question(CallOf(batch, set), batch.size() > 1 ? ReplyForm::kRows : ReplyForm::kWhole,
               batch.size(), LaneOf(Checked(batch, engine::kMostAcquiresPerCall).lock)) {}

Question::Question(std::span<const engine::RenewOp> batch, const SetOptions& set)
    : Question(CallOf(batch, set), ReplyForm::kLetters, batch.size(), std::nullopt) {
  Checked(batch, engine::kMostPerCall);
}

Question::Question(std::span<const engine::ReleaseOp> batch, const SetOptions& set)
    : Question(CallOf(batch, set), ReplyForm::kLetters, batch.size(),
               LaneOf(Checked(batch, engine::kMostPerCall))) {}

Question::Question(Call call, ReplyForm form, std::size_t parts, std::optional<std::size_t> lane,
                   bool is_probe)
    : is_probe_(is_probe), form_(form), parts_(parts), lane_(lane), call_(std::move(call)) {}

void Question::AppendTo(std::string& out, const OfConnection& connection) const {
  if (is_probe_) {
    const std::string_view info = "INFO";
    AppendCommand(out, {&info, 1});
  }
  const std::string_view text = call_.text;
  out.append(text.substr(0, call_.run_id_at));
  if (call_.run_id_at == Call::kNowhere) return;
  AppendBulk(out, connection.run_id);
  out.append(text.substr(call_.run_id_at));
  if (call_.hears_at != Call::kNowhere && connection.hears) {
    out[out.size() - text.size() + call_.hears_at] = '1';
  }
}

}  // namespace redlockd::redis
