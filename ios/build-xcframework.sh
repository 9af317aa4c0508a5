#!/bin/sh
# Builds Generated/NoctuleFFI.xcframework and the Swift over it: what the package needs on Apple's
# platforms. On a Mac with Xcode 16 or later and rustup:
#
#   ./build-xcframework.sh          # then open the package, or Sample, in Xcode
#   ./build-xcframework.sh --zip    # besides, a zip and its checksum, for a package by address
#   ./build-xcframework.sh --small  # with the standard library from its sources, for size
#
# Nothing is taken from the network but crates, at the versions of Cargo.lock, and for --small the
# sources of the standard library, from rustup.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)
generated="$here/Generated"
out="$generated/NoctuleFFI.xcframework"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The oldest iOS that Package.swift names: clang and the linker read it.
export IPHONEOS_DEPLOYMENT_TARGET=15.0

device=aarch64-apple-ios
simulator_arm=aarch64-apple-ios-sim
simulator_intel=x86_64-apple-ios

need() {
    command -v "$1" >/dev/null || { echo "$1 is needed: $2" >&2; exit 1; }
}

zip=no small=no
for option in "$@"; do
    case $option in
    --zip) zip=yes ;;
    --small) small=yes ;;
    *) echo "$option: only --zip and --small are known" >&2; exit 2 ;;
    esac
done

# Cargo, as the library for phones is built with it.
phone_cargo() {
    if [ "$small" = yes ]; then
        # A stable compiler builds the standard library for those who ask for it so.
        RUSTC_BOOTSTRAP=1 cargo --config .cargo/phone.toml "$@"
    else
        cargo "$@"
    fi
}

need xcodebuild "Xcode 16 or later, and xcode-select"
need rustup "https://rustup.rs"
xcode=$(xcodebuild -version | awk 'NR == 1 { print int($2) }')
[ "$xcode" -ge 16 ] || { echo "Xcode $xcode is older than 16" >&2; exit 1; }

target_dir=${CARGO_TARGET_DIR:-$root/target}
cd "$root"
rustup target add "$device" "$simulator_arm" "$simulator_intel"
[ "$small" = no ] || rustup component add rust-src
for target in "$device" "$simulator_arm" "$simulator_intel"; do
    phone_cargo build --locked --profile mobile --package noctule-ffi --lib --target "$target"
done

# The bindings come from a library with its metadata, which stripping takes away: the host's own.
cargo build --locked --package noctule-ffi --lib
cargo run --locked --quiet --package noctule-bindgen --features bindgen -- \
    generate --no-format --language swift --out-dir "$work/bindings" \
    "$target_dir/debug/libnoctule_ffi.dylib"

# In a folder of its own: two frameworks with headers at the top would overwrite each other's map.
headers="$work/headers/NoctuleFFI"
mkdir -p "$headers"
cp "$work/bindings/NoctuleFFI.h" "$headers/"
cat >"$headers/module.modulemap" <<'MAP'
module NoctuleFFI {
    header "NoctuleFFI.h"
    export *
}
MAP

# Local symbols and debug information go; what the app links stays.
slim() {
    mkdir -p "$(dirname "$2")"
    cp "$target_dir/$1/mobile/libnoctule_ffi.a" "$2"
    xcrun strip -S -x -r "$2"
}
slim "$device" "$work/device/libnoctule_ffi.a"
slim "$simulator_arm" "$work/arm/libnoctule_ffi.a"
slim "$simulator_intel" "$work/intel/libnoctule_ffi.a"
mkdir -p "$work/simulator"
lipo -create "$work/arm/libnoctule_ffi.a" "$work/intel/libnoctule_ffi.a" \
    -output "$work/simulator/libnoctule_ffi.a"

rm -rf "$out"
mkdir -p "$generated/NoctuleBindings"
xcodebuild -create-xcframework \
    -library "$work/device/libnoctule_ffi.a" -headers "$work/headers" \
    -library "$work/simulator/libnoctule_ffi.a" -headers "$work/headers" \
    -output "$out"
cp "$work/bindings/NoctuleBindings.swift" "$generated/NoctuleBindings/"

# PrivacyInfo.xcprivacy names every API that Apple wants a reason for; a new one is to be seen here.
# Undefined symbols of the library: what it takes from the system.
families='stat|fstat|lstat|fstatat|getattrlist|statfs|fstatfs'
others='fgetattrlist|getattrlistat|getattrlistbulk|statvfs|fstatvfs|mach_absolute_time'
allowed="^_($families)([\$]INODE64)?\$"
wanted="^_($families|$others)([\$]INODE64)?\$"
used=$(xcrun nm -gu "$work/device/libnoctule_ffi.a" 2>/dev/null | awk '{ print $NF }' \
    | grep -E "$wanted" | sort -u || true)
new=$(printf '%s\n' "$used" | grep -vE "$allowed" || true)
echo "APIs that need a reason: $(printf '%s' "$used" | tr '\n' ' ')"
if [ -n "$new" ]; then
    echo "look whether PrivacyInfo.xcprivacy names a reason for: $new" >&2
fi

if [ "$zip" = yes ]; then
    (cd "$generated" && rm -f NoctuleFFI.xcframework.zip \
        && zip --quiet --recurse-paths --symlinks NoctuleFFI.xcframework.zip NoctuleFFI.xcframework)
    echo "checksum: $(swift package compute-checksum "$generated/NoctuleFFI.xcframework.zip")"
fi
du -h "$out"/*/libnoctule_ffi.a
echo "made $out"
