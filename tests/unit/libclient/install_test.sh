#!/bin/sh
# install_test.sh BUILD_DIR SOURCE_DIR LIBDIR VERSION CC CXX FLAGS: installs the library into a private tree, and builds
# a stranger's project against it, by find_package and by pkg-config.
set -eu
build=$1 source=$2 libdir=$3 version=$4 cc=$5 cxx=$6 flags=$7
tree=$(mktemp -d "${TMPDIR:-/tmp}/redlock-install.XXXXXX")
trap 'rm -rf "$tree"' EXIT

cmake --install "$build" --prefix "$tree/installed" >"$tree/log"
# All of it goes on working where it is moved to.
mv "$tree/installed" "$tree/usr"
"$tree/usr/bin/redlock" --version >"$tree/log"

cmake -G Ninja -S "$source" -B "$tree/consumer" -DCMAKE_PREFIX_PATH="$tree/usr" \
  -DCMAKE_C_COMPILER="$cc" -DCMAKE_CXX_COMPILER="$cxx" \
  -DCMAKE_C_FLAGS="$flags" -DCMAKE_CXX_FLAGS="$flags" >"$tree/log"
cmake --build "$tree/consumer" >"$tree/log" || { cat "$tree/log"; exit 1; }
[ "$("$tree/consumer/use_c")" = "$version" ]
[ "$("$tree/consumer/use_cc")" = "$version" ]
[ "$("$tree/consumer/use_static")" = "$version" ]
if ldd "$tree/consumer/use_static" | grep libredlock; then exit 1; fi

export PKG_CONFIG_PATH="$tree/usr/$libdir/pkgconfig"
[ "$(pkg-config --modversion redlock)" = "$version" ]
# shellcheck disable=SC2046,SC2086 # flags are words
"$cc" $flags -o "$tree/use" "$source/use.c" $(pkg-config --cflags --libs redlock)
[ "$(LD_LIBRARY_PATH="$tree/usr/$libdir" "$tree/use")" = "$version" ]
# shellcheck disable=SC2046,SC2086
"$cc" $flags -o "$tree/use" "$source/use.c" $(pkg-config --cflags redlock) -Wl,-Bstatic -L"$tree/usr/$libdir" -lredlock \
  -Wl,-Bdynamic -lstdc++ -pthread
[ "$("$tree/use")" = "$version" ]

# Nothing but the interface is to be seen in the library.
stray=$(nm -D --defined-only "$tree/usr/$libdir/libredlock.so" | awk '$2 != "A" { print $3 }' | grep -v '^redlock_') || true
[ -z "$stray" ] || { echo "exported: $stray"; exit 1; }

# A dlclose() does not unmap the library: the thread of a shared session never ends.
readelf -d "$tree/usr/$libdir/libredlock.so" | grep -q NODELETE
