#!/usr/bin/env bash
# test_tshark.sh - what tshark says of our captures: nothing malformed, no wrong checksum, the comments
# are the arrows of the trace; pcapng, classic pcap and a pipe; after SIGTERM in the middle of a
# transfer and on a full disk they end with a whole frame.
. "$(dirname "$0")/lib.sh"
need tshark jq curl ping nc nmap hping3
peer=$build/tests/live/peer
[ -x "$peer" ] || skip "$peer is not built"
export HOME=$tmp XDG_CONFIG_HOME=$tmp # no settings of this user
shark() { # shark FILE OPTIONS...: what it complains of goes to $tmp/complaints
    local file=$1
    shift
    tshark -r "$file" -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE \
        "$@" 2>"$tmp/tshark.err"
    grep -vE 'Running as user|^ *$' "$tmp/tshark.err" >"$tmp/complaints"
}
wrong='_ws.malformed || _ws.short || _ws.expert.group == "Malformed" || _ws.expert.group == "Checksum"'

# 1. Every way a connection can go, pings, fragments, datagrams, refusals, a wire that loses.
start --pcap "$tmp/c.pcapng" --trace "$tmp/t.jsonl"
ping -n -q -c 3 -i 0.01 10.0.0.2 >/dev/null
ping -n -q -c 1 -s 4000 10.0.0.2 >/dev/null
"$peer" connect 10.0.0.2 7 5 close
"$peer" connect 10.0.0.2 13 5 wait
"$peer" connect 10.0.0.2 7 5 half
"$peer" connect 10.0.0.2 7 5 reset
"$peer" connect 10.0.0.2 99 5 refused
"$peer" transfer 10.0.0.2 7 1000000 1
curl -s -o /dev/null http://10.0.0.2/
echo x | timeout 5 nc -u -W 1 10.0.0.2 7 >/dev/null
timeout 5 nc -u -z -v 10.0.0.2 81 2>/dev/null
background "$peer" accept 2000 3 wait >"$tmp/accept"
acceptor=$!
listening 2000
for _ in 1 2 3; do ctl nc 10.0.0.1 2000 </dev/null; done
wait $acceptor
ctl nc 10.0.0.1 2001 </dev/null 2>/dev/null
ctl ping -c 2 -i 0.01 10.0.0.1 >/dev/null 2>&1
ctl fault loss 3 reorder-chance 5 duplicate-chance 5 >/dev/null
"$peer" transfer 10.0.0.2 7 200000 1
ctl fault off >/dev/null
stop
t_eq "SIGTERM: status 0" "$status" 0
t_eq "every kind: no malformed packet and no bad checksum" "$(shark "$tmp/c.pcapng" -Y "$wrong" | head -n 3)" ""
t_eq "every kind: tshark complains of nothing" "$(cat "$tmp/complaints")" ""
for kind in arp icmp udp tcp http 'ip.flags.mf == 1' 'tcp.flags.reset == 1' 'tcp.analysis.retransmission' 'icmp.type == 3'; do
    t "every kind: $kind is there" test "$(shark "$tmp/c.pcapng" -Y "$kind" -c 2000 | wc -l)" -gt 0
done
jq -r 'select(.kind == "tcp_state" and .frame > 0) | "\(.frame) \(.from) -> \(.to) (\(.cause))"' <"$tmp/t.jsonl" | sort >"$tmp/a"
shark "$tmp/c.pcapng" -Y frame.comment -T fields -e frame.number -e frame.comment -E aggregator=$'\x01' |
    awk -F'\t' '{ n = split($2, c, /\\n|\n|\x01/); for (i = 1; i <= n; i++) if (c[i] ~ / -> .*[(]/) print $1, c[i] }' | sort >"$tmp/b"
t "there are arrows of many kinds" test "$(sed 's/^[0-9]* //' "$tmp/a" | sort -u | wc -l)" -ge 10
t "comments are the arrows of the trace, frame by frame" diff "$tmp/a" "$tmp/b"
# The frame number is the right one: that frame is a segment of that connection.
jq -r 'select(.kind == "tcp_state" and .frame > 0) | "\(.frame) \(.conn)"' <"$tmp/t.jsonl" | sort -u >"$tmp/a"
shark "$tmp/c.pcapng" -Y 'frame.comment && tcp' -T fields -e frame.number -e ip.src -e tcp.srcport -e ip.dst -e tcp.dstport |
    awk '{ print $1, ($2 == "10.0.0.2" ? $2 ":" $3 "-" $4 ":" $5 : $4 ":" $5 "-" $2 ":" $3) }' | sort -u >"$tmp/b"
