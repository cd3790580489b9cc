#!/usr/bin/env bash
# test_badwire.sh - 10 MB each way over a wire that loses 5 %, damages 1 %, reorders 10 % and doubles
# 5 % of the frames: not one bit differs. (The simulation does the same in virtual time, many seeds.)
. "$(dirname "$0")/lib.sh"
need curl sha256sum nc
mkdir "$tmp/root"
head -c 10000000 /dev/urandom >"$tmp/root/ten"
want=$(sha256sum <"$tmp/root/ten")
count() { ctl stats "$1" | awk -v n="$1" '$1 == n { v = $2 } END { print v + 0 }'; }

start --http-root "$tmp/root" --drop-chance 5 --corrupt-chance 1 --reorder-chance 10 --duplicate-chance 5 --seed 7
# Both directions at once, each a connection of its own: without SACK many losses wait for the
# retransmission timer (200 ms), so the time of each is the timers'.
ctl nc -l 5000 </dev/null >"$tmp/up" &
receiver=$!
until ctl listen | grep -q ':5000 '; do :; done
timeout 100 nc -N 10.0.0.2 5000 <"$tmp/root/ten" &
sender=$!
pids+=($receiver $sender)
begun=$SECONDS
t_eq "10 MB to the kernel" "$(curl -s --max-time 100 http://10.0.0.2/ten | sha256sum)" "$want"
echo "     $((SECONDS - begun)) s"
wait $sender $receiver
t_eq "10 MB from the kernel" "$(sha256sum <"$tmp/up")" "$want"
echo "     $((SECONDS - begun)) s"
t "segments were sent again" test "$(count tcp.rtx_segs)" -gt 100
t "damaged segments were noticed" test "$(count drop.tcp.bad-checksum)" -gt 10
t "frames were lost" test "$(count drop.wire.loss)" -gt 500
stop
t_eq "SIGTERM: status 0" "$status" 0
finish
