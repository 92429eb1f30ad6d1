#pragma once

#include <string>

#include "daemon/engine/effects.h"
#include "daemon/engine/node_op.h"

// Why a node did not do what it was asked, for a person: what follows "node 3 " in an answer, in
// `redlock nodes` and in the log.
namespace redlockd::engine {

// Describes an answer that is neither what was asked for nor about the lock's own state (busy, not
// the turn, not the owner): what the node refused, and with what values.
std::string ReasonOf(const NodeAnswer& answer);
std::string ReasonOf(const NodeSilence& silence);

// ": node 1 refused ...; node 3 did not ..."; empty if there are none.
std::string ToText(const NodeFailures& failures);

// "a renewal": what a ticket of this kind asks for.
const char* NameOf(Ticket::Kind kind);

}  // namespace redlockd::engine
