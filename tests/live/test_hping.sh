#!/usr/bin/env bash
# test_hping.sh - single segments with flags and lengths that no honest stack sends.
. "$(dirname "$0")/lib.sh"
need hping3
# hping3 takes what comes from a port for its answer, so each has a port of its own: 2000 and up are
# open, 3000 and up are closed.
services=()
for port in {2000..2015}; do services+=(--service "echo:$port"); done
start -v "${services[@]}"
send() { timeout 10 hping3 -n -c 1 -i u1000 "$@" 10.0.0.2 2>&1; }
flags() { sed -n 's/.* flags=\([A-Z]*\) .*/\1/p'; }
answer() { # answer CLAIM WANTED-FLAGS open|closed|PORT OPTIONS...: in the background, silence takes a second
    local claim=$1 want=$2 port=$3
    shift 3
    case $port in
    open) port=$((open++)) ;;
    closed) port=$((closed++)) ;;
    esac
    (got=$(send -p $port "$@" | flags); printf '%s|%s|%s\n' "$claim" "$want" "$got" >>"$tmp/answers") &
    asked+=($!)
}
open=2000 closed=3000
asked=()
answer "SYN to an open port: SYN,ACK" SA open -S
answer "SYN to a closed port: RST,ACK" RA closed -S
answer "ACK to an open port: RST" R open -A
answer "ACK to a closed port: RST" R closed -A
answer "FIN to an open port: silence" "" open -F
answer "FIN to a closed port: RST,ACK" RA closed -F
answer "no flags, open: silence" "" open
answer "no flags, closed: RST,ACK" RA closed
answer "FIN,PSH,URG (xmas), open: silence" "" open -F -P -U
answer "all six flags, open: silence" "" open -F -S -R -P -A -U
answer "SYN,FIN, open: silence" "" open -S -F
answer "RST to a closed port: silence" "" closed -R
answer "SYN,ACK to an open port: RST" R open -S -A
answer "SYN with data: SYN,ACK" SA open -S -d 100
answer "SYN with the bits set that were reserved once, ECE and CWR: SYN,ACK, with ECE" SAX open -S -X -Y
answer "SYN with a bad checksum: silence" "" open -S -b
answer "SYN with data offset 15 and nothing there: silence" "" open -S -O 15
answer "SYN with window 0: SYN,ACK" SA open -S -w 0
answer "SYN with urgent pointer: SYN,ACK" SA open -S -U -M 4294967295
answer "SYN to port 0: silence" "" 0 -S
answer "SYN in fragments of 24 bytes: SYN,ACK" SA open -S -f -m 24 -d 60
answer "SYN with its header cut by a fragment: silence" "" open -S -f -m 16
for pid in "${asked[@]}"; do wait "$pid"; done
while IFS='|' read -r claim want got; do t_eq "$claim" "$got" "$want"; done <"$tmp/answers"
t_eq "all were asked" "$(wc -l <"$tmp/answers")" ${#asked[@]}

t_match "UDP to a closed port: port unreachable" "$(send -2 -p 81)" 'ICMP Port Unreachable'
t_match "an unknown protocol: protocol unreachable" "$(send -0 -H 200)" 'ICMP Protocol Unreachable'
t_match "ping" "$(send -1)" 'icmp_seq=0'
t_match "timestamp and address mask requests are not answered" "$(send -1 -C 17)" '0 packets received|100% packet loss'
# Ten thousand with random sources and flags, as quickly as they go.
timeout 20 hping3 -q -n -c 10000 -i u10 --rand-source -S -F -P -A -U -X -Y -p 2000 10.0.0.2 >/dev/null 2>&1
t "after 10,000 odd segments it answers" ping -n -q -c 1 -W 2 10.0.0.2
t_eq "no connection is left" "$(ctl -j sock | grep -c ESTABLISHED)" 0
stop
t_eq "SIGTERM: status 0" "$status" 0
finish
