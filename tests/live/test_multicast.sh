#!/usr/bin/env bash
# test_multicast.sh - groups, with the kernel as sender, as member, and as a bridge that listens to IGMP.
. "$(dirname "$0")/lib.sh"
need ip jq python3
group=239.1.2.3
mkfifo "$tmp/quiet"
exec {quiet}<>"$tmp/quiet" # an input that says nothing and does not end

# listens FILE: a member inside the stack, whose datagrams go to FILE; ready when the group is there.
listens() {
    "$stackctl" --control "$control" nc -l -u "$group" 5000 >"$1" <&"$quiet" &
    pids+=($!)
    for ((i = 0; i < 100; i++)); do
        [ "$(users)" = "$2" ] && return
    done
    nok "$2 members are there"
}
users() { ctl -j maddr | jq -r "[.maddr[0].inet[] | select(.group == \"$group\").users][0] // 0"; }
# shouts SECONDS COMMAND...: the kernel sends to the group until the command succeeds.
shouts() {
    timeout "$1" python3 - "$group" "${@:2}" <<'PY'
import socket, subprocess, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.0.0.1"))
while True:
    s.sendto(b"shout\n", (sys.argv[1], 5000))
    if subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL).returncode == 0:
        break
PY
}

start --no-services
t_match "maddr: all hosts, from the start" "$(ctl maddr)" 'inet +224\.0\.0\.1$'
t_match "maddr: its frames" "$(ctl maddr)" 'link +01:00:5e:00:00:01$'
listens "$tmp/one" 1
listens "$tmp/two" 2
t_match "maddr: two sockets have joined" "$(ctl maddr)" "inet +239\.1\.2\.3 users 2 (DELAYING|IDLE)_MEMBER"
t_match "maddr: their frames" "$(ctl maddr)" 'link +01:00:5e:01:02:03$'
t "what the kernel sends to the group reaches both sockets" shouts 4 sh -c "grep -q shout '$tmp/one' && grep -q shout '$tmp/two'"

# The kernel as member: what we send to the group arrives there, with TTL 1.
heard=$(timeout 4 python3 - "$group" "$stackctl" "$control" <<'PY'
import socket, struct, subprocess, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 5001))
s.setsockopt(socket.IPPROTO_IP, 12, 1) # IP_RECVTTL
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(sys.argv[1]) + socket.inet_aton("10.0.0.1"))
subprocess.run([sys.argv[2], "--control", sys.argv[3], "nc", "-u", sys.argv[1], "5001"], input=b"hello", timeout=3)
data, anc, flags, addr = s.recvmsg(100, 100)
print(data.decode(), addr[0], struct.unpack("i", anc[0][2])[0])
PY
)
t_eq "what we send to the group reaches a member in the kernel" "$heard" "hello 10.0.0.2 1"
t_eq "stats: the report has left" "$(ctl -j stats igmp.tx_reports | jq '.counters[0].value >= 1')" true
for p in "${pids[@]: -2}"; do kill "$p" && wait "$p" 2>/dev/null; done
for ((i = 0; i < 100; i++)); do [ "$(users)" = 0 ] && break; done
t_eq "maddr: a closed socket has left the group" "$(users)" 0
stop
t_eq "SIGTERM: status 0" "$status" 0

# A bridge of the kernel forwards a group to ports that asked for it: it has to understand our reports and leaves.
if ip link add br0 type bridge mcast_snooping 1 2>/dev/null && bridge mdb show >/dev/null 2>&1; then
    in_mdb() { bridge mdb show | grep -q "port tap0 grp $group"; }
    becomes() { for ((i = 0; i < 200; i++)); do "$@" && return; done; return 1; }
    ip addr add 10.0.0.1/24 dev br0
    ip link set br0 up
    start --no-services --no-host-config
    ip link set tap0 up master br0
    bridge link set dev tap0 fastleave on
    listens "$tmp/three" 1
    t "a bridge has learnt the group from our report" becomes in_mdb
    kill "${pids[-1]}"
    t "and the end of it from our leave" becomes eval '! in_mdb'
    stop
else
    echo "skipped: no bridge in this kernel"
fi
finish
