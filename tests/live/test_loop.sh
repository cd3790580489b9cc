#!/usr/bin/env bash
# test_loop.sh - when stackd sleeps and when not: after each frame by default, hardly between frames that follow
# closely with --busy-poll, and always when nobody talks to it; on which processor it runs; that signals and
# clients are heard while frames keep it busy.
. "$(dirname "$0")/lib.sh"
need ping taskset nc
{ echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6; } 2>/dev/null # the kernel's end is to be silent
sleeps() { awk '/^voluntary_ctxt_switches/ { print $2 }' "/proc/$stackd_pid/status"; }
cpu() { sed 's/.*) //' "/proc/$stackd_pid/stat" | awk '{ print $12 + $13 }'; } # jiffies
mkfifo "$tmp/never"
exec {never}<>"$tmp/never"
interval() { read -r -t "$1" -u "$never" _; } # nothing comes: it is the measuring time
flood() { # echo requests, each as soon as the last was answered; leaves how often stackd slept in $slept
    local before=$(sleeps)
    t "$1: 2000 pings, one after another" ping -n -q -f -c 2000 -W 2 10.0.0.2
    slept=$(($(sleeps) - before))
    echo "     $1: slept $slept times"
}

start
flood "without --busy-poll"
t "it slept between them" test "$slept" -gt 400 # a busy machine has some frames there before it can sleep
stop

# A long while, so that a machine that is busy with other things does not end it.
start --busy-poll 20000
flood "with --busy-poll"
t "it hardly slept between them" test "$slept" -lt 200
interval 0.5 # the last whiles in vain
before=$(cpu) slept=$(sleeps)
interval 2
echo "     idle with --busy-poll: $(($(cpu) - before)) jiffies"
t "with nobody talking it sleeps" test $(($(cpu) - before)) -le 1
before=$(cpu)
t "pings too far apart" ping -n -q -i 0.05 -c 40 10.0.0.2
echo "     pings too far apart: $(($(cpu) - before)) jiffies"
t "are not waited for awake" test $(($(cpu) - before)) -le 20
flood "after a pause" # the first frame after the pause did not pay, those that follow do
t "and is awake again when frames follow closely" test "$slept" -lt 200
stop
t_eq "SIGTERM: status 0" "$status" 0

# The processors stay awake while frames come, and not much longer.
eventually() { local end=$((SECONDS + 5)); until eval "$1"; do [ $SECONDS -lt $end ] || return 1; interval 0.05; done; true; }
latency() { od -An -td4 -N4 /dev/cpu_dma_latency | tr -d ' '; } # that all wishes together allow
if { true >/dev/cpu_dma_latency; } 2>/dev/null; then
    asleep=$(latency)
    start --stay-awake
    interval 0.5
    t_eq "--stay-awake: nothing is asked for before frames come" "$(latency)" "$asleep"
    background ping -n -q -f 10.0.0.2 >/dev/null 2>&1
    pinging=$!
    t "while they do, nobody may take time to wake up" eventually 'test "$(latency)" = 0'
    kill "$pinging"
    t "and not much longer" eventually 'test "$(latency)" = "$asleep"'
    stop
else
    t_match "--stay-awake is refused where it has no effect" "$("$stackd" --tap tap0 --stay-awake 2>&1)" '^stackd: --stay-awake: /dev/cpu_dma_latency: .*become root'
fi

# Busy without a pause: signals and clients have their turn all the same.
start --busy-poll 1000000
background ping -n -q -f 10.0.0.2 >/dev/null 2>&1
background ping -n -q -f 10.0.0.2 >/dev/null 2>&1
t "a client is served while frames keep coming" timeout 5 "$stackctl" --control "$control" link
t "a connection is made meanwhile" timeout 5 nc -z 10.0.0.2 7
stop
t_eq "SIGTERM while frames keep coming: status 0" "$status" 0

last=$(taskset -cp $$ | sed 's/.*[ ,-]//') # the last of the processors that we may use
start --cpu "$last"
t_eq "--cpu $last" "$(taskset -cp "$stackd_pid" | sed 's/.*: //')" "$last"
stop
t_match "--cpu: no such processor" "$("$stackd" --tap tap0 --cpu 1023 2>&1)" '^stackd: --cpu 1023: no such processor'
t_eq "--cpu concerns us, not the command" "$("$stackd" --netns --cpu "$last" --control "$control" -- sh -c 'taskset -cp $$' 2>/dev/null | sed 's/.*: //')" "$(taskset -cp $$ | sed 's/.*: //')"
finish
