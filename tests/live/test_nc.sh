#!/usr/bin/env bash
# test_nc.sh - all five small services, on TCP and UDP (RFC 862, 863, 864, 867, 868).
. "$(dirname "$0")/lib.sh"
need nc
start
tcp() { timeout 10 nc -N 10.0.0.2 "$@"; }
udp() { timeout 10 nc -u -W 1 10.0.0.2 "$@"; } # ends with the first datagram that comes back
# sane SECONDS: not more than two seconds from the kernel's clock
sane() { [ -n "$1" ] && [ $(($1 - $(date +%s))) -ge -2 ] && [ $(($1 - $(date +%s))) -le 2 ]; }
number() { od -A n -t u1 | awk '{ for (i = 1; i <= NF; i++) v = v * 256 + $i } END { printf "%.0f\n", v }'; }
since_1900=2208988800

t_eq "echo, TCP" "$(echo hello | tcp 7)" hello
t_eq "echo, UDP" "$(echo hello | udp 7)" hello
head -c 8000 /dev/zero | tr '\0' a >"$tmp/large"
t_eq "echo, UDP, a large datagram in fragments" "$(udp 7 <"$tmp/large" | wc -c)" 8000
t_eq "discard, TCP: nothing comes back" "$(head -c 1000000 /dev/zero | tcp 9 | wc -c)" 0
t_eq "discard, UDP: nothing comes back" "$(echo hello | timeout 0.5 nc -u 10.0.0.2 9 | wc -c)" 0
daytime=$(tcp 13 </dev/null)
t_match "daytime, TCP: a line" "$daytime" '^[A-Z][a-z]+, [A-Z][a-z]+ [0-9]+, [0-9]+ [0-9:]+-UTC.?$'
t "daytime, TCP: the right one" sane "$(date -u -d "$(tr -d '\r' <<<"$daytime" | sed 's/-UTC/ UTC/')" +%s)"
daytime=$(echo | udp 13)
t "daytime, UDP: the right one" sane "$(date -u -d "$(tr -d '\r' <<<"$daytime" | sed 's/-UTC/ UTC/')" +%s)"
t_eq "time, TCP: four bytes" "$(tcp 37 </dev/null | wc -c)" 4
t "time, TCP: the right ones" sane $(($(tcp 37 </dev/null | number) - since_1900))
t "time, UDP: the right ones" sane $(($(echo | udp 37 | number) - since_1900))
lines=$(timeout 10 nc 10.0.0.2 19 </dev/null | head -n 3)
t_eq "chargen, TCP: 72 characters a line" "$(head -n 1 <<<"$lines" | tr -d '\r\n' | wc -c)" 72
t_eq "chargen, TCP: the second line begins one further" "$(sed -n 2p <<<"$lines" | cut -c1-71)" "$(sed -n 1p <<<"$lines" | cut -c2-72)"
t_eq "chargen, TCP: 10 MB, and all of it printing" "$(timeout 20 nc 10.0.0.2 19 </dev/null | head -c 10000000 | tr -d ' -~\r\n' | wc -c)" 0
t "chargen, UDP: up to 512 characters" test "$(echo | udp 19 | wc -c)" -le 512
t "nobody listens on 81" sh -c '! timeout 5 nc -z 10.0.0.2 81'
t "nobody listens on UDP 81 either: the error arrives" sh -c '! timeout 5 nc -u -z -v 10.0.0.2 81'
stop
t_eq "SIGTERM: status 0" "$status" 0

many=()
for port in {2000..2100}; do many+=(--service "echo:$port"); done
out=$(timeout 5 "$stackd" --tap tap0 --control "$control" "${many[@]}" 2>&1)
t_match "too many services: status 1 or 2" "$?" '^[12]$'
t_match "too many services: it says so in one line" "$(wc -l <<<"$out"):$out" '^1:stackd: .*(too many|at most)'
finish
