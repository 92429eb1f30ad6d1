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
        if constexpr (HasLane<std::decay_t<decltype(op)>>) {
          return LaneOf(op.lock);
        } else {
          return std::nullopt;
        }
      },
      op);
}

}  // namespace

std::size_t LaneOf(const std::string& lock) { return std::hash<std::string>()(lock); }

Question::Question(const engine::NodeOp& op, const SetOptions& set)
    : is_probe_(std::holds_alternative<engine::ProbeOp>(op)),
      batch_size_(IsBatched(op) ? 1 : 0),
      lane_(LaneOfOp(op)) {
  if (is_probe_) {
    const std::string_view info = "INFO";
    AppendCommand(text_, {&info, 1});
  }
  const Call call = CallOf(op, set);
  if (call.run_id_at != std::string::npos) run_id_at_ = text_.size() + call.run_id_at;
  text_.append(call.text);
}

Question::Question(std::span<const engine::RenewOp> batch, const SetOptions& set)
    : Question(CallOf(batch, set), batch.size(), std::nullopt) {}

Question::Question(std::span<const engine::ReleaseOp> batch, const SetOptions& set)
    : Question(CallOf(batch, set), batch.size(), batch.empty() ? 0 : LaneOf(batch.front().lock)) {}

Question::Question(Call call, std::size_t batch_size, std::optional<std::size_t> lane)
    : batch_size_(batch_size),
      lane_(lane),
      text_(std::move(call.text)),
      run_id_at_(call.run_id_at) {
  CHECK(batch_size >= 1 && batch_size <= engine::kMostPerCall);
}

void Question::AppendTo(std::string& out, std::string_view run_id) const {
  const std::string_view text = text_;
  out.append(text.substr(0, run_id_at_));
  if (run_id_at_ == std::string::npos) return;
  AppendBulk(out, run_id);
  out.append(text.substr(run_id_at_));
}

}  // namespace redlockd::redis
