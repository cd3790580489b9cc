#!/bin/sh
# test_spin.sh - the state machine as the RFC has it (a Promela model), as the core has it (every state
# that a search reaches) and as the table of legal pairs has it are the same.
#
# Usage: test_spin.sh BUILD-DIRECTORY
. "$(dirname "$0")/lib.sh"

tests/model/spin.sh "$build" >"$tmp/out" 2>&1
status=$?
if [ $status = 77 ]; then
    cat "$tmp/out"
    echo "spin: 0 passed, 0 failed, 1 skipped"
    exit 77
fi
: >"$tmp/bad"
[ $status = 0 ] || cat "$tmp/out" >"$tmp/bad"
verdict "tests/model/spin.sh $build"

# A comparison of little would be none.
: >"$tmp/bad"
[ "$(grep -c ' model core ' "$tmp/out")" -ge 30 ] || cat "$tmp/out" >"$tmp/bad"
verdict "model and core were compared"

finish spin
