#!/usr/bin/env bash
# test_stackctl.sh - every object of stackctl against a running stackd.
. "$(dirname "$0")/lib.sh"
need jq ping nc
start --backlog 7 --syn-pool 99 --syn-policy evict --offload off # short segments: many events
ping -n -q -c 1 10.0.0.2 >/dev/null

t_match "sock: listeners" "$(ctl sock state listen)" 'LISTEN +0 +7 .*\*?:?80'
t_match "sock: UDP" "$(ctl sock udp)" '^udp +BOUND'
t_eq "sock -j is JSON" "$(ctl -j sock | jq -r 'has("tcp") and has("udp")')" true
coproc NC { nc 10.0.0.2 7; }
nc_pid=$NC_PID
echo x >&"${NC[1]}"
read -r -t 5 _ <&"${NC[0]}"
line=$(ctl so state established sport 7)
t_match "sock: an established connection (abbreviated object)" "$line" 'ESTABLISHED .*10\.0\.0\.2:7 +10\.0\.0\.1:'
t_match "sock: its inner life" "$line" 'rto:[0-9.]+ .*cwnd:[0-9]+ .*bytes_sent:2 '
kill "$nc_pid" 2>/dev/null
wait "$nc_pid" 2>/dev/null

colored=$(ctl --color=always listen | head -n 1)
t_match "colour begins, and ends" "$colored" $'^\033\\[1m.*\033\\[0m$'
t_eq "no colour in a pipe" "$(ctl listen | grep -c $'\033')" 0
t_match "listen: queues against limits" "$(ctl listen)" '0/7 '
t_match "listen: the pool and its policy" "$(ctl listen)" 'half-open pool: [0-9]+/99 policy evict'
t_match "neigh: the kernel's end" "$(ctl neigh)" '^10\.0\.0\.1 dev tap0 lladdr .*REACHABLE'
t "neigh add" ctl neigh add 10.0.0.50 lladdr 02:00:00:00:00:50
t_match "neigh add: it is there" "$(ctl neigh)" '10\.0\.0\.50 dev tap0 lladdr 02:00:00:00:00:50'
t "neigh del" ctl neigh del 10.0.0.50
t_eq "neigh del: it has gone" "$(ctl neigh | grep -c 10.0.0.50)" 0
t_match "route: the subnet" "$(ctl route)" '^10\.0\.0\.0/24 dev tap0 scope link'
t "route add" ctl route add 192.168.0.0/16 via 10.0.0.1
t_match "route add: it is there" "$(ctl route)" '^192\.168\.0\.0/16 via 10\.0\.0\.1'
t "route del" ctl route del 192.168.0.0/16
t_eq "route del: it has gone" "$(ctl route | grep -c 192.168)" 0
t_match "link" "$(ctl link)" 'tap0: tap .*mtu 1500'
t_match "stats: not zero only" "$(ctl stats icmp4)" '^icmp4\.rx +1$'
t "stats -v: every drop reason with its sentence" sh -c "[ \$('$stackctl' --control '$control' -v stats drop | wc -l) -gt 60 ]"
t_eq "stats -j agrees with link -j" "$(ctl -j stats port.rx_frames | jq '.counters[0].value >= 1')" true

t "fault set" ctl fault loss 5 rx:delay 20
t_match "fault show" "$(ctl fault)" '^rx: drop 5% delay 20ms$'
t_match "fault show, other direction" "$(ctl fault)" '^tx: drop 5%$'
t "fault off" ctl fault off
t_match "fault off: none" "$(ctl fault)" '^rx: none$'
t "fault drop-chance 100" ctl fault rx:drop-chance 100
t "everything is lost" sh -c '! ping -n -q -c 1 -W 1 10.0.0.2'
ctl fault off

mkfifo "$tmp/trace"
exec {trace_fd}<>"$tmp/trace"
background "$stackctl" --control "$control" -j trace tcp_state >"$tmp/trace"
line=""
for _ in 1 2 3 4 5 6 7 8 9 10; do # until it follows: the first connections may be too early for it
    timeout 5 nc -z 10.0.0.2 7
    read -r -t 1 line <&"$trace_fd" && break
done
t_match "trace: arrows, in JSON" "$line" '"kind":"tcp_state".*"to":"[A-Z_0-9]+"'

