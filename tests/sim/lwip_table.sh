#!/bin/sh
# lwip_table.sh - the table of docs/interoperability.md about lwIP, written by the test that meets it.
#
# Usage: lwip_table.sh BUILD-DIRECTORY [--check]
#
# Time is virtual, so the table is the same each time; --check says where the document differs. The
# status is 77 where the test is not built, because lwIP is not installed.
set -eu
doc=$(dirname "$0")/../../docs/interoperability.md
program=$1/tests/sim/test_lwip
[ -x "$program" ] || exit 77
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
STACKD_TABLE=$tmp/rows "$program" >"$tmp/out" || { cat "$tmp/out"; exit 1; }
awk -v rows="$tmp/rows" '
    /^<!-- end -->$/ { inside = 0 }
    !inside { print }
    /^<!-- lwip -->$/ {
        inside = 1
        print "| what | MTU | opens | SYN | SYN,ACK | outcome |"
        print "|---|---|---|---|---|---|"
        while ((getline line <rows) > 0) print line
    }' "$doc" >"$tmp/doc"
if [ "${2:-}" = --check ]; then
    diff "$doc" "$tmp/doc"
elif ! cmp -s "$doc" "$tmp/doc"; then
    cat "$tmp/doc" >"$doc"
fi
