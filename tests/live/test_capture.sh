#!/usr/bin/env bash
# test_capture.sh - what stackd captures, tshark finds nothing wrong with, and comments equal the trace.
. "$(dirname "$0")/lib.sh"
need tshark curl nc ping jq
start --pcap "$tmp/c.pcapng" --trace "$tmp/t.jsonl"
head -c 300000 /dev/urandom >"$tmp/data"
ping -n -q -c 3 -i 0.01 10.0.0.2 >/dev/null
ping -n -q -c 1 -s 4000 10.0.0.2 >/dev/null
curl -s --max-time 10 http://10.0.0.2/ >/dev/null
timeout 20 nc -N 10.0.0.2 7 <"$tmp/data" >/dev/null
timeout 5 nc -z 10.0.0.2 81
echo x | timeout 5 nc -u -w 1 10.0.0.2 7 >/dev/null
stop
t_eq "SIGTERM: status 0" "$status" 0

shark() { tshark -r "$tmp/c.pcapng" -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE "$@" 2>"$tmp/tshark.all"; grep -v "Running as user" "$tmp/tshark.all" >"$tmp/tshark.err"; }
frames=$(shark | wc -l)
t "there are frames" test "$frames" -gt 50
t_eq "no malformed packet" "$(shark -Y '_ws.malformed || _ws.short' | wc -l)" 0
t_eq "no bad checksum" "$(shark -Y 'ip.checksum.status == "Bad" || tcp.checksum.status == "Bad" || udp.checksum.status == "Bad" || icmp.checksum.status == "Bad"' | wc -l)" 0
t_eq "nothing cut off at the end" "$(cat "$tmp/tshark.err")" ""
t "both directions are marked" test "$(shark -T fields -e frame.packet_flags_direction | sort -u | grep -c .)" -ge 2
t_eq "every line of the trace is JSON" "$(jq -c . <"$tmp/t.jsonl" | wc -l)" "$(wc -l <"$tmp/t.jsonl")"

# Each arrow with a frame number is a comment of that frame, and the other way round.
jq -r 'select(.kind == "tcp_state" and .frame > 0) | "\(.frame) \(.from) -> \(.to) (\(.cause))"' <"$tmp/t.jsonl" | sort >"$tmp/a"
shark -Y frame.comment -T fields -e frame.number -e frame.comment -E aggregator=$'\x01' |
    awk -F'\t' '{ n = split($2, c, /\\n|\n|\x01/); for (i = 1; i <= n; i++) if (c[i] ~ / -> .*[(]/) print $1, c[i] }' | sort >"$tmp/b"
t "there are arrows" test "$(wc -l <"$tmp/a")" -ge 10
t "comments are the arrows of the trace" diff "$tmp/a" "$tmp/b"
t_eq "as many segments as the trace says" "$(jq -r 'select(.kind == "seg") | .frame' <"$tmp/t.jsonl" | sort -nu | wc -l)" "$(shark -Y tcp | wc -l)"

start --pcap "$tmp/c.pcap"
ping -n -q -c 3 -i 0.01 10.0.0.2 >/dev/null
stop
t_match "a name ending in .pcap gives a classic file" "$(tshark -r "$tmp/c.pcap" 2>/dev/null | grep -c 'Echo')" '^6$'

start
t "pcap start FILE" ctl pcap start "$tmp/d.pcapng" icmp
ping -n -q -c 3 -i 0.01 10.0.0.2 >/dev/null
timeout 5 nc -z 10.0.0.2 7
t_match "pcap show" "$(ctl pcap)" 'd\.pcapng frames 6 '
t "pcap stop" ctl pcap stop
t_eq "the filter held" "$(tshark -r "$tmp/d.pcapng" 2>/dev/null | wc -l)" 6
t "a wrong filter is refused" sh -c "! '$stackctl' --control '$control' pcap start '$tmp/e.pcapng' no such filter"
background sh -c "'$stackctl' --control '$control' pcap start - icmp >'$tmp/s.pcapng'"
streamer=$!
until ctl pcap | grep -q stream; do :; done
ping -n -q -c 3 -i 0.01 10.0.0.2 >/dev/null
stop
wait $streamer
t_eq "pcap start - streams, and is whole when stackd ends" "$(tshark -r "$tmp/s.pcapng" 2>"$tmp/err" | wc -l; cat "$tmp/err" | grep -v root)" 6

