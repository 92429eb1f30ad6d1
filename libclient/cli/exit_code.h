// Exit codes of `redlock`, those of sysexits.h where it has one.
#pragma once

namespace redlock::cli {

inline constexpr int kExitUsage = 64;
inline constexpr int kExitNoTurn = 67;       // the daemon had too much to do; the lock may be free
inline constexpr int kExitNoQuorum = 68;     // too few nodes can be reached
inline constexpr int kExitUnavailable = 69;  // no daemon, or none with room for another client
inline constexpr int kExitInternal = 70;
inline constexpr int kExitOs = 71;      // this host lacks something: memory, descriptors, processes
inline constexpr int kExitBusy = 75;    // held by another, at once or until the wait was over; or
                                        // the hold to break is not there
inline constexpr int kExitDenied = 77;  // the daemon does not let this user do it, or connect
inline constexpr int kExitConfig = 78;  // the configuration has mistakes and was not reloaded
inline constexpr int kExitLost = 79;    // the lock was lost while the command ran
inline constexpr int kExitNotExecutable = 126;
inline constexpr int kExitNotFound = 127;
inline constexpr int kExitSignal = 128;  // + the signal that ended the command, or the wait

// Returns the exit code for an enum redlock_error that ended a request; 0 for REDLOCK_OK.
int ExitCodeOf(int redlock_error);

}  // namespace redlock::cli
