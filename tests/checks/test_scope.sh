#!/bin/sh
# test_scope.sh - the command line of stackscope: how a command, a file and a filter are told from one another,
# what is said where something is wrong, captures that are written back, and broken files.
#
# Usage: test_scope.sh [BUILD-DIRECTORY]
[ $# -eq 0 ] && set -- build
. "$(dirname "$0")/lib.sh"
scope=$build/bin/stackscope
[ -x "$scope" ] || { echo "test_scope.sh: no $scope" >&2; exit 2; }
http=captures/http.pcapng

# ends NAME STATUS PATTERN ARGUMENTS...: it ends so, with this in what it says, on one line of standard error.
ends() {
    what=$1 want=$2 pattern=$3
    shift 3
    "$scope" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
    status=$?
    : >"$tmp/bad"
    [ $status -eq "$want" ] || echo "exit $status, not $want" >"$tmp/bad"
    if [ "$want" != 0 ]; then
        [ "$(wc -l <"$tmp/err")" = 1 ] || echo "not one line" >>"$tmp/bad"
        grep -q '^stackscope: ' "$tmp/err" || echo "not the program's name in front" >>"$tmp/bad"
    fi
    grep -Eq "$pattern" "$tmp/out" "$tmp/err" || cat "$tmp/err" >>"$tmp/bad"
    verdict "$what"
}

# the_same NAME COMMAND-LINE COMMAND-LINE...: all give what the first gives.
the_same() {
    name=$1
    shift
    sh -c "$scope $1" >"$tmp/first" 2>&1
    : >"$tmp/bad"
    [ -s "$tmp/first" ] || echo "nothing from $1" >"$tmp/bad"
    for line; do
        sh -c "$scope $line" >"$tmp/other" 2>&1
        cmp "$tmp/first" "$tmp/other" >>"$tmp/bad" 2>&1 || echo "     by $line" >>"$tmp/bad"
    done
    verdict "$name"
}
the_same "a command may be abbreviated, stand behind the file, its options anywhere" \
    "states -j $http tcp port 80" "st $http -j tcp port 80" "-j states $http 'tcp port 80'" "$http states tcp port 80 -j"
the_same "so may its word" "osi 9 $http" "osi $http 9" "$http osi 9" "osi -- $http 9"
the_same "without a command: the first" "summary $http" "$http"
cp $http "$tmp/states"
the_same "a file with a command's name is a file where it stands alone" "summary $tmp/states"
the_same "standard input" "frames - <$http" "frames <$http -" "- frames <$http"
gzip -c $http >"$tmp/http.gz"
the_same "a file packed by gzip" "frames -j $http" "frames -j $tmp/http.gz"
the_same "-o" "osi 9 $http" "osi 9 $http -o $tmp/o.txt; cat $tmp/o.txt"
the_same "-o tells the format" "osi 9 $http --format svg" "osi 9 $http -o $tmp/o.svg; cat $tmp/o.svg"

ends "nothing" 1 'no capture given: try stackscope FILE'
ends "no file" 1 'no capture given: try stackscope osi 9 FILE' osi 9
ends "a file that is not there" 1 '/nowhere.pcapng: no such file or interface' /nowhere.pcapng
ends "a misspelt command" 1 'frmaes is no file, no interface and no command: try stackscope frames' frmaes
ends "a directory" 2 'captures: is a directory' captures
ends "a text" 2 'README.md: broken at offset 0: .* neither pcap nor pcapng' README.md
ends "a wrong filter" 2 "filter 'tcp prot 80': .*see pcap-filter" $http tcp prot 80
ends "an unknown option" 1 'unknown option --no-tiem: try --no-time' states --no-tiem $http
ends "an unknown format" 1 'osi has: text svg' osi 9 --format pdf $http
ends "JSON of a picture" 1 'ladder has no JSON, but: text svg mermaid; .*try stackscope states -j' ladder all -j $http
ends "JSON of a diagram" 1 'plot has no JSON, but: text svg' plot all -j $http
ends "JSON and a picture at once" 1 'stackscope: -j and svg at once' osi 9 -j --format svg $http
ends "too few connections" 1 'try a number from 16' --connections 3 $http
ends "a command that does not write" 1 'try stackscope states -w' osi 9 -w "$tmp/x.pcapng" $http
ends "over itself" 1 'that is the capture to be read' states -w $http $http
ends "an interface that is not there" 2 'http.pcapng: no interface is eth9: try -i all, or one of: 0 \(.*\)' frames -i eth9 $http
ends "so for osi" 2 'no interface is eth9' osi 9 -i eth9 $http
for command in summary "summary -j" flows check "check -j" states "ladder all" "plot all"; do
    # shellcheck disable=SC2086
    "$scope" $command -i eth9 $http 2>/dev/null | sed "s/^/     $command: /"
done >"$tmp/bad"
verdict "no command says anything else of an interface that is not there"
ends "an interface by its number" 0 'TCP' frames -i 0 $http
ends "a full disk" 2 'cannot be written: No space' states -w /dev/full $http
ends "no place to print" 2 'cannot be written: No such file' osi 9 $http -o /nowhere/x
[ -e /dev/full ] && "$scope" frames $http >/dev/full 2>"$tmp/err"
[ $? = 2 ] && : >"$tmp/bad" || echo "exit $?" >"$tmp/bad"
verdict "a full disk behind standard output"

# A file that is cut: everything before, one line, status 2.
head -c 3000 $http >"$tmp/cut.pcapng"
for command in summary frames states flows "ladder all" "osi 9" "plot all"; do
    # shellcheck disable=SC2086
    ends "$command of a file that is cut" 2 'cut.pcapng: broken at offset [0-9]+: it ends inside a block' $command "$tmp/cut.pcapng"
    [ -s "$tmp/out" ] && : >"$tmp/bad" || echo "nothing before the break is told" >"$tmp/bad"
    verdict "what stands before the break: $command"
done

# What is missing may stand behind the break: one line, which names the offset.
for command in "osi 9999" "ladder 10.9.9.9" "plot tseq --conn=10.9.9.9"; do
    # shellcheck disable=SC2086
    ends "$command of a file that is cut" 2 'cut.pcapng: broken at offset [0-9]+: it ends inside a block' $command "$tmp/cut.pcapng"
done
head -c 200 $http >"$tmp/short.pcapng"
for command in "ladder all" "plot tseq"; do
    # shellcheck disable=SC2086
    ends "$command of a file without a connection that is cut" 2 'short.pcapng: broken at offset' $command "$tmp/short.pcapng"
done

# Written back: each change that states tells stands beside its frame; written twice it is the same.
for name in http http-before-packet-ids cookies bad-wire refused; do
    "$scope" states -w "$tmp/w.pcapng" "captures/$name.pcapng" >"$tmp/bad" 2>&1
    "$scope" states -w - "$tmp/w.pcapng" 2>&1 | cmp - "$tmp/w.pcapng" >>"$tmp/bad" 2>&1
    "$scope" frames -j "captures/$name.pcapng" | jq -c 'del(.comment)' >"$tmp/before"
    "$scope" frames -j "$tmp/w.pcapng" | jq -c 'del(.comment)' | cmp - "$tmp/before" >>"$tmp/bad" 2>&1
    "$scope" frames -j "$tmp/w.pcapng" | jq -r 'select(.comment) | .frame as $f | .comment | split("\n")[] | "\($f) \(.)"' |
        sed 's/, presumed)/)/' >"$tmp/comments"
    "$scope" states -j "captures/$name.pcapng" |
        jq -r '"\(.frame) \(.from) -> \(.to) (\(.cause))"' | while IFS= read -r line; do
            grep -qF "$line" "$tmp/comments" || echo "no comment: $line"
        done >>"$tmp/bad"
    verdict "states -w $name"
done
for file in captures/*.pcapng; do # quickstart.pcapng is of today as well
    case $file in *before-packet-ids*) continue ;; esac
    "$scope" frames -i wire "$file" 2>&1 | grep -q '^ *1 ' || echo "$file: no interface wire: captures/make.sh renews it"
done >"$tmp/bad"
"$scope" frames captures/bad-wire.pcapng | grep -q '# .*cwnd [0-9]* ssthresh [0-9]* in_flight' ||
    echo "captures/bad-wire.pcapng: no congestion window" >>"$tmp/bad"
verdict "the captures that are kept are of today"
arrows() { "$scope" states -j "$1" | jq -r '"\(.frame) \(.from) -> \(.to) (\(.cause))"'; }
arrows captures/http-before-packet-ids.pcapng >"$tmp/before"
{ [ -s "$tmp/before" ] || echo "nothing"; arrows $http | diff "$tmp/before" -; } >"$tmp/bad" 2>&1
verdict "a capture from before packet ids tells the same states"
"$scope" frames -w "$tmp/f.pcapng" $http tcp port 80 2>"$tmp/bad"
[ "$("$scope" frames "$tmp/f.pcapng" | wc -l)" = 13 ] || echo "not 13 frames" >>"$tmp/bad"
verdict "frames -w writes what the filter leaves"
"$scope" frames -j captures/bad-wire.pcapng | jq -r 'select((.comment // "") | contains("\n")) | .comment | gsub("\n"; "; ")' >"$tmp/lines"
"$scope" frames captures/bad-wire.pcapng | sed -n 's/.*  # //p' >"$tmp/told"
grep -vxFf "$tmp/told" "$tmp/lines" >"$tmp/bad"
[ -s "$tmp/lines" ] || echo "no frame has two" >"$tmp/bad"
verdict "several comments of a frame on one line"
if command -v tshark >/dev/null; then
    tshark -r "$tmp/w.pcapng" -T fields -e frame.number 2>/dev/null | wc -l >"$tmp/a"
    tshark -r captures/refused.pcapng -T fields -e frame.number 2>/dev/null | wc -l >"$tmp/b"
    cmp "$tmp/a" "$tmp/b" >"$tmp/bad" 2>&1
    verdict "Wireshark reads what was written"
fi

# A pipe that goes on: what is printed so far is seen before more comes.
mkfifo "$tmp/fifo"
"$scope" frames - <"$tmp/fifo" >"$tmp/live" &
reader=$!
exec 3>"$tmp/fifo"
cat $http >&3
seen=0
for _ in $(seq 100); do
    [ "$(wc -l <"$tmp/live")" = 21 ] && seen=1 && break
    sleep 0.05
done
[ $seen = 1 ] && : >"$tmp/bad" || echo "$(wc -l <"$tmp/live") of 21 lines are there while the pipe is open" >"$tmp/bad"
verdict "a pipe is followed"
kill -INT $reader
wait $reader
status=$?
exec 3>&-
[ $status = 0 ] || echo "exit $status" >"$tmp/bad"
verdict "^C ends it, and it ends well"

# Long work on a terminal shows how far it is, and takes the line away before it prints. Sections of pcapng follow
# one another until the line is seen.
if command -v script >/dev/null; then
    rm -f "$tmp/fifo"
    mkfifo "$tmp/fifo"
    script -qfc "$scope flows - <$tmp/fifo >$tmp/table" "$tmp/terminal" >/dev/null 2>&1 </dev/null &
    exec 3>"$tmp/fifo"
    : >"$tmp/bad"
    told=0
    for _ in $(seq 300); do
        cat $http >&3
        grep -q 'standard input: [0-9.]* MB' "$tmp/terminal" 2>/dev/null && told=1 && break
        sleep 0.05
    done
    exec 3>&-
    wait
    [ $told = 1 ] || echo "no progress is shown" >"$tmp/bad"
    sed '1d;$d' "$tmp/terminal" | tail -c 4 | grep -q '.\[K' || echo "the line stays" >>"$tmp/bad"
    [ "$(grep -c 10.0.0.2:80 "$tmp/table")" -gt 0 ] || echo "no table" >>"$tmp/bad"
    verdict "progress on a terminal"
fi
finish scope
