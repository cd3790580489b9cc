#!/usr/bin/env bash
# spin.sh - the Promela model of RFC 9293 (rfc9293.pml), and whether the core reaches the same pairs of states.
#
#   tests/model/spin.sh BUILD-DIRECTORY [--deep]
#
# Three descriptions of TCP that know nothing of one another are laid side by side:
#
#   model   rfc9293.pml, searched by spin: written from Figure 5 and section 3.10
#   core    what build/tests/model/search reached in the core itself
#   legal   the table in legal.c: which states two partners may be in, and why
#
# Prints a line for each pair of states (A's and B's, in either order) that one of them has, and ends
# with 0 when they agree but for the differences that are explained below. A connection that is over
# is CLOSED. --deep: aborts with two segments in flight in each direction (26 million transitions).
# 77: there is no spin here (apt-get install spin).
set -u
LC_ALL=C
export LC_ALL
case $# in 1) ;; 2) [ "$2" = --deep ] || set -- ;; *) set -- ;; esac
if [ $# -eq 0 ]; then
    sed -n '2,18s/^# \{0,1\}//p' "$0" >&2
    exit 1
fi
here=$(cd "$(dirname "$0")" && pwd) || exit 2
search=$(cd "$1" && pwd)/tests/model/search
command -v spin >/dev/null || { echo "spin.sh: spin is not installed: apt-get install spin"; exit 77; }
[ -x "$search" ] || { echo "spin.sh: $search is not there: build it first" >&2; exit 2; }
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT

# Differences that are right. From the first column on: pair, who has it, reason.
cat >"$tmp/explained" <<'END'
ESTABLISHED LISTEN	core	SYN cookies: a listener answers and keeps nothing
FIN_WAIT_1 LISTEN	core	the same, and the client has closed
END

# model NAME OPTIONS... - search the model; every state must have a way on. Pairs go to $tmp/model.
model() {
    local name=$1
    shift
    mkdir "$tmp/$name" && cd "$tmp/$name" || exit 2
    # No partial order reduction: it would skip states, and we want to see every pair.
    spin -a "$@" "$here/rfc9293.pml" >out 2>&1 && ${CC:-gcc} -O1 -w -DSAFETY -DNOREDUCE -o pan pan.c >>out 2>&1 ||
        { cat out; echo "spin.sh: the model does not compile" >&2; exit 2; }
    ./pan -m1000000 >out 2>&1
    sed -n 's/^pair //p' out >>"$tmp/model"
    printf 'model %-9s %s, %s\n' "$name:" "$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1 states/p' out)" \
        "$(sed -n 's/^ *\([0-9]*\) transitions.*/\1 transitions/p' out)"
    if ! grep -q 'errors: 0' out || grep -q 'max search depth too small' out; then
        grep -E 'errors:|pan:|error' out
        failed=1
    fi
}

failed=0
model closing
if [ "${2:-}" = --deep ]; then model aborts -DABORTS; else model aborts -DABORTS -DCAPACITY=1; fi

scenarios="close-any simultaneous-open change-of-mind abort-server cookies"
# shellcheck disable=SC2046
"$search" --quiet --pairs $(printf -- '--scenario %s ' $scenarios) >"$tmp/out" || { cat "$tmp/out"; failed=1; }
sed -n 's/^pair //p' "$tmp/out" >"$tmp/core"
sed -n 's/^[a-z-]* *\([0-9]*\) states, *\([0-9]*\) transitions.*/\1 \2/p' "$tmp/out" |
    awk '{ s += $1; t += $2 } END { printf "core, %d scenarios: %d states, %d transitions\n", NR, s, t }'
"$search" --legal-pairs >"$tmp/legal"

for who in model core legal; do # the order does not matter
    awk '{ print ($1 < $2) ? $1 " " $2 : $2 " " $1 }' "$tmp/$who" | sort -u >"$tmp/$who.pairs"
    [ -s "$tmp/$who.pairs" ] || { echo "spin.sh: no pairs from $who" >&2; failed=1; }
done

echo
while read -r pair; do
    has=""
    for who in model core legal; do grep -qxF "$pair" "$tmp/$who.pairs" && has="$has $who"; done
    note=""
    # The table is about partners that are both there: two that have not met, or that are gone, are none.
    case $pair in
    *CLOSED* | *LISTEN* | "SYN_SENT SYN_SENT") want=" model core" ;;
    *) want=" model core legal" ;;
    esac
    if [ "$has" != "$want" ]; then
        note=$(awk -F'\t' -v p="$pair" -v w="${has# }" '$1 == p && $2 == w { print $3 }' "$tmp/explained")
        if [ -z "$note" ]; then
            note="DIFFERENT"
            failed=1
        fi
    fi
    printf '%-12s %-12s %-17s %s\n' ${pair% *} ${pair#* } "$has" "${note:+$note}"
done < <(sort -u "$tmp"/{model,core,legal}.pairs)
while IFS=$'\t' read -r pair who note; do
    grep -qxF "$pair" "$tmp/$who.pairs" || { echo "explained, and not so any more: $pair, only $who"; failed=1; }
done <"$tmp/explained"
exit $((failed * 2))
