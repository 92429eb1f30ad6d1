// How a client process is asked to end.
#pragma once

namespace redlockd::test::faults {

// From now on SIGTERM does no more than interrupt a poll() and make Stopping() true.
void HeedSigterm();
bool Stopping();

}  // namespace redlockd::test::faults
