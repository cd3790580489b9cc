#!/usr/bin/env bash
# test_raw.sh - --raw: an interface that the kernel has too, through libpcap. The wire is a TAP: one
# stackd holds its descriptor, the other has --raw on the interface, so the two are the ends. Where
# the kernel has veth the other end is the kernel's TCP as well.
. "$(dirname "$0")/lib.sh"
need ping curl
peer=$build/tests/live/peer
[ -x "$peer" ] || skip "$peer is not built"

far_control=$tmp/far.sock
far() { "$stackctl" --control "$far_control" "$@"; }
raw() { # raw IFACE OPTIONS...: stackd --raw in the background, its pid in $raw_pid; see raw_ready
    local iface=$1
    shift
    mkfifo "$tmp/raw.$iface"
    exec {raw_fd}<>"$tmp/raw.$iface" # both ends, so that nobody waits for the other to open it
    "$stackd" --raw "$iface" "$@" 2>"$tmp/raw.$iface" </dev/null &
    raw_pid=$!
    pids+=($raw_pid)
}
raw_ready() { # raw_ready IFACE DESCRIPTOR: on a wire with strangers it looks for a while whether its address is taken (RFC 5227)
    local line
    IFS= read -r -t 15 -u "$2" line
    t_match "raw on $1: ready" "$line" "^stackd: ready: $1 "
}

veth=0
if ip link add veth-a type veth peer name veth-b 2>/dev/null; then
    veth=1
    ip addr add 10.8.0.1/24 dev veth-a
    ip link set veth-a up
    ip link set veth-b up
    command -v ethtool >/dev/null && ethtool -K veth-a tx off tso off gso off >/dev/null 2>&1
    raw veth-b --ip 10.8.0.2/24 --control "$tmp/veth.sock"
    veth_pid=$raw_pid veth_fd=$raw_fd
fi

start --no-host-config --offload off
ip link set tap0 up
head -c 3000000 /dev/urandom >"$tmp/data"
raw tap0 --ip 10.0.0.3/24 --control "$far_control"
raw_ready tap0 "$raw_fd"
t "two of us on one wire: ping" far ping -c 2 -i 0.01 10.0.0.2
t "two of us on one wire: ping the other way" ctl ping -c 2 -i 0.01 10.0.0.3
t_eq "two of us on one wire: 3 MB to the other's echo and back" \
    "$(timeout 20 "$stackctl" --control "$far_control" nc 10.0.0.2 7 <"$tmp/data" | sha256sum)" "$(sha256sum <"$tmp/data")"
t_eq "two of us on one wire: 3 MB the other way" \
    "$(timeout 20 "$stackctl" --control "$control" nc 10.0.0.3 7 <"$tmp/data" | sha256sum)" "$(sha256sum <"$tmp/data")"
t_match "neigh: the other's MAC" "$(far neigh)" '^10\.0\.0\.2 dev tap0 lladdr .*REACHABLE'
t_match "link says raw" "$(far link)" 'tap0: raw '
kill -TERM $raw_pid
wait $raw_pid
t_eq "raw: SIGTERM: status 0" "$?" 0
t "the interface stays" ip link show tap0
out=$(timeout 10 "$stackd" --raw tap0 --ip 10.0.0.2/24 --mac 02:00:00:00:00:33 --control "$far_control" 2>&1)
t_eq "an address the other end has: exit 2" "$?" 2
stop

out=$(timeout 5 "$stackd" --raw nosuch0 --control "$far_control" 2>&1)
t_eq "no such interface: exit 2" "$?" 2
t_match "in one line" "$(wc -l <<<"$out"):$out" '^1:stackd: .*nosuch0'

if [ $veth = 1 ]; then
    raw_ready veth-b "$veth_fd"
    t "veth: ping" ping -n -q -c 2 -i 0.01 -W 2 10.8.0.2
    t_eq "veth: HTTP" "$(curl -s --max-time 5 -o /dev/null -w '%{http_code}' http://10.8.0.2/)" 200
    t "veth: 3 MB and back" timeout 30 "$peer" transfer 10.8.0.2 7 3000000 1
    kill -TERM $veth_pid
    wait $veth_pid
    t_eq "veth: SIGTERM: status 0" "$?" 0
else
    echo "     this kernel has no veth: that part is left out"
fi
finish
