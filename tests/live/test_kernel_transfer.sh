#!/usr/bin/env bash
# test_kernel_transfer.sh - transfers both ways with the kernel's TCP as it may be set: with and without
# timestamps, window scaling and SACK, MTU 576 to 9000, each congestion control it has.
. "$(dirname "$0")/lib.sh"
need curl sha256sum
peer=$build/tests/live/peer
[ -x "$peer" ] || skip "$peer is not built"
sys=/proc/sys/net/ipv4
mkdir "$tmp/root"
head -c 3000000 /dev/urandom >"$tmp/root/f"
want=$(sha256sum <"$tmp/root/f")
seed=1

both_ways() { # both_ways CLAIM
    t_eq "$1: 3 MB to the kernel" "$(curl -s --max-time 20 http://10.0.0.2/f | sha256sum)" "$want"
    t "$1: 3 MB from the kernel and back" timeout 20 "$peer" transfer 10.0.0.2 7 3000000 $seed
    seed=$((seed + 1))
}

start --http-root "$tmp/root"
if { echo 1 >$sys/tcp_timestamps; } 2>/dev/null; then
    for ts in 0 1; do
        for ws in 0 1; do
            for sack in 0 1; do
                echo $ts >$sys/tcp_timestamps
                echo $ws >$sys/tcp_window_scaling
                echo $sack >$sys/tcp_sack
                both_ways "timestamps $ts, window scaling $ws, SACK $sack"
            done
        done
    done
    for cc in $(cat $sys/tcp_available_congestion_control); do
        if echo "$cc" >$sys/tcp_congestion_control 2>/dev/null; then
            both_ways "congestion control $cc"
        fi
    done
    echo 1 >$sys/tcp_ecn
    both_ways "the kernel offers ECN"
    echo 0 >$sys/tcp_ecn
else
    echo "     /proc/sys cannot be written here: only the kernel's own settings"
    both_ways "the kernel as it is"
fi
stop
t_eq "SIGTERM: status 0" "$status" 0

for mtu in 576 1280 1499 1500 4000 9000; do
    start --http-root "$tmp/root" --mtu $mtu
    t_eq "MTU $mtu: the kernel's end has it too" "$(cat /sys/class/net/tap0/mtu 2>/dev/null || ip -o link show tap0 | sed 's/.* mtu \([0-9]*\) .*/\1/')" $mtu
    both_ways "MTU $mtu"
    t "MTU $mtu: ping with fragments" ping -n -q -c 1 -W 2 -s 12000 10.0.0.2
    stop
done
# The ends may differ: each MSS is the smaller of the two.
start --http-root "$tmp/root" --mtu 1500
ip link set tap0 mtu 800
both_ways "MTU 1500 here, 800 there"
stop
t_eq "SIGTERM: status 0" "$status" 0
finish
