#!/usr/bin/env bash
# test_ping.sh - the kernel pings stackd with every size a datagram can have, and stackd the kernel.
. "$(dirname "$0")/lib.sh"
need ping arping jq
start

for size in 0 1 7 8 56 1471 1472 1473 2952 2953 9000 65506 65507; do
    t "ping of $size bytes is answered" ping -n -c 1 -W 3 -s $size 10.0.0.2
done
t "200 pings without a pause, none lost" sh -c 'ping -n -c 200 -i 0.002 -W 2 10.0.0.2 | grep -q " 0% packet loss"'
# The kernel's ping may be slower than the answers, and its socket's buffer holds ten of these: asked is stackd.
ip link set tap0 txqueuelen 10000
answered() { ctl -j stats icmp4.tx | jq '.counters[0].value'; }
before=$(answered)
ping -n -q -c 50 -i 0.002 -s 20000 -W 2 10.0.0.2 >"$tmp/flood"
t_eq "fragments of a flood of large pings are put together" $(($(answered) - before)) 50
t "and come back so" sh -c "! grep -q ' 0 received' '$tmp/flood'"
t "arping is answered" arping -c 2 -w 4 -I tap0 10.0.0.2
t "a ping with DF and the size of the MTU" ping -n -c 1 -W 3 -M do -s 1472 10.0.0.2
t "a ping with TTL 1" ping -n -c 1 -W 3 -t 1 10.0.0.2

for size in 0 56 1472 1473 20000 65507; do
    t "stackctl ping of $size bytes is answered by the kernel" ctl ping -c 2 -i 0.01 -s $size 10.0.0.1
done
out=$(ctl -j ping -c 3 -i 0.01 10.0.0.1)
t_eq "stackctl ping -j: three answers" "$(grep -c rtt_ms <<<"$out")" 3
t "stackctl ping of a silent neighbour fails" sh -c "! '$stackctl' --control '$control' ping -c 1 10.0.0.77"
stop
t_eq "SIGTERM: status 0" "$status" 0
finish
