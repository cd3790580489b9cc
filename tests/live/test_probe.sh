#!/usr/bin/env bash
# test_probe.sh - `probe': a segment is walked through a running host, which does not notice.
. "$(dirname "$0")/lib.sh"
need jq nc
start
coproc NC { nc 10.0.0.2 7; }
nc_pid=$NC_PID
pids+=("$nc_pid")
echo x >&"${NC[1]}"
read -r -t 5 _ <&"${NC[0]}"
port=$(ctl -j sock state established | jq .tcp[0].rport)

out=$(ctl probe tcp 10.0.0.1:4444 10.0.0.2:80 --flags S --opt mss=1460)
t_match "a SYN to a listener: the layers below" "$out" '^ip4 +[0-9]+ reasons to refuse it do not hold: passed$'
t_match "a SYN to a listener: the steps" "$out" '^tcp +LISTEN: third, check for a SYN: .*: done$'
t_match "a SYN to a listener: what would be sent" "$out" '^sent +10\.0\.0\.2:80 > 10\.0\.0\.1:4444 \[S\.\] seq [0-9]+ ack 1 win [0-9]+ len 0 mss 1460$'
t_match "a SYN to a listener: which state would follow" "$out" '^state +LISTEN -> SYN_RCVD$'
t_eq "and nothing of it has happened" "$(ctl -j sock state syn-rcvd | jq '.tcp | length')" 0
t_eq "no counter knows of it" "$(ctl stats tcp.syns | awk '{ print $2 }')" 1

numbers() { ctl -j sock state established | jq -c '.tcp[0] | [.snd_una, .snd_nxt, .rcv_nxt, .segs_in, .segs_out, .recv_q]'; }
before=$(numbers)
out=$(ctl probe tcp "10.0.0.1:$port" 10.0.0.2:7 --flags PA --len 100)
t_match "data on a connection: the sequence number" "$out" 'first, check sequence number: RCV\.NXT 3 =< SEG\.SEQ 3 < RCV\.NXT\+RCV\.WND [0-9]+, .*: acceptable$'
t_match "data on a connection: what would be different" "$out" '^ +RCV\.NXT: 3 -> 103$'
t_match "a blind reset" "$(ctl probe tcp "10.0.0.1:$port" 10.0.0.2:7 --flags R --seq +100)" '^verdict +refused: tcp rst-challenged: '
t_match "a reset that counts" "$(ctl probe tcp "10.0.0.1:$port" 10.0.0.2:7 --flags R)" '^state +ESTABLISHED -> CLOSED$'
t_match "a wrong checksum" "$(ctl probe tcp "10.0.0.1:$port" 10.0.0.2:7 --bad-sum)" '^verdict +refused: tcp bad-checksum: the checksum is wrong$'
t_match "FIN" "$(ctl probe tcp "10.0.0.1:$port" 10.0.0.2:7 --flags FA)" '^state +ESTABLISHED -> CLOSE_WAIT$'
t_eq "the connection is as it was" "$(numbers)" "$before"
echo y >&"${NC[1]}"
read -r -t 5 line <&"${NC[0]}"
t_eq "and lives" "$line" y
t_match "UDP to nobody" "$(ctl probe udp 10.0.0.1:5000 10.0.0.2:5000 --len 9)" '^sent +10\.0\.0\.2 > 10\.0\.0\.1 ICMP type 3 code 3$'
t_match "ICMP" "$(ctl probe icmp 10.0.0.1 10.0.0.2)" '^sent +10\.0\.0\.2 > 10\.0\.0\.1 ICMP type 0 code 0$'
t_eq "-j: the same, in order" "$(ctl -j probe tcp 10.0.0.1:4444 10.0.0.2:80 --flags S | jq -r '[.lines[].what] | index("segment") < index("step") and index("step") < index("verdict") and index("verdict") < index("sent")')" true
t_match "nonsense is told: flags" "$(ctl probe tcp 10.0.0.1:1 10.0.0.2:80 --flags XYZ 2>&1)" '^stackctl: --flags XYZ: of F S R P'
t_match "nonsense is told: options" "$(ctl probe tcp 10.0.0.1:1 10.0.0.2:80 --opt colour=red 2>&1)" '^stackctl: --opt colour=red: try mss'
t_match "nonsense is told: more options than fit" "$(ctl probe tcp 10.0.0.1:1 10.0.0.2:80 --flags S --opt mss=1460 --opt ts=1:1 --opt sack=1:2 --opt sack=3:4 --opt sack=5:6 2>&1)" '^stackctl: --opt: together they are longer than the 40 bytes'
t_match "nonsense is told: ends" "$(ctl probe tcp x 10.0.0.2:80 2>&1)" '^stackctl: not two ends'
raw() { jq -nc '{cmd: "probe", proto: "tcp", src: "10.0.0.1:1", dst: "10.0.0.2:80", flags: "S"} + '"$1" | timeout 5 nc -N -U "$control"; }
for field in '{win: 65536}' '{win: -1}' '{win: "1"}' '{ttl: 256}' '{ttl: -1}' '{len: -1}'; do
    t_match "nonsense is told: $field" "$(raw "$field")" '"ok":false.*--(win|ttl|len): 0 to'
