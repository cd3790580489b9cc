#!/bin/sh
# test_docs.sh - documents that are made from the source are the ones that the source gives; links
# and commands in the others lead somewhere.
#
# Usage: test_docs.sh BUILD-DIRECTORY
. "$(dirname "$0")/lib.sh"

"$build/tools/gen-tracing/gen-tracing" --check docs/tracing.md >"$tmp/bad" 2>&1 && : >"$tmp/bad"
verdict "docs/tracing.md is current (cmake --build build --target docs-tracing)"

"$build/tools/gen-states/gen-states" >"$tmp/dot" 2>"$tmp/bad" &&
    diff docs/state-machine.dot "$tmp/dot" >"$tmp/bad"
verdict "docs/state-machine.dot is current (cmake --build build --target docs-states)"

# The picture has the arrows of the graph: dot's drawing differs with its version, its titles do not.
sed -n 's/^ *\([A-Z_0-9]*\) -> \([A-Z_0-9]*\) .*/\1->\2/p' docs/state-machine.dot | sort >"$tmp/want"
sed -n 's|^<title>\([A-Z_0-9]*\)&#45;&gt;\([A-Z_0-9]*\)</title>.*|\1->\2|p' docs/state-machine.svg |
    sort >"$tmp/got"
[ -s "$tmp/want" ] || echo "no arrows in docs/state-machine.dot" >"$tmp/got"
diff "$tmp/want" "$tmp/got" >"$tmp/bad"
verdict "docs/state-machine.svg shows the same arrows (cmake --build build --target docs-states)"

# Every arrow's words stand in the sentence about it.
grep -o 'label="[^"]*"' docs/state-machine.dot | sed 's/label="//; s/"$//; s/\\n/\n/g' | tr ',' '\n' |
    sed 's/^ *//; s/ *$//' | grep -v '^any state\|^CLOSED$\|^$\|^ACK$' | sort -u >"$tmp/causes"
: >"$tmp/bad"
while read -r cause; do
    grep -qF "\`$cause" docs/state-machine.md || echo "\`$cause' is not explained"
done <"$tmp/causes" >>"$tmp/bad"
[ -s "$tmp/causes" ] || echo "no causes found" >"$tmp/bad"
verdict "docs/state-machine.md explains every arrow"

tests/sim/lwip_table.sh "$build" --check >"$tmp/bad" 2>&1
[ $? = 77 ] && : >"$tmp/bad"
verdict "docs/interoperability.md is current about lwIP (cmake --build build --target docs-lwip)"

# Links to files of the project.
: >"$tmp/bad"
for file in README.md CHANGELOG.md stack/README.md captures/README.md tests/README.md tests/*/README.md docs/*.md docs/*/*.md; do
    [ -e "$file" ] || { echo "$file is not there" >>"$tmp/bad"; continue; }
    grep -oE '\]\([^)]+\)' "$file" | sed 's/^](//; s/)$//; s/#.*//' |
        grep -vE '^(https?:|mailto:|$)' | sort -u | while read -r link; do
        [ -e "$(dirname "$file")/$link" ] || echo "$file: $link is not there"
    done >>"$tmp/bad"
done
verdict "links in documents lead to files"

# A capture that is kept is explained.
: >"$tmp/bad"
for file in captures/*.pcap*; do
    case $file in captures/quickstart*) continue ;; esac
    [ -e "$file" ] && ! grep -qF "($(basename "$file"))" captures/README.md &&
        echo "$file has no line in captures/README.md"
done >>"$tmp/bad"
verdict "captures/README.md has a line for each capture"

# The options that man pages and completions know are those that --help shows.
: >"$tmp/bad"
for program in stackd stackctl; do
    "$build/bin/$program" --help 2>&1 | grep -oE '(^|[ ,])--[a-z][a-z-]+' |
        tr -d ' ,' | sed 's/^-*//' | sort -u | grep -vx 'help\|usage\|version' >"$tmp/help"
    sed 's/\\-/-/g' docs/man/$program.1 | grep -oE 'Fl -[a-z][a-z-]+' | sed 's/Fl -//' | sort -u |
        grep -vx 'help\|usage\|version' >"$tmp/man"
    [ -s "$tmp/help" ] || echo "$program --help shows no options" >>"$tmp/bad"
    comm -23 "$tmp/help" "$tmp/man" | sed "s/^/not in docs\/man\/$program.1: --/" >>"$tmp/bad"
    [ $program = stackd ] && comm -13 "$tmp/help" "$tmp/man" |
        sed "s/^/not in $program --help: --/" >>"$tmp/bad"
    while read -r option; do
        grep -q -- "--$option" tools/completion/$program ||
            echo "not in tools/completion/$program: --$option"
    done <"$tmp/help" >>"$tmp/bad"
done
verdict "man pages and completions know the options of --help"

finish docs
