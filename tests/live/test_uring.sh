#!/usr/bin/env bash
# test_uring.sh - frames by io_uring: not one bit differs, with long frames and without, with few frames at a time
# and with many; nothing stays behind on the TAP; where it does not work, stackd says so or goes on without.
. "$(dirname "$0")/lib.sh"
need curl nc sha256sum ping
peer=$build/tests/live/peer
[ -x "$peer" ] || skip "$peer is not built"
: >"$tmp/why"
timeout 5 "$stackd" --tap tap0 --io uring --control "$control" 2>"$tmp/why" &
try=$!
until grep -q . "$tmp/why" || ! kill -0 $try 2>/dev/null; do :; done
kill $try 2>/dev/null
wait $try
grep -q 'ready' "$tmp/why" || skip "$(cat "$tmp/why")"
mkdir "$tmp/root"
head -c 50000000 /dev/urandom >"$tmp/root/f"
want=$(sha256sum <"$tmp/root/f")
count() { ctl stats "$1" | awk -v n="$1" '$1 == n { v = $2 } END { print v + 0 }'; }

for offload in on off; do
    start --http-root "$tmp/root" --io uring --offload $offload
    t_match "offload $offload: it is used" "$(ctl link)" ' io uring$'
    t "offload $offload: ping" ping -n -q -c 3 -i 0.01 -W 2 10.0.0.2
    t "offload $offload: ping with fragments" ping -n -q -c 1 -W 2 -s 20000 10.0.0.2
    t "offload $offload: 2000 pings, one after another" ping -n -q -f -c 2000 -W 2 10.0.0.2
    t_eq "offload $offload: 50 MB into the stack and back" "$(timeout 60 nc -N 10.0.0.2 7 <"$tmp/root/f" | sha256sum)" "$want"
    t_eq "offload $offload: 50 MB from the web server" "$(curl -s --max-time 60 http://10.0.0.2/f | sha256sum)" "$want"
    t "offload $offload: 300 connections at once" "$peer" honest 10.0.0.2 7 300
    t "offload $offload: 200 connections, one after another" "$peer" connect 10.0.0.2 7 200 half
    t_eq "offload $offload: no frame was refused" "$(($(count port.tx_error) + $(count port.rx_too_long) + $(count port.rx_bad_vnet)))" 0
    if [ $offload = off ]; then # what the other end may send and ours may not receive
        ip link set tap0 mtu 9000
        t "a larger MTU at the other end: no answer" sh -c '! ping -n -q -c 1 -W 1 -s 4000 -M do 10.0.0.2'
        t "such frames are counted" test "$(count port.rx_too_long)" -ge 1
        t "shorter ones are answered" ping -n -q -c 1 -W 2 -s 1400 10.0.0.2
    fi
    stop # the next start finds the TAP free at once
    t_eq "offload $offload: SIGTERM: status 0" "$status" 0
    t "offload $offload: the TAP is gone with us" sh -c '! ip link show tap0'
done

start --io uring --mtu 9000
t "MTU 9000: ping" ping -n -q -c 3 -i 0.01 -W 2 -s 8900 -M do 10.0.0.2
t "MTU 9000: 10 MB and back" timeout 20 "$peer" transfer 10.0.0.2 7 10000000 1
ip link set tap0 down # a read or write is an error now, and not for ever
ip link set tap0 up
t "the interface was down and is up again" ping -n -q -c 1 -W 2 10.0.0.2
t "and is removed: stackd ends" ip link del tap0
wait "$stackd_pid"
t_eq "with status 2" "$?" 2
stackd_pid=""

start --io read
t_match "--io read: it is not used" "$(ctl link)" ' io read$'
stop
start
t_match "--io auto: one of the two" "$(ctl link)" ' io (read|uring)$'
t "--io auto: 10 MB and back" timeout 20 "$peer" transfer 10.0.0.2 7 10000000 2
stop
t_eq "SIGTERM: status 0" "$status" 0
finish