# A reader that does not read: the stack goes on, events are lost, and the loss is told.
mkfifo "$tmp/slow"
exec {slow_fd}<>"$tmp/slow"
background "$stackctl" --control "$control" -j trace >"$tmp/slow"
for _ in 1 2 3 4 5 6 7 8 9 10; do
    timeout 5 nc -z 10.0.0.2 7
    read -r -t 1 line <&"$slow_fd" && break
done
t_eq "a slow reader of the trace does not hold up a transfer" \
    "$(head -c 30000000 /dev/zero | timeout 30 nc -N 10.0.0.2 7 | wc -c)" 30000000
timeout 5 nc -z 10.0.0.2 7 & # an event to tell the loss with, once there is room
t_match "and is told how many events it lost" "$(timeout 20 grep -m 1 '"lost"' <&"$slow_fd")" '^\{"lost":[0-9]+\}$'
exec {trace_fd}<&- {slow_fd}<&-

# The protocol itself: garbage is answered, not obeyed; too many clients are sent away.
t_match "garbage is refused" "$(echo 'hello' | timeout 5 nc -N -U "$control")" '"ok":false'
t_match "an unknown command is refused" "$(echo '{"cmd":"rm"}' | timeout 5 nc -N -U "$control")" '"ok":false'
t_match "a line without end is refused" "$(head -c 131072 /dev/zero | tr '\0' x | timeout 5 nc -N -U "$control")" '"ok":false'
t_match "an array is refused" "$(echo '[1]' | timeout 5 nc -N -U "$control")" '"ok":false'
t_match "a key given twice is refused" "$(echo '{"cmd":"link","cmd":"sock"}' | timeout 5 nc -N -U "$control")" '"ok":false'
t_match "text that is not UTF-8 is refused" "$(printf '{"cmd":"\377"}\n' | timeout 5 nc -N -U "$control")" '"ok":false'
t_match "a deep nest is refused" "$(printf '%0.s[' {1..5000} | { cat; echo; } | timeout 5 nc -N -U "$control")" '"ok":false'
t_eq "two requests in one write give two answers" \
    "$(printf '{"cmd":"link"}\n{"cmd":"route"}\n' | timeout 5 nc -N -U "$control" | grep -c '"ok":true')" 2
# A client that closes its sending half has nothing more to ask, and waits for what it asked.
syn='"proto":"tcp","src":"10.0.0.1:1","dst":"10.0.0.2:80","flags":"S"'
t_eq "probe is answered, and what was asked behind it, in this order" \
    "$(printf '{"cmd":"probe",%s}\n{"cmd":"link"}\n' "$syn" | timeout 10 nc -N -U "$control" | jq -c 'del(.ok) | keys')" \
    $'["lines"]\n["link"]'
t_eq "ping is answered" "$(echo '{"cmd":"ping","host":"10.0.0.1","count":2,"interval_ms":10}' | timeout 10 nc -N -U "$control" | jq -c .done | tail -n 1)" true
t_eq "a trace ends" "$(echo '{"cmd":"trace","kinds":["tcp_state"],"format":"json"}' | timeout 10 nc -N -U "$control"; echo $?)" $'{"ok":true}\n0'
echo '{"cmd":"pcap","op":"start","file":"-"}' | timeout 10 nc -N -U "$control" | tail -n +2 >"$tmp/half.pcapng"
t_eq "so does a capture, with its statistics" "$(last_block "$tmp/half.pcapng")" 5
t_eq "a request without its newline is not obeyed" "$(printf '{"cmd":"link"}' | timeout 5 nc -N -U "$control")" ""

# 16 clients are served; the next one is told so, and when one leaves there is room again.
crowd=()
for i in {1..20}; do
    exec {hold}<> <(:) # a pipe of its own: nc waits on it
    nc -U "$control" <&"$hold" >"$tmp/crowd.$i" &
    crowd+=($!)
    exec {hold}<&-
done
crowded() { "$stackctl" --control "$control" link 2>&1 | grep -q 'as many clients as it takes'; }
until_true() { # until_true SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@"; do [ $SECONDS -lt $end ] || return 1; done
}
t "the 17th client is told that there are too many" until_true 5 crowded
kill "${crowd[@]}" 2>/dev/null
wait "${crowd[@]}" 2>/dev/null
t "and is served when others have gone" until_true 5 ctl link
t "stackd still answers" ctl link
stop
t_eq "SIGTERM: status 0" "$status" 0
finish
