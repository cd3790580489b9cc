#!/usr/bin/env bash
# test_exit.sh - how stackd ends: TAP and socket gone, connections closed with FIN, status 0.
. "$(dirname "$0")/lib.sh"
need ip nc
start
t "the TAP is there" ip link show tap0
t "the kernel's end has its address" sh -c 'ip -4 addr show tap0 | grep -q 10.0.0.1/24'
t_eq "the control socket is ours alone" "$(stat -c %a "$control")" 600
t_match "the ready line" "$(cat "$tmp/stackd.err")" '^stackd: ready: tap0 10\.0\.0\.2/24 [0-9a-f:]{17}, try: ping 10\.0\.0\.2$'
stop TERM
t_eq "SIGTERM: status 0" "$status" 0
t "the TAP is gone" sh -c '! ip link show tap0'
t "the control socket is gone" test ! -e "$control"

start
stop INT
t_eq "SIGINT: status 0" "$status" 0

# A TAP that was there stays, and keeps its address.
ip tuntap add dev tap0 mode tap
start
stop
t_eq "status 0" "$status" 0
t "a TAP that was there before stays" ip link show tap0
ip link del tap0

# An open connection is ended by a FIN, not forgotten and not reset.
start
exec {peer}<>/dev/tcp/10.0.0.2/7
echo ping >&"$peer"
read -r -t 5 answer <&"$peer"
t_eq "the connection works" "$answer" ping
kill -TERM "$stackd_pid"
rest=$(timeout 10 cat <&"$peer") # a reset would be an error of cat
t_eq "the peer sees the end of the stream" "$?:$rest" "0:"
exec {peer}>&-
wait "$stackd_pid"
t_eq "with an open connection: status 0" "$?" 0
stackd_pid=""

# A full disk is said, and is a failure.
if mount -t tmpfs -o size=64k none "$tmp" 2>/dev/null; then
    control=/tmp/stackd-live-$$.sock
    start --pcap "$tmp/full.pcapng"
    head -c 2000000 /dev/zero | timeout 20 nc -N 10.0.0.2 7 >/dev/null
    stop
    t_eq "a full disk: status 2" "$status" 2
    umount -l "$tmp"
fi
finish
