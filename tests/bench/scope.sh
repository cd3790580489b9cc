#!/usr/bin/env bash
# scope.sh - how fast stackscope reads a capture, beside others that do: packets a CPU second.
#
#   tests/bench/scope.sh [--write] [BUILD]      BUILD: build; --write: the table goes into docs/stackscope.md
#
# A headers-only capture of a million packets (scope_capture.c), with 100 and with 10000 connections in it; user and
# system time, the best of three runs of each. tcptrace and tshark are measured where they are installed
# (Debian: apt-get install tcptrace tshark); tshark once, on a tenth of it. Exit: 0; 1 stackscope is slower than it should be; 2 not measured.
set -u
export LC_ALL=C TIMEFORMAT='%U %S'
top=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd) || exit 2
write=""
case ${1:-} in
-h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
--write) write=1; shift ;;
esac
build=$(cd "${1:-$top/build}" 2>/dev/null && pwd) || { echo "scope.sh: no build directory" >&2; exit 2; }
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
packets=1000000 least=5

# rate FILE PACKETS RUNS COMMAND...: millions of packets a CPU second.
rate() {
    local file=$1 n=$2 runs=$3 best="" took i
    shift 3
    for ((i = 0; i < runs; i++)); do
        took=$( { time "$@" "$file" >/dev/null 2>&1; } 2>&1 | awk '{ print $1 + $2 }')
        best=$(awk -v a="$took" -v b="$best" 'BEGIN { print b == "" || a < b ? a : b }')
    done
    awk -v n=$n -v t="$best" 'BEGIN { printf "%.2f", n / 1e6 / (t > 0 ? t : 0.001) }'
}

for n in 100 10000; do
    "$build/tests/bench/scope_capture" $packets $n >"$tmp/$n.pcap" || exit 2
    "$build/tests/bench/scope_capture" $((packets / 10)) $((n / 10)) >"$tmp/$n-tenth.pcap" || exit 2
done
slow=0
line() { # line NAME COMMAND...: a row, both captures
    local name=$1 a b
    shift
    command -v "$1" >/dev/null || return 0
    if [ "$1" = tshark ]; then
        a=$(rate "$tmp/100-tenth.pcap" $((packets / 10)) 1 "$@") b=$(rate "$tmp/10000-tenth.pcap" $((packets / 10)) 1 "$@")
    else
        a=$(rate "$tmp/100.pcap" $packets 3 "$@") b=$(rate "$tmp/10000.pcap" $packets 3 "$@")
    fi
    printf '| %s | %s | %s |\n' "$name" "$a" "$b"
    case $name in
    *stackscope\ summary* | *stackscope\ states*)
        awk -v a="$a" -v b="$b" -v l=$least 'BEGIN { exit a < l || b < l }' || slow=1 ;;
    esac
}
{
    printf '| million packets a CPU second | 100 connections | 10000 connections |\n|---|---:|---:|\n'
    line "a plain libpcap loop, the bound" "$build/tests/bench/pcap_loop"
    line '`stackscope summary`' "$build/bin/stackscope" summary
    line '`stackscope states`' "$build/bin/stackscope" states
    line '`stackscope states -j`' "$build/bin/stackscope" states -j
    line '`stackscope flows`' "$build/bin/stackscope" flows
    line '`stackscope check`' "$build/bin/stackscope" check
    line '`tcptrace -l`' tcptrace -l
    line '`tshark -q -z conv,tcp -r`' tshark -q -z conv,tcp -r
} >"$tmp/table"
cat "$tmp/table"
if [ -n "$write" ]; then
    awk -v table="$tmp/table" '
        /^<!-- speed -->/ { print; while ((getline row < table) > 0) print row; skip = 1; next }
        /^<!-- end -->/ { skip = 0 }
        !skip' "$top/docs/stackscope.md" >"$tmp/doc" && cp "$tmp/doc" "$top/docs/stackscope.md"
fi
exit $slow
