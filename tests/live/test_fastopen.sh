#!/usr/bin/env bash
# test_fastopen.sh - TCP Fast Open with the kernel as client: curl's second request goes with its SYN.
. "$(dirname "$0")/lib.sh"
need curl
[ $(($(cat /proc/sys/net/ipv4/tcp_fastopen) & 1)) = 1 ] || echo 1 >/proc/sys/net/ipv4/tcp_fastopen || skip "the kernel has no tcp_fastopen"
count() { ctl stats "$1" | awk -v n="$1" '$1 == n { v = $2 } END { print v + 0 }'; }
get() { curl -sS -o "$tmp/page" -w '%{http_code}\n' --max-time 5 "$@" http://10.0.0.2/; }

start --fastopen
t_eq "the first request" "$(get --tcp-fastopen)" 200
t_eq "it asked for a cookie" "$(count tcp.fo_offers)" 1
t_eq "its data came after the handshake" "$(count tcp.fo_accepted)" 0
for i in 1 2 3; do t_eq "request $i with a cookie" "$(get --tcp-fastopen)" 200; done
t_eq "they came with their SYNs" "$(count tcp.fo_accepted)" 3
t_eq "no cookie was wrong" "$(count tcp.fo_bad_cookies)" 0
t_eq "a request without it" "$(get)" 200
t_match "listen has the limit" "$(ctl -j listen)" '"fo_limit": *[1-9]'
t_eq "nothing is pending" "$(ctl -j listen | grep -c '"fo_pending": *[1-9]')" 0
stop
t_eq "SIGTERM: status 0" "$status" 0

# Another key: the kernel's cookie is wrong now, and it is given another one.
start --fastopen --seed 4711
t_eq "a request with an old cookie" "$(get --tcp-fastopen)" 200
t_eq "it was wrong" "$(count tcp.fo_bad_cookies)" 1
t_eq "the next request" "$(get --tcp-fastopen)" 200
t_eq "came with its SYN" "$(count tcp.fo_accepted)" 1
stop

start
t_eq "off by default" "$(get --tcp-fastopen)" 200
t_eq "no data were taken with a SYN" "$(count tcp.fo_accepted)" 0
stop
finish