t_eq "each arrow stands at a segment of its connection" "$(comm -23 "$tmp/a" "$tmp/b" | head -n 3)" ""

# 2. What comes in may be odd; what we answer is not.
start --pcap "$tmp/odd.pcapng"
for kind in S X N F A O; do nmap -n -Pn --disable-arp-ping -T5 --max-retries 0 -s$kind -p 6,17,80 10.0.0.2 >/dev/null 2>&1 & scans[${#kind}$RANDOM]=$!; done
wait "${scans[@]}"
timeout 5 hping3 -q -c 1 -S -b -p 80 10.0.0.2 >/dev/null 2>&1
timeout 5 hping3 -q -c 1 -S -O 15 -p 80 10.0.0.2 >/dev/null 2>&1
stop
t "odd: the check finds what hping3 broke" test "$(shark "$tmp/odd.pcapng" -Y "$wrong" | wc -l)" -gt 0
t "odd: there is what came" test "$(shark "$tmp/odd.pcapng" | wc -l)" -gt 20
t_eq "odd: what we sent is well-formed" "$(shark "$tmp/odd.pcapng" -Y "($wrong) && frame.packet_flags_direction == 2" | head -n 3)" ""
t "odd: what we refused says why" test "$(shark "$tmp/odd.pcapng" -Y 'frame.comment contains "dropped: tcp"' | wc -l)" -gt 0

# 3. Classic pcap, and a pipe.
start --pcap "$tmp/c.pcap"
"$peer" connect 10.0.0.2 7 5 half
stop
t_eq "classic pcap: nothing wrong" "$(shark "$tmp/c.pcap" -Y "$wrong" | head -n 3; cat "$tmp/complaints")" ""
t_eq "classic pcap: five SYNs" "$(shark "$tmp/c.pcap" -Y 'tcp.flags.syn == 1 && tcp.flags.ack == 0' | wc -l)" 5
mkfifo "$tmp/pipe"
rm "$tmp/stackd.err" # the next one is made after tshark has opened its end
tshark -r "$tmp/pipe" -Y 'tcp.flags.syn == 1 && tcp.flags.ack == 0' >"$tmp/piped" 2>"$tmp/tshark.err" &
piped=$!
pids+=($piped)
: >"$tmp/stackd.err"
"$stackd" --tap tap0 --control "$control" --pcap - >"$tmp/pipe" 2>"$tmp/stackd.err" </dev/null &
stackd_pid=$!
until grep -qs '^stackd: ready' "$tmp/stackd.err" || ! kill -0 $stackd_pid 2>/dev/null; do :; done
"$peer" connect 10.0.0.2 7 5 half
stop
wait $piped
t_eq "a pipe: five SYNs" "$(wc -l <"$tmp/piped")" 5
t_eq "a pipe: tshark complains of nothing" "$(grep -vE 'Running as user|^ *$' "$tmp/tshark.err")" ""

# 4. SIGTERM in the middle.
start --offload off --pcap "$tmp/mid.pcapng" # many frames, not a few long ones
timeout 20 nc 10.0.0.2 19 </dev/null | head -c 20000000 | tail -c 1 >"$tmp/some" &
reader=$!
pids+=($reader)
until [ "$(stat -c %s "$tmp/mid.pcapng")" -gt 1000000 ]; do :; done
stop
kill $reader 2>/dev/null
t_eq "in the middle: status 0" "$status" 0
t "in the middle: there are frames" test "$(shark "$tmp/mid.pcapng" -c 200 | wc -l)" -eq 200
shark "$tmp/mid.pcapng" -T fields -e frame.number | tail -n 1 >"$tmp/last"
t_eq "in the middle: the file is whole" "$(cat "$tmp/complaints")" ""
t "in the middle: it has all frames" test "$(cat "$tmp/last")" -gt 100

# 5. A full disk.
mkdir "$tmp/small"
if mount -t tmpfs -o size=64k tmpfs "$tmp/small" 2>/dev/null; then
    start --pcap "$tmp/small/full.pcapng"
    "$peer" transfer 10.0.0.2 7 2000000 1
    t "full disk: the stack goes on" ping -n -q -c 1 -W 2 10.0.0.2
    stop
    t_eq "full disk: status 2" "$status" 2
    t_match "full disk: one line says so" "$(cat "$tmp/stackd.err")" '^stackd: .*full\.pcapng.*No space left'
    t "full disk: what is there can be read" test "$(shark "$tmp/small/full.pcapng" | wc -l)" -gt 3
    t_eq "full disk: and ends with a whole frame" "$(cat "$tmp/complaints")" ""
    umount "$tmp/small"
fi
finish
