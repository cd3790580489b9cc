#!/usr/bin/env bash
# deep.sh - the search of tests/model, deeper than in tests/run.sh: up to six segments in flight.
#
#   tests/model/deep.sh BUILD-DIRECTORY            some minutes; prints a table as it goes
#   tests/model/deep.sh BUILD-DIRECTORY --write    and puts it into docs/conformance.md
#   STATES=1000000 tests/model/deep.sh BUILD       deeper
#
# Each scenario is searched with four budgets; a cell says how many states were found, and either that
# these are all there are, or how many actions from the start the search has come (every path of that
# length but one action was tried). Ends with 2 when a search finds something wrong.
set -u
LC_ALL=C
export LC_ALL
case $# in 1) ;; 2) [ "$2" = --write ] || set -- ;; *) set -- ;; esac
if [ $# -eq 0 ]; then
    sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
    exit 1
fi
top=$(cd "$(dirname "$0")/../.." && pwd) || exit 2
search=$(cd "$1" && pwd)/tests/model/search
states=${STATES:-20000}
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
[ -x "$search" ] || { echo "deep.sh: $search is not there: build it first" >&2; exit 2; }

budgets=("1 0 0" "0 1 0" "0 0 1" "2 1 1") # lost, doubled, timers that run out meanwhile
wrong=0

row() { # row SCENARIO - a line of the table
    local b line cell
    printf '| %s |' "$1"
    for b in "${budgets[@]}"; do
        # shellcheck disable=SC2086
        set -- "$1" $b
        if ! line=$("$search" --quiet --states "$states" --scenario "$1" --loss "$2" --dup "$3" --early "$4" --wire 6); then
            wrong=1
            printf '%s\n' "$line" >>"$tmp/wrong"
        fi
        cell=$(sed -n 's/^[a-z-]* *\([0-9]*\) states, *\([0-9]*\) transitions, depth *\([0-9]*\), \(.*\): ok.*/\1 \2 \3 \4/p' <<<"$line")
        # shellcheck disable=SC2086
        set -- "$1" ${cell:-0 0 0 WRONG}
        echo "$2 $3" >>"$tmp/sum"
        case $* in
        *WRONG) printf ' **wrong** |' ;;
        *within*) printf ' all %s |' "$2" ;;
        *) printf ' %s, depth %s |' "$2" "$4" ;;
        esac
    done
    echo
}

{
    echo "| scenario | 1 lost | 1 doubled | 1 late | 2 lost, 1 doubled, 1 late |"
    echo "|---|---|---|---|---|"
    # Not those that must fail, and not the one that is true only while no reset is lost or late.
    for s in $("$search" --list | grep -oE '^[a-z-]+' | grep -vE '^seen-|^abort-heard$'); do row "$s"; done
} | tee "$tmp/table"
awk '{ s += $1; t += $2 } END { printf "\nTogether %d states and %d transitions.\n", s, t }' "$tmp/sum" | tee -a "$tmp/table"
if [ -s "$tmp/wrong" ]; then cat "$tmp/wrong"; exit 2; fi
if [ "${2:-}" = --write ]; then
    awk -v table="$tmp/table" '
        /<!-- model: begin -->/ { print; print ""; while ((getline line < table) > 0) print line; print ""; skip = 1 }
        /<!-- model: end -->/ { skip = 0 }
        !skip && !/<!-- model: begin -->/' "$top/docs/conformance.md" >"$tmp/doc" && cp "$tmp/doc" "$top/docs/conformance.md"
fi
