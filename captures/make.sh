#!/usr/bin/env bash
# make.sh - make the captures that are kept in this folder anew, from real runs.
#
#   sudo captures/make.sh [BUILD-DIRECTORY]
#
# Everything happens in a network namespace of its own. Needs curl, ping, netcat-openbsd, hping3. Times
# and the kernel's numbers differ from run to run; what stackd chooses follows from --seed 7.
set -u
here=$(dirname "$(readlink -f "$0")")
build=$(readlink -f "${1:-$here/../build}")
[ -x "$build/bin/stackd" ] || { echo "make.sh: no $build/bin/stackd: build first" >&2; exit 2; }
. "$here/../tests/netns.sh"
why=$(netns_lacks) && { echo "make.sh: $why" >&2; exit 2; }
netns_enter captures "$build"
ip link set lo up
# The kernel's own IPv6 chatter is not what these are about.
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT

run() { # run NAME "OPTIONS" "COMMANDS"
    # shellcheck disable=SC2086
    ready_run "$tmp/stackd" '^stackd: ready' 15 \
        "$build/bin/stackd" --tap tap0 --seed 7 --control "$tmp/control" --pcap "$here/$1.pcapng" $2 || exit 2
    bash -c "$3" >/dev/null 2>&1
    kill -TERM "$ready_pid"
    wait "$ready_pid" || echo "make.sh: $1: stackd ended badly" >&2
    wait
}

run http "" "ping -c 1 10.0.0.2; curl -s http://10.0.0.2/"
run fragments "" "ping -c 1 -s 4000 10.0.0.2"
run refused "" "curl -s http://10.0.0.2:81/; echo hello | nc -u -w 1 10.0.0.2 5000"
run cookies "--syn-pool 2" "hping3 -q -S -p 80 -a 10.0.0.77 -c 4 -i u1000 10.0.0.2; curl -s http://10.0.0.2/"
run bad-wire "--corrupt-chance 10 --drop-chance 8 --duplicate-chance 8 --reorder-chance 10" \
    "head -c 20000 /dev/zero | timeout 20 nc -N 10.0.0.2 7"
ls -l "$here"/*.pcapng
