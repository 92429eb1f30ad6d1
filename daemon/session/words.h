#pragma once

#include <string_view>

#include "daemon/engine/effects.h"
#include "daemon/engine/views.h"
#include "protocol/errors.h"

// How the engine's outcomes are called on the wire. The engine does not know the protocol's words,
// the protocol does not know the engine: they meet here and nowhere else. Each function has a word
// for every enumerator.
namespace redlockd::session {

// The error code and the default text for a Failure.
struct FailureWord {
  redlock::protocol::ErrorCode code;
  std::string_view text;  // for a person, if the engine gives no better one
};
FailureWord WordOf(engine::Failure failure);

// The value of `reason=`; not for kNone.
std::string_view WordOf(engine::LossReason reason);

// The value of `state=` in a row of `nodes`.
std::string_view WordOf(engine::NodeState state);

// The name of an event.
std::string_view WordOf(engine::Notice::Kind kind);

// The value of `what=`.
std::string_view WordOf(engine::WatchNotice::What what);

// The value of `reason=` where a hold has ended; else empty.
std::string_view WhyEnded(const engine::WatchNotice& notice);

// The value of `by=`.
std::string_view WordOf(engine::By by);

}  // namespace redlockd::session
