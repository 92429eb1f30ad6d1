#pragma once

#include "config/keys.h"
#include "config/load.h"
#include "config/tree.h"

// The step from a Tree to a Config, by the table of keys. Inside of this room only.
namespace redlockd::config {

// Reads all that `tree` says into `loaded`, whose config holds the defaults; notes what is given,
// and every mistake and warning, in no order.
void ReadTree(const Tree& tree, Loaded& loaded);

// Gives `key` the value that holds when the file does not name it.
void SetAbsent(const Key& key, Target target);

}  // namespace redlockd::config
