#!/usr/bin/env bash
# test_nmap.sh - every kind of scan nmap has: the right ports are open, the others say so, nothing falls.
. "$(dirname "$0")/lib.sh"
need nmap
start --trace "$tmp/t.jsonl"
scan() { timeout 60 nmap -n -Pn --disable-arp-ping -T5 --max-retries 2 --host-timeout 50 "$@" 10.0.0.2 2>&1; }
open_ports() { sed -n 's/^\([0-9]*\)\/[a-z]* *open .*/\1/p' | tr '\n' ' '; }
state() { awk -v p="$1" '$1 == p { print $2 }'; }

# All at once: most of a scan is waiting for answers that must not come.
scan -sS -p 1-2000 >"$tmp/syn" &
scan -sT -p 1-100 >"$tmp/connect" &
scan -sU -p 7,13,19,37,81,82 >"$tmp/udp" &
for kind in X N F A W M; do scan -s$kind -p 80,81 >"$tmp/$kind" & done
scan -sO -p 1,2,6,17,47,132 >"$tmp/proto" &
scan -O -p 79-81 >"$tmp/os" &
scan -sS -f -p 79-81 >"$tmp/tiny" &
scan -sS --mtu 24 -p 79-81 >"$tmp/fragments" &
for pid in $(jobs -p); do
    [[ " ${pids[*]} $stackd_pid " == *" $pid "* ]] || wait "$pid"
done

t_eq "SYN scan of 1-2000: exactly the services are open" "$(open_ports <"$tmp/syn")" "7 9 13 19 37 80 "
t_eq "connect scan: the same" "$(open_ports <"$tmp/connect")" "7 9 13 19 37 80 "
t_eq "UDP scan: echo is open" "$(state 7/udp <"$tmp/udp")" open
t_eq "UDP scan: chargen is open" "$(state 19/udp <"$tmp/udp")" open
t_eq "UDP scan: 81 is closed, by port unreachable" "$(state 81/udp <"$tmp/udp")" closed
# RFC 9293 section 3.10.7.2: without SYN, ACK and RST an open port is silent, a closed one resets.
for kind in X N F; do
    t_eq "scan -s$kind: the open port is silent" "$(state 80/tcp <"$tmp/$kind")" 'open|filtered'
    t_eq "scan -s$kind: the closed port resets" "$(state 81/tcp <"$tmp/$kind")" closed
done
t_eq "ACK scan: both reset" "$(grep -c ' unfiltered' "$tmp/A")" 2
t_eq "window scan: the resets do not tell which is open" "$(grep -c '/tcp closed' "$tmp/W")" 2
t_eq "Maimon scan: both reset" "$(grep -c '/tcp closed' "$tmp/M")" 2
for p in 1 2 6 17; do t_match "protocol scan: $p is open" "$(state $p <"$tmp/proto")" '^open'; done
for p in 47 132; do t_eq "protocol scan: $p is closed, by protocol unreachable" "$(state $p <"$tmp/proto")" closed; done
t_match "OS detection: it ends" "$(cat "$tmp/os")" 'OS detection performed|No exact OS matches|OS details|Too many fingerprints'
t_eq "SYNs whose header is cut by a fragment of 8 bytes: refused (RFC 1858)" "$(open_ports <"$tmp/tiny")" ""
t "and counted" test "$(ctl stats drop.ip4.frag-tiny | awk '{ print $2 }')" -ge 3
t_eq "SYNs in larger fragments" "$(open_ports <"$tmp/fragments")" "80 "
t "after all of it, it answers" ping -n -q -c 1 -W 2 10.0.0.2
stop
t_eq "SIGTERM: status 0" "$status" 0
finish
