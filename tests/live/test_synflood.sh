#!/usr/bin/env bash
# test_synflood.sh - 100,000 spoofed SYNs: with cookies a hundred honest clients all get in; and what
# the other policies do, read from the counters. Needs AF_PACKET in the namespace.
. "$(dirname "$0")/lib.sh"
peer=$build/tests/live/peer flood=$build/tests/live/synflood
[ -x "$peer" ] && [ -x "$flood" ] || skip "$peer and $flood are not built"
count() { ctl stats "$1" | awk -v n="$1" '$1 == n { v = $2 } END { print v + 0 }'; }
mac() { sed -n 's/^stackd: ready: .* \(..:..:..:..:..:..\),.*/\1/p' "$tmp/stackd.err"; }
rss() { awk '/^VmRSS:/ { print $2 }' "/proc/$stackd_pid/status"; }
long_queue() { ip link set tap0 txqueuelen 110000; } # stackd is to see all of them
attack() { "$flood" tap0 "$(mac)" 10.0.0.2 7 "$1" >/dev/null; }

# The first honest clients come when the pool is full already, the flood goes on all the time.
start --syn-policy cookies --syn-pool 256
long_queue
attack 2000
attack 100000 &
flooder=$!
pids+=($flooder)
for round in 1 2; do
    worst=$("$peer" honest 10.0.0.2 7 100)
    echo "     worst of 100 honest clients: $worst ms, $(kill -0 $flooder 2>/dev/null && echo in the flood || echo behind it)"
    t "cookies: 100 honest clients connect in under 3 s each, round $round" test "${worst:-99999}" -lt 3000
done
t "the whole flood was sent" wait $flooder
worst=$("$peer" honest 10.0.0.2 7 100)
t "cookies: and after it, with the pool still full" test "${worst:-99999}" -lt 3000
t "cookies: all SYNs were seen" test "$(count tcp.syns)" -ge 102000
t "cookies: the pool kept to its limit" test "$(count tcp.half_open)" -le 256
t "cookies: cookies were sent" test "$(count tcp.cookies_sent)" -ge 50000
t "cookies: honest ones came back" test "$(count tcp.cookies_ok)" -ge 100
t_eq "cookies: nobody was dropped for a full pool" "$(count drop.tcp.syn-pool-full)" 0
grep -qa __asan_init "$stackd" || t "cookies: memory stays under 20 MB" test "$(rss)" -lt 20480
t_match "listen says so" "$(ctl listen)" 'half-open pool: [0-9]+/256 policy cookies; cookies sent [0-9]{5,}'
stop

start --syn-policy drop --syn-pool 64
long_queue
attack 1000
t "drop: the SYNs over the limit are dropped" test "$(count drop.tcp.syn-pool-full)" -ge 900
t_eq "drop: no cookies" "$(count tcp.cookies_sent)" 0
t "drop: the honest wait as well" sh -c "! timeout 0.5 nc -z 10.0.0.2 7"
stop

start --syn-policy reset --syn-pool 64
long_queue
attack 1000
t "reset: the SYNs over the limit are reset" test "$(count tcp.rsts_out)" -ge 900
t "reset: the honest are told at once" "$peer" connect 10.0.0.2 7 1 refused
stop

start --syn-policy evict --syn-pool 64
long_queue
attack 1000
t "evict: the oldest made room" test "$(count tcp.evicted)" -ge 900
t_eq "evict: no cookies" "$(count tcp.cookies_sent)" 0
t "evict: the honest get in" "$peer" connect 10.0.0.2 7 1 half
stop
t_eq "SIGTERM: status 0" "$status" 0
finish
