#pragma once

// What this process got from the one that started it, and how it ends.
namespace redlockd::host {

// Signals that were blocked by the parent are delivered: else nobody could stop the daemon in
// order.
void UnblockSignals();

// Whether `signal` does nothing. At the start: whether the parent wants that, as nohup does of
// SIGHUP, and a shell without job control of SIGINT for what it starts in the background.
bool IsIgnored(int signal);

// From here on no signal but SIGKILL ends the process before it has ended by itself.
void BlockSignals();

}  // namespace redlockd::host
