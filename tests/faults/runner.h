// The other kind of client: runs commands under `redlock run`. The command is a section, this
// program once more, which writes what the lock protects until it has done or is killed; nobody
// tells it a deadline. That it never runs while another holds the lock is `redlock run`'s promise.
//
// Written down: start, run (stamped before `redlock` is started), ran (with its exit code), done;
// and by the section: section (its first moment), beat (a write to the fenced store), leave.
#pragma once

#include "tests/faults/client.h"

namespace redlockd::test::faults {

// `program`: this program, by its path.
void RunRunner(const ClientSetup& setup, const std::string& program);
void RunSection(const ClientSetup& setup);

// A client's command line, and back from it.
std::vector<std::string> ClientArguments(const std::string& program, const std::string& role,
                                         const ClientSetup& setup);
ClientSetup ParseClientArguments(const std::vector<std::string>& arguments);

}  // namespace redlockd::test::faults