# A bad wire. What it loses on the way in is in the capture as well, has a number and says so.
bad="--drop-chance 20 --duplicate-chance 10 --seed 5"
# shellcheck disable=SC2086
start --pcap "$tmp/bad.pcapng" --trace "$tmp/bad.jsonl" $bad
ping -n -q -c 100 -i 0.002 10.0.0.2 >/dev/null
stop
in_() { tshark -r "$1" -T fields -e frame.number -e frame.packet_id -e frame.interface_name -e frame.packet_flags_direction -e frame.comment 2>/dev/null | tr -d '"'; }
in_ "$tmp/bad.pcapng" >"$tmp/bad"
t_eq "a capture has one interface" "$(cut -f3 "$tmp/bad" | sort -u)" wire
t_eq "the number of a frame is Wireshark's" "$(awk -F'\t' '$1 != $2' "$tmp/bad" | head -n 3)" ""
lost() { awk -F'\t' -v d="$1" '$4 ~ d"$" && /dropped: wire loss/ { print $2 }'; }
t "lost on the way in: there are such frames" test "$(lost 1 <"$tmp/bad" | wc -l)" -gt 3
for dir in rx tx; do
    [ $dir = rx ] && n=1 || n=2
    jq -r "select(.kind == \"fault\" and .what == \"drop\" and .dir == \"$dir\") | .frame" <"$tmp/bad.jsonl" | sort -u >"$tmp/a"
    t_eq "lost $dir: those of the trace are marked" "$(lost $n <"$tmp/bad" | sort -u | diff - "$tmp/a" | head -n 3)" ""
done
t_eq "each frame stands there once" "$(cut -f2 "$tmp/bad" | sort | uniq -d | head -n 3)" ""
t "a frame that came twice is marked" test "$(awk -F'\t' '$4 ~ /1$/ && /bad wire: duplicate/' "$tmp/bad" | wc -l)" -gt 0

# What happens to a frame that goes out behind a delay and a bottleneck is known when it goes: it says so, too.
start --pcap "$tmp/later.pcapng" --trace "$tmp/later.jsonl" --delay 30 --rate 1M --reorder-chance 30 --seed 5
ping -n -q -c 100 -i 0.002 10.0.0.2 >/dev/null
stop
in_ "$tmp/later.pcapng" | awk -F'\t' '$4 ~ /2$/ && /bad wire: reorder/ { print $2 }' | sort -u >"$tmp/b"
jq -r 'select(.kind == "fault" and .what == "reorder" and .dir == "tx") | .frame' <"$tmp/later.jsonl" | sort -u >"$tmp/a"
t "overtaken on the way out, later: there are such frames" test "$(wc -l <"$tmp/a")" -gt 10
t_eq "overtaken on the way out, later: those of the trace are marked" "$(diff "$tmp/a" "$tmp/b" | head -n 3)" ""

