#!/bin/sh
# test_wireshark.sh - tools/wireshark with Debian's tshark: comments become fields, equal to the trace; every
# form of a comment is understood; filters, colours and columns of the profile are ones that work.
#
# Usage: test_wireshark.sh BUILD-DIRECTORY
. "$(dirname "$0")/lib.sh"
for program in tshark editcap jq; do
    command -v $program >/dev/null || { echo "wireshark: 0 passed, 0 failed, 1 skipped ($program is not installed)"; exit 77; }
done
lua=$top/tools/wireshark/stackd.lua
profile=$top/tools/wireshark/profile
export HOME="$tmp" WIRESHARK_CONFIG_DIR="$tmp/config" # nothing of this user's
mkdir -p "$tmp/config/profiles"
ln -s "$profile" "$tmp/config/profiles/stackd"
mkdir -p "$tmp/.local/lib/wireshark/plugins" # as if installed, for -G fields
tab=$(printf '\t')

shark() { # shark FILE OPTIONS...: complaints go to $tmp/complaints
    file=$1
    shift
    tshark -X lua_script:"$lua" -C stackd -r "$file" "$@" 2>"$tmp/tshark.err"
    status=$?
    grep -vE 'Running as user|^ *$' "$tmp/tshark.err" >"$tmp/complaints"
    return $status
}
need() { # need WHAT: a check that $tmp/want has lines at all
    [ -s "$tmp/want" ] || echo "$1"
}

# A transfer in virtual time with a fast retransmission, and its trace.
"$build/bin/stackdrill" --pcap="$tmp/c.pcapng" --trace="$tmp/t.jsonl" tests/script/retransmission/fast.pkt >"$tmp/out" 2>&1 ||
    cat "$tmp/out" >"$tmp/bad"
verdict "a capture is made"

jq -r 'select(.kind == "tcp_state" and .frame > 0) | [.frame, .from, .to, .cause, .conn] | @tsv' <"$tmp/t.jsonl" | sort >"$tmp/want"
shark "$tmp/c.pcapng" -Y stackd.state.to -T fields -e frame.number -e stackd.state.from -e stackd.state.to \
    -e stackd.state.cause -e stackd.conn | sort >"$tmp/have"
{ need "no arrows"; diff "$tmp/want" "$tmp/have"; cat "$tmp/complaints"; } >"$tmp/bad"
verdict "stackd.state.* and stackd.conn are the arrows of the trace"

jq -r 'select(.kind == "cwnd" and .frame > 0) | [.frame, .cwnd, (if .ssthresh < 2147483647 then .ssthresh else "" end), .in_flight, .cause] | @tsv' \
    <"$tmp/t.jsonl" | sort >"$tmp/want"
shark "$tmp/c.pcapng" -Y stackd.cwnd -T fields -e frame.number -e stackd.cwnd -e stackd.ssthresh -e stackd.in_flight \
    -e stackd.cwnd.cause | awk -F"$tab" -v OFS="$tab" '{
        n = split($2, cwnd, ","); split($3, ssthresh, ","); split($4, flight, ","); split($5, cause, ",")
        for (i = 1; i <= n; i++) print $1, cwnd[i], ssthresh[i], flight[i], cause[i] }' | sort >"$tmp/have"
{ need "no windows"; diff "$tmp/want" "$tmp/have"; grep -q "fast retransmit" "$tmp/have" || echo "no fast retransmission"; } >"$tmp/bad"
verdict "stackd.cwnd and its kin are those of the trace"

jq -r 'select(.kind == "rtx" and .frame > 0) | [.frame, .cause] | @tsv' <"$tmp/t.jsonl" | sort >"$tmp/want"
shark "$tmp/c.pcapng" -Y stackd.rtx -T fields -e frame.number -e stackd.rtx | sort >"$tmp/have"
{ need "no retransmissions"; diff "$tmp/want" "$tmp/have"; } >"$tmp/bad"
verdict "stackd.rtx is that of the trace"

# Every segment since the first arrow tells the state: the last one that was reached.
shark "$tmp/c.pcapng" -Y tcp -T fields -e frame.number -e stackd.state -e stackd.state.to |
    awk -F"$tab" '$3 != "" { now = $3 } $2 != now { print "frame " $1 ": " $2 ", not " now }' >"$tmp/bad"
