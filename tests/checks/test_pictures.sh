#!/bin/sh
# test_pictures.sh - what stackscope draws of the captures that are kept: well-formed, and what was approved.
#
# Usage: test_pictures.sh [BUILD-DIRECTORY]
#
# The ladders that somebody looked at stand in tests/scope/golden; `STACKD_GOLDEN=write` writes them anew.
[ $# -eq 0 ] && set -- build
. "$(dirname "$0")/lib.sh"
scope=$build/bin/stackscope
golden=tests/scope/golden
[ -x "$scope" ] || { echo "test_pictures.sh: no $scope" >&2; exit 2; }

# same NAME FILE: is FILE what was approved as NAME?
same() {
    [ "${STACKD_GOLDEN:-}" = write ] && cp "$2" "$golden/$1"
    : >"$tmp/bad"
    [ -s "$golden/$1" ] || echo "$golden/$1 is missing" >"$tmp/bad"
    # How a class looks is not compared: the style sheet, one for all pictures.
    for side in "$golden/$1" "$2"; do
        sed 's#<style>.*</style>##' "$side" >"$tmp/side.$(basename "$side")"
    done
    diff -u "$tmp/side.$(basename "$golden/$1")" "$tmp/side.$(basename "$2")" >>"$tmp/bad" 2>&1
    verdict "$1"
}

# well_formed FILE: XML with one root, svg or html.
well_formed() {
    xmllint --noout --nonet "$1" >"$tmp/bad" 2>&1
    [ -s "$1" ] || echo "$1 is empty" >>"$tmp/bad"
    verdict "$2 is well-formed"
}

for name in http cookies bad-wire refused; do
    pcap=captures/$name.pcapng
    "$scope" ladder "$pcap" all >"$tmp/text" 2>"$tmp/err" || echo "exit $?" >>"$tmp/err"
    cp "$tmp/err" "$tmp/bad" && verdict "ladder $name"
    same "$name.ladder.txt" "$tmp/text"
    "$scope" ladder --format svg "$pcap" all >"$tmp/l.svg" && well_formed "$tmp/l.svg" "ladder of $name as SVG"
    "$scope" ladder --format mermaid "$pcap" all >"$tmp/l.mmd"
    awk -f tests/checks/mermaid.awk "$tmp/l.mmd" >"$tmp/bad" 2>&1
    verdict "ladder of $name as Mermaid"
    "$scope" ladder --ascii --width 80 --no-time "$pcap" all >"$tmp/ascii"
    { tr -d '\n\040-\176' <"$tmp/ascii" | od -c | head -n 3 | grep -v '^0000000$'; awk 'length > 80' "$tmp/ascii"; } >"$tmp/bad"
    verdict "ladder of $name in ASCII, 80 columns"
done
"$scope" ladder --format svg captures/http.pcapng >"$tmp/l.svg"
same http.ladder.svg "$tmp/l.svg"

for name in http cookies bad-wire refused; do
    for kind in tseq throughput rtt window cwnd states; do
        "$scope" plot "$kind" --format svg captures/$name.pcapng >"$tmp/p.svg" && well_formed "$tmp/p.svg" "$kind of $name"
    done
    "$scope" plot all -o "$tmp/all.html" captures/$name.pcapng && well_formed "$tmp/all.html" "page of $name"
done
"$scope" plot tseq --format svg captures/bad-wire.pcapng >"$tmp/p.svg"
same bad-wire.tseq.svg "$tmp/p.svg"
: >"$tmp/bad"
[ "$(grep -c '<figure>' "$tmp/all.html")" -eq 6 ] || echo "not six diagrams" >"$tmp/bad"
grep -nE '(src|href)=|url\((https?:)?//|@import' "$tmp/all.html" | head -n 3 >>"$tmp/bad"
verdict "a page has all diagrams and asks no network"

# The pictures in docs/ are what the captures give now (cmake --build build --target docs-pictures).
"$scope" ladder all -o "$tmp/l.svg" captures/http.pcapng && cmp "$tmp/l.svg" docs/ladder.svg >"$tmp/bad" 2>&1
verdict "docs/ladder.svg"
"$scope" plot tseq -o "$tmp/p.svg" captures/bad-wire.pcapng && cmp "$tmp/p.svg" docs/plot-tseq.svg >"$tmp/bad" 2>&1
verdict "docs/plot-tseq.svg"

# ASCII is ASCII, and only where it was asked for.
: >"$tmp/bad"
"$scope" plot states captures/http.pcapng | grep -Eq '[0-9] µs' || echo "no µs" >"$tmp/bad"
"$scope" plot states --ascii captures/http.pcapng | grep -Eq '[0-9] us' || echo "no us" >>"$tmp/bad"
verdict "units of the states in ASCII and not"

# PNG: a picture, or how to get one.
"$scope" plot tseq -o "$tmp/p.png" captures/bad-wire.pcapng 2>"$tmp/err"
status=$?
: >"$tmp/bad"
if grep -q STACKSCOPE_RSVG "$build/build.ninja" 2>/dev/null || [ $status -eq 0 ]; then
    [ "$(head -c 8 "$tmp/p.png" | od -An -tx1 | tr -d ' \n')" = 89504e470d0a1a0a ] || echo "no PNG" >"$tmp/bad"
    [ "$(wc -c <"$tmp/p.png")" -gt 20000 ] || echo "an empty picture" >>"$tmp/bad"
else
    [ $status -eq 2 ] || echo "exit $status" >"$tmp/bad"
    grep -q 'librsvg2-dev' "$tmp/err" || cat "$tmp/err" >>"$tmp/bad"
fi
verdict "PNG"

# The checkers can fail.
: >"$tmp/bad"
printf 'sequenceDiagram\n    participant C as a\n    C->>S: hello\n' >"$tmp/wrong.mmd"
awk -f tests/checks/mermaid.awk "$tmp/wrong.mmd" >"$tmp/out" && echo "an unknown participant passes" >"$tmp/bad"
verdict "Mermaid: unknown participant"
printf 'sequenceDiagram\n    participant C as a\n    C->>C: frame #one\n' >"$tmp/wrong.mmd"
awk -f tests/checks/mermaid.awk "$tmp/wrong.mmd" >"$tmp/out" && echo "a raw # passes" >"$tmp/bad"
verdict "Mermaid: raw number sign"

# refused NAME STATUS PATTERN ARGUMENTS...: it ends so, with this on standard error.
refused() {
    what=$1 want=$2 pattern=$3
    shift 3
    "$scope" "$@" >"$tmp/out" 2>"$tmp/err"
    status=$?
    : >"$tmp/bad"
    [ $status -eq "$want" ] || echo "exit $status, not $want" >"$tmp/bad"
    grep -Eq "$pattern" "$tmp/err" || cat "$tmp/err" >>"$tmp/bad"
    verdict "$what"
}
refused "no such connection" 2 'no TCP connection is "99" among 5' ladder captures/cookies.pcapng 99
refused "several connections" 2 '5 connections have "10.0.0.2:80"' ladder captures/cookies.pcapng 10.0.0.2:80
refused "no connection" 2 'no TCP connection in captures/fragments.pcapng' ladder captures/fragments.pcapng
refused "no names" 1 'two names with a comma' ladder --names=curl captures/http.pcapng
refused "too few rows" 1 'at least 8 rows' ladder --rows=3 captures/http.pcapng
refused "no diagram" 1 'nosuch is no diagram' plot nosuch captures/http.pcapng
refused "several without a page" 1 'need a page' plot all --format=svg captures/http.pcapng
refused "which diagram" 1 'which diagram' plot captures/http.pcapng
refused "no such trace" 2 'No such file' plot cwnd --trace=nosuch captures/http.pcapng
printf '{"t":1.0,"kind":"seg"}\n' >"$tmp/other.jsonl"
refused "another trace" 2 'is it the trace of this run' plot cwnd --trace="$tmp/other.jsonl" captures/http.pcapng
refused "no end" 1 'client or server' plot tseq --from=left captures/http.pcapng
refused "plot: no connection" 2 'no TCP connection in' plot tseq captures/fragments.pcapng
refused "plot: several" 2 '5 connections have' plot tseq --conn=10.0.0.2:80 captures/cookies.pcapng
segments=$("$scope" frames captures/cookies.pcapng tcp port 40004 | wc -l) # make.sh chose the port
for conn in 4 10.0.0.1:40004 40004 10.0.0.1:40004-10.0.0.2:80 10.0.0.2:80-10.0.0.1:40004; do
    : >"$tmp/bad"
    "$scope" ladder captures/cookies.pcapng "$conn" 2>&1 | head -n 1 | grep -q "^connection 4: $segments segments" ||
        echo "$conn does not name connection 4" >"$tmp/bad"
    verdict "connection by $conn"
    "$scope" plot tseq --conn="$conn" captures/cookies.pcapng >"$tmp/out" 2>&1
    : >"$tmp/bad"
    sed 1q "$tmp/out" | grep -q '10.0.0.1:40004' || sed 3q "$tmp/out" >"$tmp/bad"
    verdict "diagram by $conn"
done
finish pictures
