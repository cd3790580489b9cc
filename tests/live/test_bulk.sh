#!/usr/bin/env bash
# test_bulk.sh - 1 GB through curl, and 1 GB through the echo service and back: not one bit differs.
. "$(dirname "$0")/lib.sh"
need curl sha256sum nc
bytes=1000000000
mkdir "$tmp/root"
[ "$(df --output=avail -B1 "$tmp" | tail -n 1)" -gt $((bytes + 100000000)) ] || skip "no room for 1 GB in $tmp"
openssl enc -aes-128-ctr -nosalt -K 00 -iv 00 </dev/zero 2>/dev/null | head -c $bytes >"$tmp/root/gig" # random, quickly
[ "$(stat -c %s "$tmp/root/gig")" = $bytes ] || head -c $bytes /dev/urandom >"$tmp/root/gig"
want=$(sha256sum <"$tmp/root/gig")

start --http-root "$tmp/root"
now() { date +%s%N; }
begun=$(now)
t_eq "1 GB from the web server" "$(curl -s --max-time 60 http://10.0.0.2/gig | sha256sum)" "$want"
echo "     $((bytes / 1000 / (($(now) - begun) / 1000000))) MB/s, the hash included"
begun=$(now)
t_eq "1 GB through the echo service and back" "$(timeout 100 nc -N 10.0.0.2 7 <"$tmp/root/gig" | sha256sum)" "$want"
echo "     $((bytes / 1000 / (($(now) - begun) / 1000000))) MB/s, the hash included"
# A peer that the machine has no time for is probed for after 10 ms (RFC 8985): that is chance, a loss is not.
t_eq "no segment was taken for lost" "$(ctl stats tcp.fast_rtx)" ""
stop
t_eq "SIGTERM: status 0" "$status" 0
finish