shark "$tmp/c.pcapng" -Y 'stackd.state == "ESTABLISHED" && !stackd.state.to' | grep -q . || echo "no segment between arrows" >>"$tmp/bad"
verdict "stackd.state is the state on every segment"

# What trace.c writes is what stackd.lua reads: the forms that docs/tracing.md shows, one frame each.
sed -n '/^## Comments in captures/,/^## Kinds/s/^| [a-z_]* | `\(.*\)` |$/\1/p' docs/tracing.md >"$tmp/want"
echo 'SYN_SENT -> CLOSED (rcv ICMP) [10.0.0.2:49152-10.0.0.9:80]' >>"$tmp/want"
need "docs/tracing.md shows no comments" >"$tmp/bad"
set --
n=0
while read -r form; do
    n=$((n + 1))
    set -- "$@" -a "$n:$form"
done <"$tmp/want"
shark "$tmp/c.pcapng" -T fields -e frame.number | tail -n 1 >"$tmp/frames"
[ "$(cat "$tmp/frames")" -ge $n ] || echo "too few frames for $n forms" >>"$tmp/bad"
editcap "$@" "$tmp/c.pcapng" "$tmp/f.pcapng" 2>>"$tmp/bad"
shark "$tmp/f.pcapng" -T json -J stackd -c $n | jq -r '.[]._source.layers | (.stackd // "nothing") | tostring' >"$tmp/have"
for want in '"stackd.state.from":"ESTABLISHED"' '"stackd.state.cause":"rcv FIN"' '"stackd.cwnd":"14480"' '"stackd.ssthresh":"7240"' \
    '"stackd.in_flight":"2896"' '"stackd.cwnd.cause":"slow start"' '"stackd.rtx":"fast retransmit"' '"stackd.drop":"tcp.bad-checksum"' \
    '"stackd.drop.layer":"tcp"' '"stackd.drop.reason":"bad-checksum"' '"stackd.fault":"corrupt"' '"stackd.arp.ip":"10.0.0.1"' \
    '"stackd.arp.from":"INCOMPLETE"' '"stackd.arp.to":"REACHABLE"' '"stackd.conflict":"probe 10.0.0.2"' \
    '"stackd.state.to":"CLOSED"' '"stackd.conn":"10.0.0.2:49152-10.0.0.9:80"'; do
    grep -qF "$want" "$tmp/have" || echo "no $want"
done >>"$tmp/bad"
[ "$(grep -c . "$tmp/have")" = $n ] || echo "not $n frames" >>"$tmp/bad"
grep -n '^nothing$' "$tmp/have" | sed 's/^/a form that is not understood: /' >>"$tmp/bad"
verdict "every form of a comment in docs/tracing.md becomes fields"

: >"$tmp/bad"
editcap -a "1:somebody's own words (and more)" "$tmp/c.pcapng" "$tmp/f.pcapng"
shark "$tmp/f.pcapng" -c 1 -T fields -e stackd.state.to -e stackd.cwnd -e stackd.drop -e stackd.rtx |
    grep -q '[a-z]' && echo "taken for ours" >"$tmp/bad"
shark captures/cookies.pcapng -Y 'stackd.state.from == "LISTEN" && stackd.state.to == "ESTABLISHED"' | grep -q . ||
    echo "captures/cookies.pcapng has no arrow from LISTEN to ESTABLISHED" >>"$tmp/bad"
verdict "comments of others are left alone, those of older captures understood"

