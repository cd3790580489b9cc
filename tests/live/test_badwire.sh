#!/usr/bin/env bash
# test_badwire.sh - 10 MB each way over a wire that loses 5 %, damages 1 %, reorders 10 % and doubles
# 5 % of the frames: not one bit differs. (The simulation does the same in virtual time, many seeds.)
. "$(dirname "$0")/lib.sh"
need curl sha256sum jq
peer=$build/tests/live/peer
[ -x "$peer" ] || skip "$peer is not built"
mkdir "$tmp/root"
head -c 10000000 /dev/urandom >"$tmp/root/ten"
want=$(sha256sum <"$tmp/root/ten")
count() { ctl -j stats "$1" | jq '[.counters[].value] | add // 0'; }

start --http-root "$tmp/root" --drop-chance 5 --corrupt-chance 1 --reorder-chance 10 --duplicate-chance 5 --seed 7
begun=$SECONDS
t_eq "10 MB to the kernel" "$(curl -s --max-time 60 http://10.0.0.2/ten | sha256sum)" "$want"
echo "     $((SECONDS - begun)) s"
t "segments were sent again" test "$(count tcp.rtx_segs)" -gt 100
begun=$SECONDS
t "10 MB from the kernel and back" timeout 80 "$peer" transfer 10.0.0.2 7 10000000 7
echo "     $((SECONDS - begun)) s"
t "damaged segments were noticed" test "$(ctl stats drop.tcp.bad-checksum | awk '{ print $2 }')" -gt 10
stop
t_eq "SIGTERM: status 0" "$status" 0
finish
