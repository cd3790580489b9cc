#!/usr/bin/env bash
# test_connections.sh - ten thousand connections one after another leave nothing behind: no socket, no
# memory; and a thousand are open at once.
. "$(dirname "$0")/lib.sh"
need jq
peer=$build/tests/live/peer
[ -x "$peer" ] || skip "$peer is not built"
ulimit -n 5000 2>/dev/null

# Under AddressSanitizer the memory is mostly its own: there the check says nothing.
sanitized() { grep -qa __asan_init "$stackd"; }
rss() { awk '/^VmRSS:/ { print $2 }' "/proc/$stackd_pid/status"; } # kB
connections() { ctl -j sock | jq '[.tcp[] | select(.state != "LISTEN")] | length'; }
# How many were in TIME_WAIT at one time: how many still are is decided by how fast the machine is just now.
in_time_wait() { ctl -j listen | jq '.pools[] | select(.name == "time_wait") | .peak'; }
# gone: wait, at most some seconds, until there is no connection; each look is a question to stackd.
gone() {
    local deadline=$((SECONDS + 30))
    while [ "$(connections)" != 0 ]; do
        if [ $SECONDS -ge $deadline ]; then
            ctl sock | head -n 5
            return 1
        fi
    done
}

# crowd WHEN: ten thousand connections one after another.
crowd() {
    t "$1: 5,000 connections, the kernel closes first" "$peer" connect 10.0.0.2 7 5000 half
    t "$1: none is left at once" gone
    [ "$1" != "at first" ] || t_eq "$1: it is the kernel that has the TIME_WAIT" "$(in_time_wait)" 0
    t "$1: 5,000 connections, we close first" "$peer" connect 10.0.0.2 13 5000 wait
    t "$1: these are in TIME_WAIT" test "$(in_time_wait)" -gt 100
    t "$1: and leave it after 2 MSL" gone
}

start --msl 1
# The first crowd touches every table that it needs, TIME_WAIT's 5,000 entries among them. A later one
# may touch more, where the scheduler let more of its connections meet; that ends soon. A leak never does.
crowd "at first"
grown=yes
for crowd in 2 3 4 5 6; do
    before=$(rss)
    crowd "crowd $crowd"
    echo "     crowd $crowd: $before kB before, $(rss) kB after"
    if sanitized || [ "$(rss)" -le $((before + 64)) ]; then
        grown=no
        break
    fi
done
sanitized || t_eq "ten thousand connections more leave the memory as it was" "$grown" no
t_eq "no buffer is in use" "$(ctl stats pool.buffer_bytes)" ""
t_eq "no packet is in use" "$(ctl stats pool.packets | grep -v peak)" ""

mkfifo "$tmp/go"
exec {go}<>"$tmp/go"
"$peer" hold 10.0.0.2 7 1000 <"$tmp/go" >"$tmp/hold" &
holder=$!
pids+=($holder)
until grep -q open "$tmp/hold" || ! kill -0 $holder 2>/dev/null; do :; done
t_eq "1,000 connections are open at once" "$(ctl -j sock | jq '[.tcp[] | select(.state == "ESTABLISHED")] | length')" 1000
echo go >&"$go"
t "each echoed its byte, each closes" wait $holder
t "and they go" gone
stop
t_eq "SIGTERM: status 0" "$status" 0
finish
