#!/usr/bin/env bash
# test_interop.sh - the kernel's TCP with each of its mechanisms off and on, each congestion control it
# has, MTU 576 to 9000, on a clean and a bad wire: every transfer arrives whole, and what was negotiated
# is what docs/interoperability.md says. `test_interop.sh BUILD --update` writes that document's tables.
. "$(dirname "$0")/lib.sh"
need python3 tcpdump ip setpriv
if ! { echo 1 >/proc/sys/net/ipv4/tcp_sack; } 2>/dev/null; then
    skip "/proc/sys cannot be written here: the kernel's TCP stays as it is"
fi
interop() { python3 "$live_dir/helpers/interop.py" "$@"; }

report=$build/interoperability.json
setpriv --pdeathsig KILL python3 "$live_dir/helpers/interop.py" run "$build" "$report" >"$tmp/out" 2>&1
grep -v ': [0-9]* passed, ' "$tmp/out"
passed=$(sed -n 's/^interop: \([0-9]*\) passed.*/\1/p' "$tmp/out") failed=$(sed -n 's/.* passed, \([0-9]*\) failed$/\1/p' "$tmp/out")
if [ -z "$passed" ]; then
    passed=0 failed=0
    nok "the matrix ran to its end"
elif [ "${2:-}" = --update ]; then
    t "docs/interoperability.md is written" interop table "$report" "$top/docs/interoperability.md" --update
else
    t "docs/interoperability.md says what was seen (test_interop.sh BUILD --update writes it)" \
        interop table "$report" "$top/docs/interoperability.md"
fi
finish
