#!/usr/bin/env bash
# test_idle.sh - a stackd that nobody talks to does nothing: no tick, no CPU, under 20 MB.
. "$(dirname "$0")/lib.sh"
peer=$build/tests/live/peer
[ -x "$peer" ] || skip "$peer is not built"
{ echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6; } 2>/dev/null # the kernel's end is to be silent
cpu() { sed 's/.*) //' "/proc/$stackd_pid/stat" | awk '{ print $12 + $13 }'; } # jiffies
# How often it went to sleep, so how often it was woken. That others took the processor from it says nothing of it.
sleeps() { awk '/^voluntary_ctxt_switches/ { print $2 }' "/proc/$stackd_pid/status"; }
rss() { awk '/^VmRSS:/ { print $2 }' "/proc/$stackd_pid/status"; }
mkfifo "$tmp/never"
exec {never}<>"$tmp/never"
interval() { read -r -t "$1" -u "$never" _; } # nothing comes: it is the measuring time
measure() { # measure CLAIM WAKES: over two seconds
    local cpu0 sleeps0 cpu1 sleeps1
    cpu0=$(cpu) sleeps0=$(sleeps)
    interval 2
    cpu1=$(cpu) sleeps1=$(sleeps)
    echo "     $1: $((cpu1 - cpu0)) jiffies, woken $((sleeps1 - sleeps0)) times in 2 s, $(rss) kB"
    t_eq "$1: no CPU time" "$((cpu1 - cpu0))" 0
    t "$1: it sleeps all the time" test $((sleeps1 - sleeps0)) -le "$2"
}
small() { grep -qa __asan_init "$stackd" || t "$1: under 20 MB" test "$(rss)" -lt 20480; }

start
measure "fresh" 5 # the kernel may still send an MLD or ARP frame of its own
small "fresh"
"$peer" connect 10.0.0.2 7 200 half
exec {conn}<>/dev/tcp/10.0.0.2/7
echo hello >&"$conn"
read -r -t 5 answer <&"$conn"
t_eq "a connection is open" "$answer" hello
small "with an open connection"
# How much memory a transfer touches is decided by how long its ends wait for each other: by the load here.
"$peer" transfer 10.0.0.2 7 10000000 1
interval 0.5 # the last delayed ACK and the retransmission timer are over
measure "with an open connection, after a transfer" 5
t_eq "it is still open" "$(ctl sock state established | grep -c '10.0.0.1')" 1
exec {conn}>&-
stop
t_eq "SIGTERM: status 0" "$status" 0
finish
