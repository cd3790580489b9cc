#!/usr/bin/env bash
# instructions.sh - how many instructions the core spends on a packet.
#
#   tests/bench/instructions.sh [BUILD]             show the table (BUILD: build)
#   tests/bench/instructions.sh --check [BUILD]     compare with docs/instructions.md
#   tests/bench/instructions.sh --update [BUILD]    write it into docs/instructions.md
#   tests/bench/instructions.sh --profile PATH [BUILD]   one path, function by function
#   tests/bench/instructions.sh -h
#
# insns.c walks the paths, callgrind counts. What memcpy() and its kin need stands apart, as it is the
# C library's and depends on the processor: it is shown and not compared. So does the checksum.
#
# --check fails when a path needs over 5 % more than the committed table says. The same compiler gives
# the same counts on every machine; another one than the table's is given 30 %. Exit: 0; 1 it has
# grown; 2 it could not be measured; 77 nothing to compare: no valgrind, not x86-64, or a build that is
# not optimised.
set -u
LC_ALL=C
export LC_ALL
top=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd) || exit 2
document=$top/docs/instructions.md
mode=show path=""
bound_same=5 bound_other=30

case ${1:-} in
-h | --help) sed -n '2,18s/^# \{0,1\}//p' "$0"; exit 0 ;;
--check) mode=check; shift ;;
--update) mode=update; shift ;;
--profile) mode=profile path=${2:?a path, as the table names it}; shift 2 ;;
-*) echo "instructions: $1 is no option: try -h" >&2; exit 1 ;;
esac
build=$(cd "${1:-$top/build}" 2>/dev/null && pwd) || { echo "instructions: no build directory: ${1:-build}" >&2; exit 2; }

skip() {
    echo "instructions: $1"
    exit 77
}
command -v valgrind >/dev/null || skip "no valgrind: apt-get install valgrind"
[ -x "$build/tests/bench/insns" ] || skip "insns is not built: apt-get install valgrind, and configure again"
[ "$(uname -m)" = x86_64 ] || skip "the table counts instructions of x86-64"
cache() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }
case $(cache CMAKE_BUILD_TYPE) in
RelWithDebInfo | Release) ;; # -O2, -O3
*) skip "the build type is $(cache CMAKE_BUILD_TYPE): the table counts optimised code" ;;
esac
[ "$(cache STACKD_SANITIZE)" = ON ] && skip "sanitizers add instructions"
compiler=$(sed -n 's/^set(CMAKE_C_COMPILER_ID "\(.*\)")/\1/p; s/^set(CMAKE_C_COMPILER_VERSION "\([0-9]*\).*")/\1/p' \
    "$build"/CMakeFiles/*/CMakeCCompiler.cmake | paste -sd' ')
[ "${compiler% *}" = GNU ] && compiler="gcc ${compiler#* }"
[ "$(cache CMAKE_BUILD_TYPE)" = Release ] && compiler="$compiler -O3"

tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
valgrind --tool=callgrind --collect-atstart=no --combine-dumps=yes --compress-strings=no --compress-pos=no \
    --callgrind-out-file="$tmp/dumps" "$build/tests/bench/insns" >"$tmp/paths" 2>"$tmp/log" ||
    { tail -n 5 "$tmp/log" >&2; exit 2; }

# Self cost by path and function: `path|function|instructions`. A line after calls= is what the callee
# cost, which stands with the callee, too. What insns.c itself needs, and the start of a program, is not
# the core's.
awk -v OFS='|' '
    function flush(f) { for (f in cost) print path, f, cost[f]; delete cost }
    /^desc: Trigger: Client Request: / { flush(); path = $5; next }
    /^fl=/ { file = substr($0, 4); next }
    /^fn=/ { name = substr($0, 4); own = file ~ /insns\.c$/ || name ~ /^\(below main\)|^__libc_start|^_start/; next }
    /^calls=/ { getline; next }
    /^[0-9]+ [0-9]+$/ { if (!own) cost[name] += $2 }
    END { flush() }' "$tmp/dumps" >"$tmp/costs"

# `path|protocol|checksum|copying|what`, for one packet.
awk -F'|' -v OFS='|' '
    NR == FNR { packets[$1] = $2; what[$1] = $3; order[n++] = $1; next }
    $2 ~ /^(__)?mem|^0x/ { copy[$1] += $3; next }
    $2 ~ /^csum_|^pkt_csum/ { csum[$1] += $3; next }
    { core[$1] += $3 }
    END { for (i = 0; i < n; i++) { p = order[i]
          printf "%s|%d|%d|%d|%s\n", p, core[p] / packets[p] + .5, csum[p] / packets[p] + .5,
                 copy[p] / packets[p] + .5, what[p] } }' "$tmp/paths" "$tmp/costs" >"$tmp/table"
[ "$(wc -l <"$tmp/table")" -ge 20 ] && ! grep -q '^[^|]*|0|' "$tmp/table" ||
    { echo "instructions: callgrind's output was not understood" >&2; exit 2; }

table() {
    echo "| path | | protocol | checksum | copying |"
    echo "|---|---|---:|---:|---:|"
    awk -F'|' '{ printf "| %s | %s | %d | %s | %s |\n", $1, $5, $2, $3 ? $3 : "", $4 ? $4 : "" }' "$tmp/table"
}

if [ $mode = profile ]; then
    awk -F'|' -v OFS='\t' -v path="$path" 'NR == FNR { packets[$1] = $2; next }
        $1 == path { printf "%9.1f  %s\n", $3 / packets[path], $2 }' "$tmp/paths" "$tmp/costs" | sort -rn
    grep "^$path|" "$tmp/table" | cut -d'|' -f2-4
    exit 0
elif [ $mode = show ]; then
    echo "$compiler"
    table
    exit 0
elif [ $mode = update ]; then
    { sed '/^<!-- counted -->$/q' "$document" && echo && echo "Compiler: $compiler, x86-64." && echo && table; } >"$tmp/document" &&
        cp "$tmp/document" "$document"
    exit
fi

was=$(sed -n 's/^Compiler: \(.*\), x86-64\.$/\1/p' "$document")
bound=$bound_same
if [ "$was" != "$compiler" ]; then
    bound=$bound_other
    echo "the table is of $was, this is $compiler: a path may need $bound % more"
fi
sed -n 's/^| \([a-z0-9-]*\) | [^|]* | \([0-9]*\) | \([0-9]*\) *| [0-9]* *|$/\1|\2|\3/p' "$document" >"$tmp/was"
awk -F'|' -v bound="$bound" '
    NR == FNR { protocol[$1] = $2; checksum[$1] = $3 + 0; next }
    !($1 in protocol) { printf "FAIL %s is not in the table\n", $1; bad++; next }
    { seen[$1] = 1; fell += $2 < protocol[$1] * .95
      if ($2 > protocol[$1] * (1 + bound / 100) + 2 || $3 > checksum[$1] * (1 + bound / 100) + 2) {
          printf "FAIL %s: %d instructions, checksum %d; the table says %d, %d\n", $1, $2, $3, protocol[$1], checksum[$1]
          bad++
      } else good++ }
    END { for (p in protocol) if (!(p in seen)) { printf "FAIL %s is in the table and not counted\n", p; bad++ }
          if (fell) printf "%d paths need less than the table says: --update makes that the bound\n", fell
          if (bad) print "     if that is what it costs: tests/bench/instructions.sh --update"
          printf "instructions: %d passed, %d failed\n", good, bad
          exit bad > 0 || good == 0 }' "$tmp/was" "$tmp/table"
