#pragma once

#include <cstddef>

// What one client can make this room keep or do at a time. PROTOCOL.md names all bounds in one table,
// and a test compares the two.
namespace redlockd::session {

// Untagged lines that may wait while one is under way.
inline constexpr std::size_t kQueuedLines = 64;
// Requests other than locks that may be under way. Locks have room of their own, so that `cancel`
// gets through when all of them wait.
inline constexpr std::size_t kOtherRequests = 64;
// Bytes of WATCH lines that wait for the client to read.
inline constexpr std::size_t kUnreadWatches = 65536;
// Sessions that only administrators get; fewer where there are few at all.
inline constexpr std::size_t kForAdmins = 32;
// File descriptors that a session takes in any case: its socket and its process.
inline constexpr std::size_t kDescriptorsPerSession = 2;

}  // namespace redlockd::session