done
t_match "the largest are taken" "$(ctl probe tcp 10.0.0.1:1 10.0.0.2:80 --flags S --win 65535 --ttl 255)" 'win 65535 len 0$'
t_match "nonsense is told: text that is not UTF-8" "$(ctl probe tcp $'\xff' 10.0.0.2:80 2>&1)" '^stackctl: .*not UTF-8'
# Who asks for steps by name hears them of real segments, too. It may come in the middle of a connection: the
# next one is told from its beginning.
: >"$tmp/steps"
"$stackctl" --control "$control" -j trace kind=step conn=:9 >"$tmp/steps" &
follower=$!
pids+=("$follower")
deadline=$((SECONDS + 30))
until grep -q '"phase":"LISTEN: first, check for a RST"' "$tmp/steps" || [ $SECONDS -gt $deadline ]; do
    timeout 5 nc -z 10.0.0.2 9
done
kill "$follower"
wait "$follower"
t "trace kind=step" grep -q '"phase":"LISTEN: first, check for a RST"' "$tmp/steps"
t_eq "no child is left behind" "$(pgrep -P "$stackd_pid" | wc -l)" 0
exec {NC[1]}>&-
kill "$nc_pid" 2>/dev/null
wait "$nc_pid" 2>/dev/null
stop
t_eq "SIGTERM: status 0" "$status" 0

# With several queues a connection is asked where it is, whichever that is.
start --queues 2
for _ in 1 2 3 4 5 6; do exec {fd}<>/dev/tcp/10.0.0.2/7; done
each() { for p in $(ctl -j sock state established | jq .tcp[].rport); do "$@" "$p"; done; }
one_probe() { ctl probe tcp "10.0.0.1:$1" 10.0.0.2:7 --flags R | tail -n 1; }
one_explain() { ctl explain "$1" | head -n 1 | cut -d ' ' -f 2; }
t_eq "--queues: probe finds all six" "$(each one_probe | uniq -c | tr -s ' ')" " 6 state ESTABLISHED -> CLOSED"
t_eq "--queues: so does explain" "$(each one_explain | uniq -c | tr -s ' ')" " 6 ESTABLISHED"
all_states() { # as top does it: part after part, until there is no next
    local from=0 reply sum=0
    while [ "$from" != null ]; do
        reply=$(echo "{\"cmd\":\"states\",\"from\":$from}" | nc -N -U "$control")
        sum=$((sum + $(jq '.states[0].count.ESTABLISHED' <<<"$reply")))
        from=$(jq .next <<<"$reply")
    done
    echo "$sum"
}
t_eq "--queues: their states add up" "$(all_states)" 6
stop
t_eq "--queues, SIGTERM: status 0" "$status" 0
finish
