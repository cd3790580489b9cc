#!/usr/bin/env bash
# test_labs.sh - every lab of docs/labs, its commands typed as they are printed: what comes out is what
# the lab says, in both languages. `test_labs.sh BUILD --update [LAB...]` writes what comes out.
. "$(dirname "$0")/lib.sh"
need python3 ping hping3 curl ss
labs=$top/tests/labs/labs.py
case ${2:-} in
--update) python3 "$labs" update "$top/docs/labs" "$build" "${@:3}" >"$tmp/out" 2>&1 ;;
*) python3 "$labs" check "$top/docs/labs" "$build" "${@:2}" >"$tmp/out" 2>&1 ;;
esac
grep -v '^labs: ' "$tmp/out"
passed=$(grep -c '^ok ' "$tmp/out") failed=$(grep -c '^FAIL ' "$tmp/out")
grep -q '^labs: ' "$tmp/out" || nok "the labs ran to their end"
[ "$passed$failed" != 00 ] || nok "there are labs"
finish