# shellcheck disable=SC2086
start --pcap "$tmp/sent.pcapng" --pcap-sent $bad
ping -n -q -c 100 -i 0.002 10.0.0.2 >/dev/null
t "pcap start --sent" ctl pcap start --sent "$tmp/sent2.pcapng"
ping -n -q -c 20 -i 0.002 10.0.0.2 >/dev/null
stop
in_ "$tmp/sent.pcapng" >"$tmp/bad"
t_eq "--pcap-sent: two interfaces" "$(cut -f3 "$tmp/bad" | sort -u | tr '\n' ' ')" "sent wire "
t_eq "pcap start --sent: two interfaces" "$(in_ "$tmp/sent2.pcapng" | cut -f3 | sort -u | tr '\n' ' ')" "sent wire "
{ lost 1; lost 2; } <"$tmp/bad" | sort -u >"$tmp/a"
t "--pcap-sent: frames are lost" test "$(wc -l <"$tmp/a")" -gt 3
t_eq "--pcap-sent: what is lost is on sent only" "$(awk -F'\t' '$3 == "wire" { print $2 }' "$tmp/bad" | sort -u | comm -12 - "$tmp/a" | head -n 3)" ""
count() { awk -F'\t' -v i="$1" -v d="$2" '$3 == i && $4 ~ d"$"' "$tmp/bad" | wc -l; }
for n in 1 2; do
    [ $n = 1 ] && twice=$(awk -F'\t' '$3 == "wire" && $4 ~ /1$/ && /duplicate/' "$tmp/bad" | wc -l) ||
        twice=$(awk -F'\t' '$3 == "sent" && $4 ~ /2$/ && /duplicate/' "$tmp/bad" | wc -l)
    t_eq "--pcap-sent: what is sent arrives, but for what is lost, and some of it twice ($n)" "$(count wire $n)" \
        $(($(count sent $n) - $(lost $n <"$tmp/bad" | wc -l) + twice))
done

# An event about another connection than the frame's names it: the second SYN pushes the first out of the pool.
if command -v hping3 >/dev/null; then
    start --pcap "$tmp/evict.pcapng" --syn-pool 1 --syn-policy evict
    hping3 -q -c 2 -i u1000 -S -a 10.0.0.77 -s 5000 -p 80 10.0.0.2 >/dev/null 2>&1
    stop
    t_eq "an event about another connection names it" "$(tshark -r "$tmp/evict.pcapng" -Y 'tcp.srcport == 5001' -T fields -e frame.comment 2>/dev/null | grep -o '\[.*\]')" "[10.0.0.2:80-10.0.0.77:5000]"
fi

# The congestion window, told by frames: what the timeout did stands at the retransmission.
start --pcap "$tmp/cwnd.pcapng" --trace "$tmp/cwnd.jsonl" --offload off --delay 1
background timeout 30 nc 10.0.0.2 19 </dev/null >"$tmp/got"
reader=$!
until [ "$(stat -c %s "$tmp/got")" -gt 100000 ] || ! kill -0 $reader 2>/dev/null; do :; done
ctl fault tx:loss 100 >/dev/null # from here on nothing of it arrives
until grep -q '"kind":"cwnd".*"cause":"timeout"' "$tmp/cwnd.jsonl" || ! kill -0 $reader 2>/dev/null; do :; done
kill $reader
stop
jq -r 'select(.kind == "cwnd" and .frame > 0) | "\(.frame) cwnd \(.cwnd)" + (if .ssthresh < 2147483647 then " ssthresh \(.ssthresh)" else "" end) + " in_flight \(.in_flight) (\(.cause))"' <"$tmp/cwnd.jsonl" | sort >"$tmp/a"
tshark -r "$tmp/cwnd.pcapng" -Y 'frame.comment contains "cwnd "' -T fields -e frame.number -e frame.comment -E aggregator=$'\x01' 2>/dev/null |
    awk -F'\t' '{ n = split($2, c, "\001"); for (i = 1; i <= n; i++) if (c[i] ~ /^cwnd /) print $1, c[i] }' | sort >"$tmp/b"
t "there are congestion windows" test "$(wc -l <"$tmp/a")" -ge 5
t_eq "those of the trace are the comments, frame by frame" "$(comm -23 "$tmp/a" "$tmp/b" | head -n 3)" ""
t_eq "a delay, which all have, is not told of each" "$(tshark -r "$tmp/cwnd.pcapng" -Y 'frame.comment contains "delay"' 2>/dev/null | head -n 1)" ""
t "what a timeout did to it stands at the retransmission" test "$(tshark -r "$tmp/cwnd.pcapng" -Y 'frame.comment matches "^cwnd .*(timeout)" && frame.comment == "retransmission (timeout)"' 2>/dev/null | wc -l)" -gt 0

ctl_gone() { "$stackctl" --control "$control" sock 2>/dev/null; [ $? = 2 ]; }
t "after the end stackctl says so with status 2" ctl_gone
finish
