#!/usr/bin/env bash
# make.sh - make the captures that are kept in this folder anew, from real runs.
#
#   sudo captures/make.sh [--check] [BUILD-DIRECTORY]
#
#   --check    make them elsewhere, and say in which frames they differ from those here
#
# Everything happens in a network namespace of its own. Needs curl, ping, netcat-openbsd, hping3. README.md says
# what is the same in every run, and what cannot be: the clock, and the numbers that the kernel draws.
set -u
here=$(dirname "$(readlink -f "$0")")
check=0
[ "${1:-}" = --check ] && check=1 && shift
build=$(readlink -f "${1:-$here/../build}")
[ -x "$build/bin/stackd" ] || { echo "make.sh: no $build/bin/stackd: build first" >&2; exit 2; }
. "$here/../tests/netns.sh"
why=$(netns_lacks) && { echo "make.sh: $why" >&2; exit 2; }
if [ $check = 1 ]; then netns_enter captures --check "$build"; else netns_enter captures "$build"; fi
ip link set lo up
# The kernel's own IPv6 chatter is not what these are about.
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT

run() { # run NAME "OPTIONS" "COMMANDS"
    ip tuntap add dev tap0 mode tap && ip link set dev tap0 address 02:00:00:00:00:01 || exit 2
    # shellcheck disable=SC2086
    ready_run "$tmp/stackd" '^stackd: ready' 15 "$build/bin/stackd" --tap tap0 --mac 02:00:00:00:00:02 --seed 7 \
        --offload off --control "$tmp/control" --pcap "$tmp/$1.pcapng" $2 || exit 2
    bash -c "$3" >/dev/null 2>&1
    # The connections that were made end by themselves, before SIGTERM would end them.
    local deadline=$((SECONDS + 20))
    while "$build/bin/stackctl" --control "$tmp/control" sock tcp | grep -qE '10\.0\.0\.1:4000' && [ $SECONDS -lt $deadline ]; do :; done
    kill -TERM "$ready_pid"
    wait "$ready_pid" || echo "make.sh: $1: stackd ended badly" >&2
    wait
    ip link delete tap0
    made+=("$1")
}

# What is the same in every run: who sent what, and what it caused. Sequence numbers count from the first of a
# direction; windows say how the kernel sized its buffers.
essence() { # essence CAPTURE
    "$build/bin/stackscope" frames "$1" | sed -E 's/^ *([0-9]+) +[0-9.]+ +/\1 /' | awk '
        function relative(key, at) { if (!(key in base)) base[key] = $at; $at = ($at - base[key] + 4294967296) % 4294967296 }
        { for (i = 2; i < NF; i++) {
              if ($i == "seq") relative($4 $6, i + 1)
              if ($i == "ack" && $(i + 1) != 0) relative($6 $4, i + 1) } print }'
}

# Each connection has a port of its own, as TIME-WAIT keeps the one of the run before.
made=()
run http "" "ping -c 1 -e 7 10.0.0.2; curl -s --local-port 40001 http://10.0.0.2/"
run fragments "" "ping -c 1 -e 7 -s 4000 10.0.0.2"
run refused "" "curl -s --local-port 40002 http://10.0.0.2:81/; echo hello | nc -u -p 40003 -w 1 10.0.0.2 5000"
run cookies "--syn-pool 2" "hping3 -q -S -s 50001 -p 80 -a 10.0.0.77 -c 4 -i u20000 10.0.0.2; curl -s --local-port 40004 http://10.0.0.2/"
run bad-wire "--corrupt-chance 10 --drop-chance 8 --duplicate-chance 8 --reorder-chance 10" \
    "head -c 20000 /dev/zero | timeout 20 nc -N -p 40005 10.0.0.2 7"

status=0
for name in "${made[@]}"; do
    if [ $check = 0 ]; then
        cp "$tmp/$name.pcapng" "$here/$name.pcapng"
        ls -l "$here/$name.pcapng"
    elif diff <(essence "$here/$name.pcapng") <(essence "$tmp/$name.pcapng") >"$tmp/differs"; then
        echo "$name: the same frames"
    else
        echo "$name: other frames than here:"
        head -n 10 "$tmp/differs"
        [ "$name" = bad-wire ] && echo "...which is to be expected, says README.md" || status=1
    fi
done
exit $status
