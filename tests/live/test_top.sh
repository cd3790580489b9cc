#!/usr/bin/env bash
# test_top.sh - `top' on a terminal of tmux: what it shows, its keys, another size, and what it leaves behind.
. "$(dirname "$0")/lib.sh"
need jq nc tmux
ctl top 2>&1 | grep -q 'left out when this was built' && skip "top was built without curses"
start
coproc NC { nc 10.0.0.2 7; }
nc_pid=$NC_PID
pids+=("$nc_pid")
echo hello >&"${NC[1]}"
read -r -t 5 _ <&"${NC[0]}"
timeout 5 nc -z 10.0.0.2 81 # a drop

mux() { tmux -S "$tmp/tmux" "$@"; }
screen() { mux capture-pane -p -t top; }
shows() { screen | grep -qE -- "$1"; }
gone() { ! shows "$1"; }
until_true() { # until_true SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@"; do [ $SECONDS -lt $end ] || return 1; done
}
keys() { mux send-keys -t top "$@"; }

mux -f /dev/null new-session -d -s top -x 140 -y 24 "TERM=screen '$stackctl' --control '$control' top 0.2; echo status \$?; cat"
pids+=("$(mux display-message -p '#{pid}')")
t "the link" until_true 30 shows '^stackd tap0 10\.0\.0\.2 +[0-9:]{8} +in .*bit/s .* out .*bit/s'
t "the states of all connections" until_true 20 shows '^States  LISTEN 6 +ESTABLISHED 1'
t "queues and pools" until_true 20 shows '^Queues +accept \[-{8}\] 0/[0-9]+ +connections \[#-+\] 1/'
t "drops" until_true 20 shows '^Drops +.*tcp closed [0-9]+'
t "the connections" until_true 20 shows '^10\.0\.0\.2:7 +10\.0\.0\.1:[0-9]+ +ESTABLISHED +0 +0 .* echo'
t "how it is sorted" until_true 20 shows '^1 connections by rate, every 0\.2 s, h: help'
keys t
t "key t: by round trip" until_true 20 shows '^1 connections by rtt,'
keys R
t "key R: the other way round" until_true 20 shows ' by rtt reversed,'
keys ' '
t "space: paused" until_true 20 shows ' paused( |$)'
keys ' '
t "space: and on" until_true 20 gone ' paused( |$)'
keys h
t "key h: help" until_true 20 shows 'r  sort by rate +q, \^C  quit'
keys h
t "key h: and back" until_true 20 shows '^10\.0\.0\.2:7 '
# A rate: bytes that flow while it looks.
head -c 3000000 /dev/zero | timeout 20 nc -N 10.0.0.2 9
t "the link's counters move" until_true 20 shows '^stackd tap0'
mux resize-window -t top -x 60 -y 12
t "another size: the last line stands at the bottom" until_true 20 eval 'screen | sed -n 12p | grep -q "connections by rtt"'
t_eq "another size: nothing beyond it" "$(screen | awk 'length > 60' | wc -l)" 0
keys q
t "key q: status 0, and the screen is given back" until_true 20 shows '^status 0'
mux kill-session -t top
t_match "no terminal: told" "$(ctl top 2>&1 </dev/null)" '^stackctl: top needs a terminal: try stackctl sock --watch'
t_match "no number: told" "$(ctl top now 2>&1)" '^stackctl: now is no number of seconds'

# stackd ends while somebody looks.
mux -f /dev/null new-session -d -s top -x 100 -y 24 "TERM=screen '$stackctl' --control '$control' top 0.2; echo status \$?; cat"
pids+=("$(mux display-message -p '#{pid}')")
t "once more" until_true 30 shows '^stackd tap0'
exec {NC[1]}>&-
kill "$nc_pid" 2>/dev/null
wait "$nc_pid" 2>/dev/null
stop
t_eq "SIGTERM: status 0" "$status" 0
t "stackd has gone: top says so, and ends" until_true 30 shows '^status 2'
mux kill-server 2>/dev/null
finish
