#!/usr/bin/env bash
# test_connections.sh - ten thousand connections one after another leave nothing behind: no socket, no
# memory; and a thousand are open at once.
. "$(dirname "$0")/lib.sh"
need jq
peer=$build/tests/live/peer
[ -x "$peer" ] || skip "$peer is not built"
ulimit -n 5000 2>/dev/null

# Under AddressSanitizer the memory is mostly its own: there these two checks say nothing.
sanitized() { grep -qa __asan_init "$stackd"; }
rss() { awk '/^VmRSS:/ { print $2 }' "/proc/$stackd_pid/status"; } # kB
connections() { ctl -j sock | jq '[.tcp[] | select(.state != "LISTEN")] | length'; }
# gone: wait, at most some seconds, until there is no connection; each look is a question to stackd.
gone() {
    local deadline=$((SECONDS + 10))
    while [ "$(connections)" != 0 ]; do
        if [ $SECONDS -ge $deadline ]; then
            ctl sock | head -n 5
            return 1
        fi
    done
}

start --msl 1
t "1,000 first, so that every table has been touched" "$peer" connect 10.0.0.2 7 500 half
t "the same, we close first" "$peer" connect 10.0.0.2 13 500 wait
t "and they go" gone
before=$(rss)
t "5,000 connections, the kernel closes first" "$peer" connect 10.0.0.2 7 5000 half
t "none is left at once: it is the kernel that has the TIME_WAIT" gone
t "5,000 connections, we close first" "$peer" connect 10.0.0.2 13 5000 wait
t "these are in TIME_WAIT" test "$(ctl -j sock | jq '[.tcp[] | select(.state == "TIME_WAIT")] | length')" -gt 1000
t "and leave it after 2 MSL" gone
after=$(rss)
# TIME_WAIT entries are touched memory of a table that was cut at the start: 5,000 of them may show.
echo "     $before kB before, $after kB after"
sanitized || t "memory does not grow by more than the TIME_WAIT table" test "$after" -le $((before + 2048))
t "5,000 connections again, we close first" "$peer" connect 10.0.0.2 13 5000 wait
t "and they go again" gone
again=$(rss)
echo "     $again kB after as many again"
sanitized || t "the second time it does not grow at all" test "$again" -le $((after + 64))
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
