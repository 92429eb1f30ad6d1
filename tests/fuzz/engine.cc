#include <cstdint>

#include "tests/fuzz/engine_world.h"

// The engine, by sequences of events: see engine_world.h for what happens, engine_checker.h for
// what must hold after each.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  redlockd::fuzz::World world({data, size});
  world.Run();
  world.End();
  return 0;
}
