#!/usr/bin/env bash
# service_cost.sh - how many instructions a request costs above the segments that carry it.
#
#   tests/bench/service_cost.sh [BUILD]       the table of docs/performance.md (BUILD: build)
#   tests/bench/service_cost.sh --profile WORKLOAD [BUILD]    one line of it, function by function
#
# service_cost.c asks, callgrind counts what happens inside app_run(): readiness, socket calls with what TCP
# does in them, the service. Exit: 0; 2 it could not be measured; 77 no valgrind.
set -u
LC_ALL=C
export LC_ALL
top=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd) || exit 2
profile=""
case ${1:-} in
-h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
--profile) profile=${2:?a workload, as the table names it}; shift 2 ;;
esac
build=$(cd "${1:-$top/build}" 2>/dev/null && pwd) || { echo "service_cost: no build directory" >&2; exit 2; }
command -v valgrind >/dev/null || { echo "service_cost: no valgrind: apt-get install valgrind"; exit 77; }
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT

# NAME COUNT ARGUMENTS... SENTENCE: the instructions for each of COUNT.
line() {
    local name=$1 count=$2 sentence=${*: -1}
    set -- "${@:2:$#-2}"
    [ -n "$profile" ] && [ "$profile" != "$name" ] && return
    valgrind --tool=callgrind --toggle-collect=app_run --callgrind-out-file="$tmp/out" \
        "$build/tests/bench/service_cost" "${name%%-*}" "$@" >/dev/null 2>"$tmp/log" || { tail -n 5 "$tmp/log" >&2; exit 2; }
    [ -n "$profile" ] && exec callgrind_annotate --auto=no "$tmp/out"
    printf '| %s | %s | %d |\n' "$name" "$sentence" "$(($(sed -n 's/.*Collected : //p' "$tmp/log") / count))"
}

[ -n "$profile" ] || printf '| workload | | instructions |\n|---|---|---:|\n'
line http-small 6400 64 /small "a request on a connection kept open, answered with a file of 128 bytes"
line http-text 6400 64 /none "the same, answered with 404"
line connect 500 1 /none "a connection, a request, the answer, the end"
line echo 6400 64 "64 bytes on a connection kept open, sent back"
line udp 6400 "18 bytes in a datagram, sent back, down to the frame"
