#!/usr/bin/env bash
# test_explain.sh - `explain': why a connection is silent, asked of one whose peer does not read.
. "$(dirname "$0")/lib.sh"
need jq nc python3
start

# A peer of the kernel's that connects to chargen and reads nothing: its window shuts.
cat >"$tmp/deaf.py" <<'P'
import socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
s.connect(("10.0.0.2", 19))
print(s.getsockname()[1], flush=True)
sys.stdin.readline()
P
coproc DEAF { exec python3 "$tmp/deaf.py"; }
deaf=$DEAF_PID
pids+=("$deaf")
read -r -t 10 port <&"${DEAF[0]}"
shut() { ctl explain "$port" | grep -q "the peer's window is closed"; }
until_true() { # until_true SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@"; do [ $SECONDS -lt $end ] || return 1; done
}
t "the peer's window is the reason" until_true 20 shut
out=$(ctl explain "10.0.0.2:19-10.0.0.1:$port")
t_match "explain: which connection, in which state" "$out" "^10\.0\.0\.2:19-10\.0\.0\.1:$port ESTABLISHED$"
t_match "explain: the numbers and the RFC" "$out" '^not sending +the peer.s window is closed: [0-9]+ bytes wait .*the next one leaves in [0-9.]+ m?s \[RFC 9293 section 3\.8\.6\.1\]$'
t_match "explain: the other direction" "$out" '^not receiving +the peer has sent nothing for '
t_eq "explain: whichever end stands first" "$(ctl -j explain "10.0.0.1:$port-10.0.0.2:19" | jq -r .conn)" "10.0.0.2:19-10.0.0.1:$port"
t_eq "explain -j: the same facts" "$(ctl -j explain "10.0.0.1:$port" | jq -r '.reasons[0] |
    [.side, .name, .rfc, (.numbers | keys | join(","))] | join(" ")')" \
    "send zero-window RFC 9293 section 3.8.6.1 left_ms,probes,waiting_bytes"
t_match "explain: a listener" "$(ctl explain :80)" 'it waits for connections: 0 half-open, 0 of [0-9]+ in the accept queue'
t_match "explain: no such connection" "$(ctl explain 10.0.0.9 2>&1)" '^stackctl: there is no connection 10\.0\.0\.9'
t_match "explain: no name at all" "$(ctl explain x:y 2>&1)" '^stackctl: x:y names no connection: try'
ctl explain x:y 2>/dev/null
t_eq "explain: status of wrong usage" $? 1
# A second one: the name of the service is not enough any more.
exec {second}<>/dev/tcp/10.0.0.2/19
t_match "explain: several are listed" "$(ctl explain 10.0.0.2:19 2>&1)" '^stackctl: 10\.0\.0\.2:19 names several connections: choose one of these'
exec {second}>&-
kill "$deaf" 2>/dev/null
wait "$deaf" 2>/dev/null
stop
t_eq "SIGTERM: status 0" "$status" 0
finish
