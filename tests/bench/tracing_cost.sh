#!/usr/bin/env bash
# tracing_cost.sh - what tracing costs when nobody traces.
#
#   tests/bench/tracing_cost.sh [MEGABYTES]     default 20
#
# The same bulk transfer (bulk.c) is compiled twice: as it is, and with every trace_on() and the
# capture's branch made constant false, so that the compiler takes all tracing out. Both run under
# valgrind, which counts instructions: exact, and the same on a busy machine. What a transfer of
# no bytes needs is taken off. Exit: 0 when the cost is under 1 %, 1 when not, 77 without valgrind.
set -u
top=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd) || exit 2
megabytes=${1:-20}
cc=${CC:-cc}
command -v valgrind >/dev/null || { echo "tracing_cost: no valgrind: apt-get install valgrind"; exit 77; }
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT

cp -r "$top/stack" "$tmp/stack"
mkdir "$tmp/without"
cp -r "$top/stack" "$tmp/without/stack"
# The capture's branch stands in core_framed(), for frames in and out.
[ "$(grep -c 'if (unlikely(c->tap != NULL))' "$tmp/without/stack/base/core.h")" = 1 ] || {
    echo "tracing_cost: core.h has changed: this script no longer finds the capture's branch" >&2
    exit 2
}
sed -i 's/if (unlikely(c->tap != NULL))/if (0)/' "$tmp/without/stack/base/core.h"
# trace_on() is defined by then, so only its uses are replaced.
printf '#include "base/trace.h"\n#define trace_on(tr, kind) ((void)(tr), 0)\n' >"$tmp/without/no_trace.h"

compile() { # compile OUT STACK OPTIONS...
    local out=$1 stack=$2
    shift 2
    # shellcheck disable=SC2046
    "$cc" -std=c11 -O2 -g -w "$@" -I"$stack" -o "$out" "$top/tests/bench/bulk.c" \
        "$top/tools/common/assert.c" "$stack/net.c" \
        $(find "$stack" -mindepth 2 -name '*.c' ! -path '*/l1_physical/*')
}
compile "$tmp/with.out" "$tmp/stack" || exit 2
compile "$tmp/without.out" "$tmp/without/stack" -include "$tmp/without/no_trace.h" || exit 2

count() { # count PROGRAM MEGABYTES - instructions
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$1" "$2" 2>&1 >"$tmp/said" |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}
none=$(count "$tmp/with.out" 0)
with=$(($(count "$tmp/with.out" "$megabytes") - none))
said=$(cat "$tmp/said")
none=$(count "$tmp/without.out" 0)
without=$(($(count "$tmp/without.out" "$megabytes") - none))
[ "$without" -gt 0 ] || { echo "tracing_cost: valgrind counted nothing" >&2; exit 2; }
echo "transfer: $said"
echo "instructions with tracing compiled in, nobody listening: $with"
echo "instructions with tracing taken out:                     $without"
awk -v a="$with" -v b="$without" 'BEGIN {
    printf "cost: %.2f %%\n", (a - b) * 100 / b
    exit !((a - b) * 100 < b)
}'
