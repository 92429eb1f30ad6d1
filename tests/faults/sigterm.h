// How a client process, and the run itself, is asked to end.
#pragma once

namespace redlockd::test::faults {

// From now on SIGTERM and SIGINT do no more than interrupt a poll() and make Stopping() true.
void HeedSigterm();
bool Stopping();

}  // namespace redlockd::test::faults
