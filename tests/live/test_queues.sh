#!/usr/bin/env bash
# test_queues.sh - --queues: several queues of one TAP, a thread and a host each, and to the outside one host. Where
# the connections are, that every bit arrives, that what concerns all is heard by all and what came to the wrong
# queue finds its connection, that commands speak of all, that captures are in order, and the end.
. "$(dirname "$0")/lib.sh"
need curl ip jq nc ping sha256sum tcpdump
peer=$build/tests/live/peer
[ -x "$peer" ] || skip "$peer is not built"
ip tuntap add tapq mode tap multi_queue 2>/dev/null || skip "this kernel gives a TAP one queue only"
ip link del tapq
{ echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6; } 2>/dev/null # the kernel's end is to be silent
mkdir "$tmp/root"
head -c 20000000 /dev/urandom >"$tmp/root/f"
want=$(sha256sum <"$tmp/root/f")

threads() { grep -lx 'stackd/[0-9]*' "/proc/$stackd_pid/task"/*/comm | cut -d/ -f5; } # of all queues but the first
count() { ctl -j stats "$1" | jq "[.counters[] | select(.name == \"$1\").value][0] // 0"; }
drops() { ctl -j stats drop | jq "[.drops[] | select(.layer == \"$1\" and .reason == \"$2\").value][0] // 0"; }
each() { ctl -j sock | jq -c '[[.tcp[] | select(.state == "ESTABLISHED")] | group_by(.queue)[] | length]'; } # connections of each queue
used() { ctl -j sock | jq '[.tcp[] | select(.state == "ESTABLISHED").queue] | unique | length'; }
# until SECONDS COMMAND...: it succeeds before they are over
until_true() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do [ $SECONDS -lt $deadline ] || return 1; done
}
# hold COUNT: so many connections to echo, until `release`
hold() {
    mkfifo "$tmp/go"
    "$peer" hold 10.0.0.2 7 "$1" <"$tmp/go" >"$tmp/hold.out" 2>&1 &
    holder=$!
    pids+=($holder)
    exec {go}>"$tmp/go"
    until_true 20 grep -q "^open $1" "$tmp/hold.out"
}
release() {
    echo >&"$go"
    exec {go}>&-
    rm "$tmp/go"
    wait "$holder"
}

for how in "2 on auto 0" "2 off read 50" "4 on uring 50" "4 off auto 0"; do
    read -r queues offload io busy_poll <<<"$how"
    what="$queues queues, offload $offload, io $io, busy-poll $busy_poll"
    if [ "$io" = uring ] && ! "$stackd" --netns --io uring --control "$control" -- true 2>/dev/null; then
        io=auto
    fi
    start --queues "$queues" --offload "$offload" --io "$io" --busy-poll "$busy_poll" --http-root "$tmp/root"
    t_eq "$what: a thread each" "$(threads | wc -l)" $((queues - 1))
    t "$what: ping" ping -n -q -c 3 -i 0.01 -W 2 10.0.0.2
    t "$what: ping with fragments" ping -n -q -c 3 -i 0.01 -W 2 -s 5000 10.0.0.2
    t "$what: 100 connections are there" hold 100
    t_eq "$what: they are on all queues $(each)" "$(used)" "$queues"
    t_eq "$what: and sock shows each once" "$(ctl -j sock | jq '[.tcp[] | select(.state == "ESTABLISHED").rport] | length == 100 and (unique | length) == 100')" true
    t_eq "$what: with its queue" "$(ctl sock state established | grep -c 'app:echo queue:[0-3]')" 100
    for q in 0 1; do
        port=$(ctl -j sock state established | jq "[.tcp[] | select(.queue == $q).rport][0]")
        t_match "$what: explain one of queue $q" "$(ctl explain ":$port")" "^10\.0\.0\.2:7-10\.0\.0\.1:$port ESTABLISHED"
        t_match "$what: probe it" "$(ctl probe tcp "10.0.0.1:$port" 10.0.0.2:7 --flags R)" '^state +ESTABLISHED -> CLOSED$'
    done
    t_match "$what: probe what nobody has" "$(ctl probe tcp 10.0.0.1:999 10.0.0.2:4444 --flags S)" '^sent +10\.0\.0\.2:4444 > 10\.0\.0\.1:999 \[R\.\]'
    t_eq "$what: stats add up" "$(count tcp.opened_passive)" 100
    t_eq "$what: listen too" "$(ctl -j listen | jq '[.listeners[] | select(.lport == 7)] | length == 1 and .[0].accepted == 100')" true
    t_eq "$what: and its pools" "$(ctl -j listen | jq '([.pools[].name] | length > 5 and length == (unique | length)) and ([.pools[] | select(.name == "half_open").max] == [1024])')" true
    t_eq "$what: link has all frames" "$(ctl -j link | jq '.link | length == 1 and .[0].rx_frames >= 300')" true
    t_match "$what: and says how many queues" "$(ctl link)" " queues $queues$"
    t_eq "$what: neigh shows a neighbour once" "$(ctl -j neigh | jq '[.neigh[] | select(.ip == "10.0.0.1")] | length')" 1
    t "$what: a neighbour is added" ctl neigh add 10.0.0.77 lladdr 02:00:00:00:00:77
    t_eq "$what: and is there" "$(ctl -j neigh | jq -r '[.neigh[] | select(.ip == "10.0.0.77").mac] | join(" ")')" 02:00:00:00:00:77
    t "$what: and deleted" ctl neigh del 10.0.0.77
    t_eq "$what: and is gone from all" "$(ctl -j neigh | jq '[.neigh[] | select(.ip == "10.0.0.77")] | length')" 0
    t "$what: they end" release
    for i in 1 2 3 4; do
        timeout 60 "$peer" transfer 10.0.0.2 7 5000000 $i &
        busy[i]=$!
        curl -s --max-time 60 http://10.0.0.2/f | sha256sum >"$tmp/sum.$i" &
        busy[i + 4]=$!
    done
    for i in 1 2 3 4; do
        t "$what: 5 MB into the stack and back, $i" wait "${busy[i]}"
        wait "${busy[i + 4]}"
        t_eq "$what: 20 MB from the web server, $i" "$(cat "$tmp/sum.$i")" "$want"
    done
    t "$what: 300 connections, one after another" "$peer" connect 10.0.0.2 7 300 half
    t "$what: 300 that the other end resets" "$peer" connect 10.0.0.2 7 300 reset
    ctl pcap start "$tmp/refused.pcapng" "src host 10.0.0.2 and tcp src port 4444"
    t "$what: nobody listens: refused" "$peer" connect 10.0.0.2 4444 20 refused
    t_eq "$what: one reset each" "$(ctl -j pcap | jq '.pcap[0].frames')" 20
    ctl pcap stop
    t_eq "$what: nothing was lost on the way to another queue" "$(drops eth queue-full)" 0
    stop
    t_eq "$what: SIGTERM: status 0" "$status" 0
    t "$what: the TAP is gone with us" sh -c '! ip link show tap0'
done

# What only the first queue has: a listener of `stackctl nc`, and the connections that it opens. The kernel sends a
# new flow to the queue that its hash says, and an old one, too, after three seconds without a word from us.
start --queues 4 --service echo
got=0
for i in 1 2 3 4 5 6 7 8; do
    ctl nc -l 5000 >"$tmp/got" </dev/null &
    until_true 5 sh -c "'$stackctl' --control '$control' -j listen | grep -q '\"lport\": *5000'"
    timeout 5 nc -N 10.0.0.2 5000 <<<"line $i"
    wait $!
    [ "$(cat "$tmp/got")" = "line $i" ] && got=$((got + 1))
done
t_eq "a listener that only one queue has: 8 connections" "$got" 8
t "some came to another queue" test "$(count port.handed_over)" -ge 1
mkfifo "$tmp/in"
exec {in}<>"$tmp/in" # says nothing, and does not end
servers=()
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
    mkfifo "$tmp/say.$i"
    exec {fd}<>"$tmp/say.$i"
    say[i]=$fd
    nc -l 10.0.0.1 $((6000 + i)) <&"$fd" >/dev/null 2>&1 &
    servers+=($!)
    listening $((6000 + i))
    "$stackctl" --control "$control" nc 10.0.0.1 $((6000 + i)) >"$tmp/said.$i" <&"$in" &
    servers+=($!)
done
pids+=("${servers[@]}")
ours() { [ "$(ctl -j sock | jq -c '[.tcp[] | select(.state == "ESTABLISHED").queue]')" = "[0,0,0,0,0,0,0,0,0,0,0,0]" ]; }
t "12 connections that we open are the first queue's" until_true 10 ours
before=$(count port.handed_over) resets=$(count tcp.rsts_out)
read -r -t 5 _ <&"$in" # until the kernel has forgotten them
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "word $i" >&"${say[i]}"; done
heard() { for i in 1 2 3 4 5 6 7 8 9 10 11 12; do grep -q "^word $i$" "$tmp/said.$i" || return 1; done; }
t "5 s later their peers are heard" until_true 10 heard
t "some through another queue" test "$(count port.handed_over)" -gt "$before"
t_eq "no reset" "$(count tcp.rsts_out)" "$resets"
kill "${servers[@]}" 2>/dev/null
wait "${servers[@]}" 2>/dev/null
t "ping through the stack" ctl ping -c 3 -i 0.01 10.0.0.1
t "and with fragments" ctl ping -c 1 -s 5000 10.0.0.1
stop
t_eq "SIGTERM: status 0" "$status" 0

# A Fast Open cookie is good on all queues, whichever gave it.
if [ -w /proc/sys/net/ipv4/tcp_fastopen ] && curl --help all 2>/dev/null | grep -q tcp-fastopen; then
    sysctl -q net.ipv4.tcp_fastopen=1
    start --queues 4 --fastopen
    for i in 1 2 3 4 5 6 7 8 9 10; do curl -s --max-time 5 --tcp-fastopen -o /dev/null http://10.0.0.2/; done
    t_eq "one Fast Open cookie opens 9 connections" "$(count tcp.fo_offers) $(count tcp.fo_accepted) $(count tcp.fo_bad_cookies)" "1 9 0"
    stop
fi

# A narrow link behind the kernel: its reports come to one queue.
narrow_link
start --queues 4 --service chargen --service echo
loads=()
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
    in_far timeout 20 nc 10.0.0.2 19 </dev/null 2>/dev/null | head -c 300000 | wc -c >"$tmp/far.$i" &
    loads+=($!)
done
wait "${loads[@]}"
t_eq "300 kB arrive behind a narrow link, 12 times" "$(cat "$tmp"/far.* | sort | uniq -c | xargs)" "12 300000"
t_match "route show cache: the path stands there once" "$(ctl route show cache | grep -c '^10\.9\.0\.2 ')" '^1$'
t "route flush cache" ctl route flush cache
t_eq "is for all" "$(ctl route show cache)" ""
stop
kill "$far"

# The kernel's end gets another MAC address, and says so to one queue.
start --queues 4
t "100 connections before" "$peer" honest 10.0.0.2 7 100
old=$(ip -j link show tap0 | jq -r '.[0].address')
sysctl -q net.ipv4.conf.tap0.arp_notify=1
ip link set tap0 address 02:00:00:00:aa:01
t "ping afterwards" ping -n -q -c 1 -W 5 10.0.0.2
t "a capture of what still goes to the old one" ctl pcap start "$tmp/old.pcapng" "ether dst $old"
to_old() { ctl -j pcap | jq '.pcap[0].frames'; }
nothing_to_old() { local n=$(to_old); "$peer" honest 10.0.0.2 7 100 && [ "$(to_old)" = "$n" ]; }
t "another MAC address: heard by all queues" until_true 10 nothing_to_old
t "pcap stop" ctl pcap stop
# The bad wire, the trace.
t "fault: all is lost" ctl fault drop 100
tries=()
for i in 1 2 3 4 5 6 7 8; do
    timeout 1 nc -z 10.0.0.2 7 &
    tries+=($!)
done
reached=0
for try in "${tries[@]}"; do wait "$try" && reached=$((reached + 1)); done
t_eq "on all queues" "$reached" 0
t "fault off" ctl fault off
t_match "a rate is refused" "$(ctl fault rate 10M 2>&1)" '^stackctl: a rate is of one wire'
timeout 20 "$stackctl" --control "$control" -j trace tcp_state >"$tmp/states" 2>/dev/null &
tracer=$!
pids+=($tracer)
until_true 5 sh -c "'$peer' connect 10.0.0.2 7 1 close && grep -q ESTABLISHED '$tmp/states'"
before=$(grep -c '"to":"ESTABLISHED"' "$tmp/states")
t "40 connections" "$peer" connect 10.0.0.2 7 40 close
traced() { [ $(($(grep -c '"to":"ESTABLISHED"' "$tmp/states") - before)) -eq 40 ]; }
t "trace follows all queues" until_true 5 traced
kill $tracer
t "hold 50" hold 50
stop # with connections on all queues
t_eq "SIGTERM: status 0" "$status" 0
t "they were closed" release

# One capture, one trace: in the order of time, and with the same numbers.
start --queues 4 --pcap "$tmp/all.pcapng" --trace "$tmp/all.jsonl"
t "captured: 5 MB and back" timeout 60 "$peer" transfer 10.0.0.2 7 5000000 1
t "captured: 60 connections" "$peer" connect 10.0.0.2 7 60 half
t "captured: 100 at once" "$peer" honest 10.0.0.2 7 100
stop
t_eq "SIGTERM: status 0" "$status" 0
tcpdump -n -tt -r "$tmp/all.pcapng" 2>/dev/null >"$tmp/all.txt"
t "the capture is in order" sort -s -c -n -k1,1 "$tmp/all.txt"
t "the trace is in order" sh -c "jq -c .t '$tmp/all.jsonl' | sort -s -c -n"
t_eq "every SYN is in it" "$(grep -c 'Flags \[S\],' "$tmp/all.txt")" 161
# Frame N of the trace is packet N of the capture: both SYNs of each connection, by port.
jq -r 'select(.kind == "seg" and .flags == "S") | "\(.frame) \(.conn | sub(".*:"; ""))"' "$tmp/all.jsonl" | sort >"$tmp/by-trace"
awk '/Flags \[S\],/ { sub(/.*\./, "", $3); print NR, $3 }' "$tmp/all.txt" | sort >"$tmp/by-capture"
t "frames have the same numbers in both" cmp "$tmp/by-trace" "$tmp/by-capture"
if command -v tshark >/dev/null; then
    t_eq "and their comments" "$(tshark -r "$tmp/all.pcapng" -Y 'frame.comment contains "LISTEN -> SYN_RCVD" && tcp.flags.syn == 1' 2>/dev/null | wc -l)" 161
fi

# Which TAPs have several queues.
ip tuntap add tap8 mode tap
out=$(timeout 5 "$stackd" --tap tap8 --queues 2 --control "$control" 2>&1 </dev/null)
t_eq "a TAP with one queue: status" "$?" 2
t_match "a TAP with one queue: why" "$out" '^stackd: tap8 is there and has one queue only: .*multi_queue'
ip tuntap add tap9 mode tap multi_queue
out=$(timeout 5 "$stackd" --tap tap9 --control "$control" 2>&1 </dev/null)
t_eq "a TAP with several, without --queues: status" "$?" 2
t_match "why" "$out" '^stackd: tap9 is there and not a TAP with one queue: .*--queues'
"$stackd" --tap tap9 --queues 3 --ip 10.9.9.2/24 --control "$control" 2>"$tmp/stackd.err" </dev/null &
stackd_pid=$!
t "a TAP that was there" until_true 10 grep -q "^stackd: ready: tap9" "$tmp/stackd.err"
t "ping" ping -n -q -c 1 -W 2 10.9.9.2
out=$(timeout 5 "$stackd" --tap tap9 --queues 2 --ip 10.9.9.3/24 --control "$tmp/other.sock" 2>&1 </dev/null)
t_eq "a second stackd on it: status" "$?" 2
t_match "why" "$out" '^stackd: tap9 is in use by another process'
stop
t_eq "SIGTERM: status 0" "$status" 0
t "the TAP stays" ip link show tap9
start --queues 3
t "the interface is removed: stackd ends" ip link del tap0
wait "$stackd_pid"
t_eq "with status 2" "$?" 2
stackd_pid=""
t_eq "and says so once" "$(grep -c 'the interface is gone' "$tmp/stackd.err")" 1

# Where the threads run.
mapfile -t cpus < <(taskset -cp $$ | sed 's/.*: //' | tr , '\n' | awk -F- '{ for (i = $1; i <= ($2 == "" ? $1 : $2); i++) print i }')
if [ ${#cpus[@]} -ge 2 ]; then
    start --queues 2 --cpu "${cpus[1]},${cpus[0]}"
    t_eq "--cpu: the first queue" "$(taskset -cp "$stackd_pid" | sed 's/.*: //')" "${cpus[1]}"
    other=$(threads)
    t_eq "--cpu: the second" "$(taskset -cp "$other" | sed 's/.*: //')" "${cpus[0]}"
    t_eq "a thread has no capabilities, either" "$(awk '/^Cap(Eff|Prm)|^NoNewPrivs/ { print $2 }' "/proc/$stackd_pid/task/$other/status" | xargs)" "0000000000000000 0000000000000000 1"
    stop
fi
finish
