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

ctl_gone() { "$stackctl" --control "$control" sock 2>/dev/null; [ $? = 2 ]; }
t "after the end stackctl says so with status 2" ctl_gone
finish
