#!/bin/sh
# test_conformance.sh - `stackctl conformance` says what docs/rfc-map.md and docs/conformance.md say, with no
# stackd running; and the tool that makes mutants makes those that it should.
#
# Usage: test_conformance.sh BUILD-DIRECTORY
. "$(dirname "$0")/lib.sh"
ctl=$build/bin/stackctl

# The rows of the document, as `9293 77+3/89 5/6 ...`, against those of the program.
sed -n '/^## By level/,/^## RFC/p' docs/rfc-map.md | grep -E '^\| (\[[0-9]|\*\*all)' | tr -d '*' |
    awk -F' *[|] *' '{ sub(/^\[/, "", $2); sub(/\].*/, "", $2); print $2, $4, $5, $6, $7, $8 }' | tr -s ' ' |
    sed 's/ $//' >"$tmp/want"
"$ctl" --control /nowhere conformance >"$tmp/out" 2>&1 || echo "exit status $?" >>"$tmp/out"
sed -n 's/^\([0-9a]\)/\1/p' "$tmp/out" | grep -E '^([0-9]+|all) ' |
    awk '{ printf "%s", $1; for (i = 2; i <= NF; i++) if ($i ~ /^[0-9]+(\+[0-9]+)?\/[0-9]+$/) printf " %s", $i; print "" }' >"$tmp/got"
[ "$(wc -l <"$tmp/want")" -gt 20 ] || echo "docs/rfc-map.md has hardly a row" >"$tmp/got"
diff "$tmp/want" "$tmp/got" >"$tmp/bad"
verdict "stackctl conformance has the counts of docs/rfc-map.md"

# The sums are sums: every MUST that is tested, over the RFCs.
if command -v jq >/dev/null; then
    "$ctl" -j conformance >"$tmp/json"
    jq -r '([.rfcs[].must.tested] | add) as $t | ([.rfcs[].must.of] | add) as $o |
        select($t != .sums[1].must.tested or $o != .sums[1].must.of or $t < 100) | "\($t) of \($o), but \(.sums[1].must)"' \
        "$tmp/json" >"$tmp/bad" 2>&1
    verdict "the sum of all RFCs is the sum of them"
    [ "$("$ctl" -j conformance 768 | jq -r '.rfcs | length')" = 1 ] || echo "more or less than one" >"$tmp/bad"
    verdict "stackctl -j conformance 768 is about that one"
    : >"$tmp/bad"
    grep -q 'last run' docs/conformance.md && ! jq -e '.mutation.killed > 0 and .mutation.mutants > .mutation.killed' \
        "$tmp/json" >"$tmp/bad" && cat "$tmp/json" >>"$tmp/bad"
    [ -s "$tmp/bad" ] && grep -qx true "$tmp/bad" && : >"$tmp/bad"
    verdict "the score of docs/conformance.md is there"
fi
: >"$tmp/bad"
"$ctl" conformance 1 >"$tmp/bad" 2>&1
[ $? -eq 1 ] && grep -q 'no requirement of RFC 1 is tested: try' "$tmp/bad" && : >"$tmp/bad"
verdict "an RFC that nothing tests is refused"

# A requirement without an answer is noticed: RFC 826 has seven, and one of them loses its tag.
copy=$tmp/copy/tree
mkdir -p "$copy/docs" "$copy/tools"
cp -r stack tests "$copy/"
cp -r tools/gen-rfcmap "$copy/tools/"
cp docs/*.md "$copy/docs/"
table=$(ls "$top"/../*/conformance/requirements.csv 2>/dev/null | head -n 1)
if [ -n "$table" ]; then
    grep -rl 'ARP-826-7' "$copy/tests" | xargs sed -i 's/ARP-826-7\b/ARP-826-6/g'
    "$copy/tools/gen-rfcmap/gen-rfcmap.py" --csv "$table" >/dev/null 2>&1
    "$copy/tools/gen-rfcmap/gen-rfcmap.py" --csv "$table" --check >"$tmp/out" 2>&1
    status=$?
    : >"$tmp/bad"
    { [ $status -eq 2 ] && grep -q 'ARP-826-7, a MUST, has neither' "$tmp/out"; } || cp "$tmp/out" "$tmp/bad"
    [ $status -eq 2 ] || echo "exit status $status" >>"$tmp/bad"
    verdict "a MUST without test and deviation fails the check"
fi

python3 tests/mutation/test_mutants.py >"$tmp/bad" 2>&1 && : >"$tmp/bad"
verdict "mutants are made where they should be (tests/mutation/test_mutants.py)"

finish conformance
