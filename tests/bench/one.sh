#!/usr/bin/env bash
# one.sh - one measurement: a subject on a TAP, a load against it, a line of JSON.
#
#   tests/bench/one.sh [--build DIR] [--sources N] SUBJECT [OPTION...] -- WORKLOAD [OPTION...]
#
# as in: one.sh stackd --mtu 9000 -- bulk-in --seconds 5. The options are those of the subject's program and of
# build/tests/bench/load (see its --help); --sources gives the kernel's end more addresses, 10.9.1.1 and on.
# SUBJECT is stackd, stackd-plain (no offload), stackd-spin (--busy-poll), stackd-awake (--stay-awake), stackd-queues
# (--queues 2), stackd-copying (copying.c), or one of rivals/README.md.
#
# Each time in a network namespace of its own, so that nothing is left over from the last: no TIME-WAIT, no
# route metrics. Exit: 0; 1 there is no result; 2 usage; 3 the subject is not built; 77 no /dev/net/tun.
here=$(dirname "$(readlink -f "$0")")

all=("$@")
build=$(readlink -f "$here/../..")/build sources=0
while [ $# -gt 1 ]; do
    case $1 in
    --build) build=$(readlink -f "$2") ;;
    --sources) sources=$2 ;;
    *) break ;;
    esac
    shift 2
done
subject=${1:-}
subject_own=()
shift
while [ $# -gt 0 ] && [ "$1" != -- ]; do subject_own+=("$1"); shift; done
if [ $# -lt 2 ] || [ "${subject#-}" != "$subject" ]; then
    sed -n '2,13s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
shift
. "$here/lib.sh"
bench_enter "${all[@]}"

subject_start "$subject" "${subject_own[@]}"
case $? in
0) ;;
2) echo "one.sh: $subject is not built" >&2; exit 3 ;;
*) exit 1 ;;
esac
subject_sources "$sources"
line=$(load "$@" </dev/null) && [ -n "$line" ] && echo "$line" && exit 0
grep -v '^stackd: ready\|^ready$' "$tmp/subject.err" | tail -n 3 >&2
exit 1
