#pragma once

#include <functional>
#include <vector>

#include "tests/bench/line_socket.h"
#include "tests/bench/measure.h"

namespace redlockd::bench {

// Serves many sockets in one thread until `end`: `ready(i)` is called when sockets[i] has something
// to read, until it returns false. A single socket is not polled but read, which is what a program
// with one connection does.
void Serve(std::vector<LineSocket*> sockets, Nanoseconds end,
           const std::function<bool(std::size_t)>& ready);

}  // namespace redlockd::bench
