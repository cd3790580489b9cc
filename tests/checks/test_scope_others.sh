#!/usr/bin/env bash
# test_scope_others.sh - stackscope flows beside tshark and tcptrace, for every connection in captures/. What
# differs must stand in the table of docs/stackscope.md, with a reason; what stands there must differ.
#
# Usage: test_scope_others.sh BUILD-DIRECTORY. Skips (77) without tshark; tcptrace is compared where it is.
set -u
export LC_ALL=C
top=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
scope=$(readlink -f "${1:-$top/build}")/bin/stackscope
[ -x "$scope" ] || { echo "FAIL no $scope: build first"; exit 1; }
command -v tshark >/dev/null && command -v jq >/dev/null || { echo "skipped: tshark and jq are needed"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0
cd "$top" || exit 2

# `CAPTURE STREAM WHAT NUMBER`, as they see it.
ours() {
    "$scope" flows -j --rows 100000 "captures/$1" | jq -r --arg f "$1" '
        def line(w; v): "\($f) \(.stream) \(w) \(v)";
        line("completeness"; .completeness),
        line("sent-again"; .client.rtx_segments + .server.rtx_segments),
        line("out-of-order"; .client.out_of_order + .server.out_of_order),
        line("duplicate-ACKs"; .client.dup_acks + .server.dup_acks),
        line("zero-windows"; .client.zero_windows + .server.zero_windows)'
}
tsharks() {
    tshark -2 -r "captures/$1" -Y tcp -T fields -E separator=/t -E occurrence=f -e tcp.stream -e tcp.completeness \
        -e tcp.analysis.retransmission -e tcp.analysis.fast_retransmission -e tcp.analysis.spurious_retransmission \
        -e tcp.analysis.out_of_order -e tcp.analysis.duplicate_ack -e tcp.analysis.zero_window 2>/dev/null |
        awk -F'\t' -v f="$1" '
        { s = $1; c[s] = $2; again[s] += $3 != "" || $4 != "" || $5 != ""
          ooo[s] += $6 != ""; dup[s] += $7 != ""; zero[s] += $8 != "" }
        END { for (s in c) {
            print f, s, "completeness", c[s]; print f, s, "sent-again", again[s]; print f, s, "out-of-order", ooo[s]
            print f, s, "duplicate-ACKs", dup[s]; print f, s, "zero-windows", zero[s] } }'
}
# tcptrace counts text only, and numbers connections in another order: compared by their sockets.
ours_bytes() {
    "$scope" flows -j --rows 100000 "captures/$1" | jq -r --arg f "$1" '
        "\($f) \(.client.addr):\(.client.port) tcptrace-packets \(.client.segments + .server.segments)",
        "\($f) \(.client.addr):\(.client.port) tcptrace-bytes \(.client.bytes + .server.bytes)"'
}
tcptraces() {
    tshark -r "captures/$1" -F pcap -w "$tmp/x.pcap" 2>/dev/null
    tcptrace -l -n "$tmp/x.pcap" 2>/dev/null | awk -v f="$1" '
        $1 == "host" && $3 ~ /:/ && !client { client = $3 }
        $1 == "total" && $2 == "packets:" && NF == 6 { print f, client, "tcptrace-packets", $3 + $6 }
        $1 == "unique" && $2 == "bytes" { print f, client, "tcptrace-bytes", $4 + $8; client = "" }'
}

: >"$tmp/ours" && : >"$tmp/theirs"
for file in captures/*.pcapng; do
    name=$(basename "$file")
    ours "$name" >>"$tmp/ours"
    tsharks "$name" >>"$tmp/theirs"
    if command -v tcptrace >/dev/null; then
        ours_bytes "$name" >>"$tmp/ours"
        tcptraces "$name" >>"$tmp/theirs"
    fi
done
[ "$(wc -l <"$tmp/theirs")" -ge 30 ] || { echo "FAIL tshark tells of too little"; exit 1; }
sort "$tmp/ours" >"$tmp/a" && sort "$tmp/theirs" >"$tmp/b"
join -j 1 <(awk '{ print $1 "," $2 "," $3, $4 }' "$tmp/a") <(awk '{ print $1 "," $2 "," $3, $4 }' "$tmp/b") >"$tmp/both"
unpaired=$(join -v 1 -v 2 <(awk '{ print $1 "," $2 "," $3 }' "$tmp/a") <(awk '{ print $1 "," $2 "," $3 }' "$tmp/b"))
[ -z "$unpaired" ] && passed=$((passed + 1)) || { failed=$((failed + 1)); echo "FAIL known to one only: $unpaired"; }
awk '$2 != $3 { split($1, k, ","); print k[1] " | " k[2] " " k[3] " | " $2 " | " $3 }' "$tmp/both" | sort >"$tmp/differ"
sed -n 's/^| \(.*\.pcapng | .* | .* | .*\) | .*|$/\1/p' docs/stackscope.md | sort >"$tmp/explained"
if command -v tcptrace >/dev/null; then
    cp "$tmp/explained" "$tmp/expected"
else
    grep -v tcptrace "$tmp/explained" >"$tmp/expected"
fi
passed=$((passed + $(awk '$2 == $3' "$tmp/both" | wc -l)))
if diff "$tmp/expected" "$tmp/differ" >"$tmp/diff"; then
    passed=$((passed + $(wc -l <"$tmp/differ")))
else
    failed=$((failed + $(grep -c '^[<>]' "$tmp/diff")))
    sed -n 's/^> /FAIL not explained in docs\/stackscope.md: /p; s/^< /FAIL explained, but not so: /p' "$tmp/diff"
fi
echo "checks/scope_others: $passed passed, $failed failed"
[ $failed -eq 0 ]
