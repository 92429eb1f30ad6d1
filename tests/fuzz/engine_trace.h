#pragma once

#include "daemon/engine/effects.h"
#include "daemon/engine/events.h"

namespace redlockd::fuzz {

// Says on stderr what happens, a line for each event and effect, if REDLOCKD_FUZZ_TRACE is set: to
// read an input that shows something wrong.
void Trace(engine::Time now, const engine::Event& event);
void Trace(const engine::Effects& effects);

}  // namespace redlockd::fuzz
