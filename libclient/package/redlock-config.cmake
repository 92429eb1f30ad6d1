# find_package(redlock) gives the targets redlock::redlock and, to link the library into a program, redlock::static.
# The C++ header needs C++20 and threads.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
include(${CMAKE_CURRENT_LIST_DIR}/redlock-targets.cmake)
# A distribution may leave the static library out.
include(${CMAKE_CURRENT_LIST_DIR}/redlock-static-targets.cmake OPTIONAL)
