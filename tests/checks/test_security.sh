#!/bin/sh
# test_security.sh - docs/security.md names functions and tests that exist, and each class has a test.
#
# Usage: test_security.sh BUILD-DIRECTORY
. "$(dirname "$0")/lib.sh"
doc=docs/security.md

# A test is a function that a T_MAIN runs, or a script.
grep -oE '`(test_[a-z0-9_]+(\.sh)?|[a-z-]+/[a-z0-9_]+\.pkt)`' "$doc" | tr -d '`' | sort -u >"$tmp/tests"
grep -rhoE 'T(_TWICE)?\(test_[a-z0-9_]+\)' tests --include='*.c' | sed 's/.*(//; s/)//' | sort -u >"$tmp/have"
find tests -name 'test_*.sh' -exec basename {} \; | sort -u >>"$tmp/have"
find tests/script -name '*.pkt' | sed 's|^tests/script/||' >>"$tmp/have"
sort -u -o "$tmp/have" "$tmp/have"
comm -23 "$tmp/tests" "$tmp/have" >"$tmp/bad"
[ "$(wc -l <"$tmp/tests")" -ge 100 ] || echo "only $(wc -l <"$tmp/tests") tests are named" >>"$tmp/bad"
verdict "every test named in $doc is run"

# file.c:function: the function is defined in a file of that name.
: >"$tmp/bad"
grep -oE '`[a-z0-9_]+\.[ch]:[a-z0-9_]+`' "$doc" | tr -d '`' | sort -u >"$tmp/where"
while IFS=: read -r file function; do
    found=no
    for path in $(find stack tools -name "$file"); do
        grep -qE "^[A-Za-z].*[ *]$function( =|\()" "$path" && found=yes
    done
    [ $found = yes ] || echo "$file:$function is not there"
done <"$tmp/where" >>"$tmp/bad"
[ -s "$tmp/where" ] || echo "no functions are named" >>"$tmp/bad"
verdict "every function named in $doc is there"

# The rows of sections 1 to 7 name at least one function and one test each.
awk '/^## /{on = $2 ~ /^[1-7]$/} on && /^\| / && !/^\| class /' "$doc" >"$tmp/rows"
grep -vE '`(test_|[a-z-]+/[a-z0-9_]+\.pkt`).*\|$' "$tmp/rows" >"$tmp/bad"
grep -vE '\.[ch]:[a-z]' "$tmp/rows" >>"$tmp/bad"
[ -s "$tmp/rows" ] || echo "there are no rows" >>"$tmp/bad"
verdict "every class in $doc has its function and its test"

finish security
