#!/usr/bin/env bash
# test_sockview.sh - `sock', `listen' and `trace' in full: every fact, filters, --watch.
. "$(dirname "$0")/lib.sh"
need jq nc script
start --backlog 7
coproc NC { nc 10.0.0.2 7; }
nc_pid=$NC_PID
pids+=("$nc_pid")
printf '%01000d\n' 7 >&"${NC[1]}"
read -r -t 5 _ <&"${NC[0]}"

# The kernel may keep its ACK of the echo for a moment, and the rate is known with it: of a thousand bytes, as the
# less there is the nearer to nothing it gets.
deadline=$((SECONDS + 5))
until line=$(ctl sock state established) && [[ $line = *delivery_rate* ]] || [ $SECONDS -gt $deadline ]; do :; done
t_match "sock: who in the process has it" "$line" 'ESTABLISHED .* app:echo'
t_match "sock: its memory" "$line" ' mem:\(r0,rm[0-9]+,rb[0-9]+,t0,tl0,tm[0-9]+,tb[0-9]+,k[0-9]+\)'
t_match "sock: ages and sizes" "$line" ' ato:40 .*mss:[0-9]+ pmtu:1500 rcvmss:[0-9]+ advmss:[0-9]+ .*lastsnd:[0-9]+ lastrcv:[0-9]+'
t_match "sock: the delivery rate, as ss" "$line" ' delivery_rate:[0-9]+bps( app_limited)?'
# Every word of the text is a member of the JSON.
t_eq "sock -j has them all" "$(ctl -j sock state established | jq -r '.tcp[0] |
    [has("timers","cc_state","notsent","snd_copied","snd_lent","snd_mem","rcv_mem","mem","service","packed","bytes_retrans",
     "dup_in","reo_window","ooo_ranges","app_limited","lastsnd_ms","lastrcv_ms","ato_ms","advmss","ecn","ecnseen","probes",
     "snd_una","snd_nxt","rcv_nxt","nodelay","pacing_rate","delivery_rate","delivery_rate_app_limited","delivered_segs")] | all')" true

rows() { ctl sock "$@" | grep -c '^tcp.*ESTAB'; }
port=$(ctl -j sock state established | jq .tcp[0].rport)
t_eq "filter: dport" "$(rows dport "$port") $(rows dport = :$((port ^ 1)))" "1 0"
t_eq "filter: src with a port" "$(rows src 10.0.0.2:7) $(rows src 10.0.0.2:8)" "1 0"
t_eq "filter: dst with a prefix" "$(rows dst 10.0.0.0/24) $(rows dst 10.0.1.0/24)" "1 0"
t_eq "filter: groups of states" "$(rows state connected) $(rows state synchronized) $(rows state bucket)" "1 1 0"
t_eq "filter: exclude" "$(rows exclude established) $(rows exclude listen)" "0 1"
t_match "filter: nonsense is told" "$(ctl sock src 10.0.0.2.1 2>&1)" '^stackctl: no such filter'

t_match "listen: gauges of pools" "$(ctl listen)" '^connections +\[#-+\] +1 +1 +[0-9]+ +0  full connection blocks'
t_match "listen: gauges of queues" "$(ctl listen)" '^\*:7 +\[-+\] 0/7 .* app:echo'
t_eq "listen -j: pools with peaks" "$(ctl -j listen | jq '[.pools[] | has("len","max","peak","full")] | all')" true

t_eq "--watch in a pipe: one table after another" \
    "$(timeout -s INT 5 "$stackctl" --control "$control" sock --watch 0.1 state listen sport 7 | head -n 8 | grep -c LISTEN)" 3
t_eq "--watch -j: one object a line" \
    "$(timeout -s INT 5 "$stackctl" --control "$control" -j sock --watch 0.1 tcp sport 7 | head -n 3 | jq -c 'has("tcp")' | uniq -c | tr -s ' ')" " 3 true"
# On a terminal: another screen, no cursor; both are given back at ^C, and no line is longer than it.
mkfifo "$tmp/keys"
: >"$tmp/screen"
timeout 60 script -qfec "stty rows 10 cols 40; exec '$stackctl' --control '$control' listen --watch 0.2" "$tmp/screen" >/dev/null <"$tmp/keys" &
watcher=$!
pids+=("$watcher")
exec {key_fd}>"$tmp/keys"
deadline=$((SECONDS + 60))
until grep -aq 'Accept' "$tmp/screen" || [ $SECONDS -gt $deadline ]; do :; done
printf '\003' >&"$key_fd"
wait "$watcher"
exec {key_fd}>&-
t_match "--watch on a terminal: a screen of its own" "$(head -c 300 "$tmp/screen" | tr -d '\n')" $'\033\\[\\?1049h\033\\[\\?25l\033\\[H'
t_match "--watch: it is given back" "$(tail -c 200 "$tmp/screen" | tr -d '\n')" $'\033\\[\\?25h\033\\[\\?1049l'
t_eq "--watch: nothing is wider than the terminal" \
    "$(sed $'s/\033\\[[0-9;?]*[a-zA-Z]//g' "$tmp/screen" | tr -d '\r' | grep -v '^Script' | awk 'length > 40' | wc -l)" 0

# trace with conditions: three connections to 80 for one to 9, and only the latter is told of.
"$stackctl" --control "$control" -j trace --follow -c 2 kind=tcp_state conn=:9 to=ESTABLISHED >"$tmp/events" &
follower=$!
pids+=("$follower")
deadline=$((SECONDS + 30))
until [ "$(wc -l <"$tmp/events")" = 2 ] || [ $SECONDS -gt $deadline ]; do
    timeout 5 nc -z 10.0.0.2 80
    timeout 5 nc -z 10.0.0.2 9
done
wait "$follower"
t_eq "trace -c ends by itself" $? 0
t_eq "trace conn= to=: only what was asked for" \
    "$(jq -r '[.kind, .to, (.conn | split("-")[0])] | join(" ")' "$tmp/events" | uniq -c | tr -s ' ')" " 2 tcp_state ESTABLISHED 10.0.0.2:9"
t_match "trace: a field no kind has" "$(ctl trace kind=drop colour=red 2>&1)" 'no event of these kinds has a field colour'
t_match "trace: a connection nobody can have" "$(ctl trace conn=x 2>&1)" '^stackctl: conn=x: try 10'
t_match "trace: a kind that is none" "$(ctl trace kind=nonsense 2>&1)" 'there is no kind of event nonsense'

exec {NC[1]}>&-
kill "$nc_pid" 2>/dev/null
wait "$nc_pid" 2>/dev/null
stop
t_eq "SIGTERM: status 0" "$status" 0
finish
