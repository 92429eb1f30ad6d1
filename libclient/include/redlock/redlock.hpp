// libredlock for C++20: a thin layer on the C interface. The C header documents each call in more
// detail.
//
//   redlock::Client    one session for one thread: locks, queries, events
//   redlock::Session   one session for all threads of a process (redlock/session.hpp)
//   redlock::Hold      a lock that is held: movable, and released by its destructor
//   redlock::Mutex     one lock as a standard mutex: for std::scoped_lock, std::unique_lock, ...
//   redlock::MultiLock several locks as one standard mutex: all of them or none
//
// Errors are exceptions of class Error, or a std::error_code where a call takes one: enum
// redlock_error is an error code enum, so that `error == REDLOCK_EBUSY` works.
//
// Names are in lower case, like those of the standard library that they replace.
//
// redlock/client.hpp alone needs no more than C++17.
#pragma once

#include <redlock/client.hpp>
#include <redlock/mutex.hpp>
#include <redlock/session.hpp>