# The head of stackd.lua names the fields that there are, and whoever uses one uses one that there is.
ln -s "$lua" "$tmp/.local/lib/wireshark/plugins"
tshark -G fields 2>/dev/null | cut -f3 | grep -E '^stackd\.' | grep -v '\.expert$' | sort >"$tmp/want"
need "no fields" >"$tmp/bad"
rm "$tmp/.local/lib/wireshark/plugins/stackd.lua"
sed -n 's/.*ProtoField\.[a-z0-9]*("\([a-z._]*\)".*/\1/p' "$lua" | sort | diff "$tmp/want" - >>"$tmp/bad"
{
    grep -ohE 'stackd\.[a-z_.]+' "$profile"/* | grep -vx 'stackd.lua'
    cat README.md docs/*.md docs/man/*.1 | grep -oE 'stackd\.(conn|state|cwnd|ssthresh|in_flight|drop|rtx|fault|arp|conflict)[a-z._]*'
} |
    sed 's/\.$//' | sort -u | comm -13 "$tmp/want" - | sed 's/^/no such field: /' >>"$tmp/bad"
verdict "fields that are named are there"

# Display filters of the profile.
{
    sed -n 's/^@[^@]*@\([^@]*\)@.*/\1/p' "$profile/colorfilters"
    sed -n 's/^"TRUE","[^"]*","\([^"]*\)".*/\1/p' "$profile/dfilter_buttons" | sed 's/\\x22/"/g'
    sed -n 's/^"[ED][a-z]*","[^"]*","\([^"]*\)".*/\1/p' "$profile/io_graphs"
} | grep . | sort -u >"$tmp/want"
: >"$tmp/bad"
[ "$(wc -l <"$tmp/want")" -ge 15 ] || echo "hardly any filters" >"$tmp/bad"
while read -r filter; do
    shark "$tmp/c.pcapng" -c 1 -Y "$filter" >/dev/null || { echo "$filter:"; cat "$tmp/complaints"; }
done <"$tmp/want" >>"$tmp/bad"
verdict "the filters of the profile are filters"

# The form of what only the program with windows reads: as Wireshark 4.0 writes it.
grep -v '^#' "$profile/io_graphs" | grep -vE '^"(Enabled|Disabled)","[^"]+","[^"]*","#[0-9a-f]{6}","(Line|Impulse|Bar|Stacked Bar|Dot|Square|Diamond)","(Packets|Bytes|Bits|(SUM|COUNT FRAMES|COUNT FIELDS|MAX|MIN|AVG|LOAD)\(Y Field\))","[a-z._]*","None","1(000)?"$' >"$tmp/bad"
grep -v '^#' "$profile/io_graphs" | grep -E 'Y Field' | grep -vE '"stackd\.(cwnd|ssthresh|in_flight)"' >>"$tmp/bad"
verdict "graphs have the form of Wireshark's"

shark "$tmp/c.pcapng" --color -T fields -e frame.coloring_rule.name | sort -u >"$tmp/have"
for rule in "state changes" "sent again" "TCP"; do
    grep -qx "$rule" "$tmp/have" || echo "no frame is coloured by: $rule"
done >"$tmp/bad"
cat "$tmp/complaints" >>"$tmp/bad"
verdict "the colours of the profile are used"

: >"$tmp/bad"
shark "$tmp/c.pcapng" | grep -qE ' ESTABLISHED +[0-9]+ +[0-9]+ ' || echo "not in the packet list: state, cwnd, in flight" >"$tmp/bad"
tshark -X lua_script:"$lua" -r "$tmp/c.pcapng" -o 'gui.column.format:"No.","%m","To","%Cus:stackd.state.to:0:R"' 2>/dev/null |
    grep -qE '^ *[0-9]+ +ESTABLISHED *$' || echo "a column of one's own shows nothing" >>"$tmp/bad"
tshark -C stackd -G currentprefs 2>"$tmp/err" >/dev/null
grep -i profile "$tmp/err" >>"$tmp/bad"
verdict "columns show states and windows"

# A graph, as far as tshark has them.
shark "$tmp/c.pcapng" -q -z 'io,stat,0,MAX(stackd.cwnd)stackd.cwnd' |
    sed -n 's/.*<>[^|]*| *\([0-9]*\) *|.*/\1/p' >"$tmp/have"
jq -r 'select(.kind == "cwnd" and .frame > 0) | .cwnd' <"$tmp/t.jsonl" | sort -n | tail -n 1 | diff - "$tmp/have" >"$tmp/bad"
verdict "the largest window is found by io,stat"

# The example in docs/wireshark.md is what its command says.
sed -n '/^```$/,/^```$/p' docs/wireshark.md | sed '/^```$/d' >"$tmp/example"
sed -n 's/^\$ //p' "$tmp/example" >"$tmp/command"
sed '/^\$ /d' "$tmp/example" >"$tmp/want"
need "there is no example" >"$tmp/bad"
sh "$tmp/command" 2>/dev/null | diff "$tmp/want" - >>"$tmp/bad"
verdict "docs/wireshark.md: the example is what its command prints"

finish wireshark
