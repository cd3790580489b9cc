#!/usr/bin/env bash
# build.sh - build everything that bench.sh measures beside stackd.
#
#   tests/bench/rivals/build.sh [BUILD] [--no-install]
#
# BUILD is the build directory, default build/; it must have been configured. Packages that are missing
# are installed by apt-get where this is root (--no-install: never). lwIP is fetched as Debian's source
# package, through apt-get with lists of its own in BUILD, so that nothing of the machine's apt changes;
# what cannot be had is left out and named. The programs are BUILD/tests/bench/rivals/*.
set -u
here=$(dirname "$(readlink -f "$0")")
install=1 build=""
for arg in "$@"; do
    case $arg in
    --no-install) install=0 ;;
    -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) echo "build.sh: $arg is no option: try -h" >&2; exit 1 ;;
    *) build=$arg ;;
    esac
done
build=$(readlink -f "${build:-$here/../../../build}")
[ -f "$build/CMakeCache.txt" ] || { echo "build.sh: $build is no build directory: cmake -S . -B build first" >&2; exit 1; }
own=$build/tests/bench/rivals

there() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

packages() {
    local p missing=()
    command -v dpkg-query >/dev/null || return 0
    for p in liblwip-dev liburing-dev golang-go golang-gvisor-gvisor-dev dpkg-dev; do
        there $p || missing+=("$p")
    done
    [ ${#missing[@]} = 0 ] && return 0
    if [ $install = 0 ] || [ "$(id -u)" != 0 ]; then
        echo "build.sh: not installed: ${missing[*]}" >&2
        return 0
    fi
    echo "build.sh: installing ${missing[*]}" >&2
    DEBIAN_FRONTEND=noninteractive apt-get update -qq >/dev/null 2>&1
    for p in "${missing[@]}"; do
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$p" >/dev/null 2>&1 ||
            echo "build.sh: no $p to be had" >&2
    done
}

# Debian's source of the version that is installed, unpacked with Debian's patches.
lwip_source() {
    local version key=/usr/share/keyrings/debian-archive-keyring.gpg release own_apt=() dir
    [ -e "$own/lwip-source/src/core/tcp.c" ] && return 0
    version=$(dpkg-query -W -f '${source:Version}' liblwip-dev 2>/dev/null)
    release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    [ $install = 1 ] && [ -n "$version" ] && [ -e $key ] && command -v dpkg-source >/dev/null || return 1
    dir=$(mktemp -d) || return 1
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$own"
    echo "deb-src [signed-by=$key] http://deb.debian.org/debian $release main" >"$dir/sources.list"
    own_apt=(-qq -o Dir::Etc::SourceList="$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o Dir::State::Lists="$dir/lists" -o Dir::Cache="$dir/cache" -o APT::Sandbox::User="$(id -un)")
    (cd "$dir" && apt-get "${own_apt[@]}" update && apt-get "${own_apt[@]}" source "lwip=$version" &&
        mv lwip-*/ "$own/lwip-source") >"$own/lwip.log" 2>&1
    local status=$?
    rm -rf "$dir"
    return $status
}

mkdir -p "$own"
packages
lwip_source || echo "build.sh: lwIP's source is not to be had, so no lwip-tuned (see $own/lwip.log)" >&2
if ! { cmake -S "$here/../../.." -B "$build" && cmake --build "$build" --target bench_rivals; } >"$own/build.log" 2>&1; then
    tail -n 20 "$own/build.log"
    exit 2
fi
for name in kernel bound lwip lwip-tuned gvisor; do
    [ -x "$own/$name" ] || echo "build.sh: $name is left out: a package it needs is missing" >&2
done
