#!/bin/bash
# release_test.sh SOURCE: scripts/release makes the same tar each time, refuses what it should, and the
# client builds and installs from it where none of the daemon's libraries is to be found. 77 (skipped)
# where SOURCE is no git checkout.
set -euo pipefail
source=$1
git -C "$source" rev-parse --verify -q HEAD >/dev/null 2>&1 || { echo "SKIPPED: no git checkout"; exit 77; }
tree=$(mktemp -d "${TMPDIR:-/tmp}/redlockd-release.XXXXXX")
trap 'rm -rf "$tree"' EXIT
fail() { echo "release_test: $*"; exit 1; }

git clone -q "$source" "$tree/clone"
cd "$tree/clone"
# What is in the working tree and not committed yet is what is tested.
cp "$source/scripts/release" scripts/release
version=$(sed -nE 's/^project\(redlockd VERSION ([0-9.]+).*/\1/p' CMakeLists.txt)
commit() { git -c user.name=test -c user.email=test@localhost -c commit.gpgsign=false commit --allow-empty -qam "$1"; }

sed -i "/^## \[$version\]/d" CHANGELOG.md
commit "a changelog without the version"
if scripts/release "$version" >"$tree/out" 2>&1; then fail "released without a section in CHANGELOG.md"; fi
grep -q "CHANGELOG.md has no section" "$tree/out" || fail "said: $(cat "$tree/out")"

printf '\n## [%s]\n' "$version" >>CHANGELOG.md
commit "a changelog with the version"
if scripts/release 99.0 >"$tree/out" 2>&1; then fail "released a version that CMakeLists.txt has not"; fi
grep -q "has version $version, not 99.0" "$tree/out" || fail "said: $(cat "$tree/out")"

sed -i "1s/($version-/(0.0-/" debian/changelog
commit "packages of another version"
if scripts/release "$version" >"$tree/out" 2>&1; then fail "released beside packages of another version"; fi
grep -q "debian/changelog does not begin with $version" "$tree/out" || fail "said: $(cat "$tree/out")"
sed -i "1s/(0.0-/($version-/" debian/changelog
commit "packages of this version"

touch stray
if scripts/release "$version" >"$tree/out" 2>&1; then fail "released a tree with changes"; fi
rm stray

scripts/release "$version" --out "$tree/one" >/dev/null
touch -d '2001-01-01' README.md
(umask 077 && TZ=Asia/Tokyo LC_ALL=C scripts/release "$version" --out "$tree/two" >/dev/null)
cmp "$tree/one/redlockd-$version.tar.gz" "$tree/two/redlockd-$version.tar.gz" || fail "two tars of one commit differ"

tar -xzf "$tree/one/redlockd-$version.tar.gz" -C "$tree"
cd "$tree/redlockd-$version"
# What tests need is looked for only where they are built.
cmake -G Ninja -S . -B whole -DCMAKE_BUILD_TYPE=Release -DCMAKE_DISABLE_FIND_PACKAGE_GTest=ON >"$tree/log" 2>&1 ||
  { cat "$tree/log"; exit 1; }
PKG_CONFIG_LIBDIR=$tree/none cmake -G Ninja -S . -B build -DCMAKE_BUILD_TYPE=Release -DREDLOCKD_CLIENT_ONLY=ON \
  -DCMAKE_DISABLE_FIND_PACKAGE_spdlog=ON -DCMAKE_DISABLE_FIND_PACKAGE_CLI11=ON >"$tree/log" 2>&1 || { cat "$tree/log"; exit 1; }
cmake --build build >"$tree/log" 2>&1 || { cat "$tree/log"; exit 1; }
if grep 'warning:' "$tree/log"; then fail "a build without our presets warns"; fi
DESTDIR=$tree/stage cmake --install build --prefix /usr >"$tree/log" || { cat "$tree/log"; exit 1; }
said=$(LD_LIBRARY_PATH=$(dirname "$(find "$tree/stage" -name 'libredlock.so')") "$tree/stage/usr/bin/redlock" --version)
[[ $said == *"$version"* ]] || fail "redlock --version says '$said', expected $version"
[ ! -e "$tree/stage/usr/sbin/redlockd" ] || fail "a build of the client alone has the daemon"
