#!/usr/bin/env bash
# test_scope.sh - stackscope on a live interface: what curl and stackd do is told while it happens, ^C ends it;
# and what it says from the wire is what stackd said itself.
. "$(dirname "$0")/lib.sh"
need curl jq
scope=$build/bin/stackscope

start --pcap "$tmp/own.pcapng" --trace "$tmp/own.jsonl"
# At once: each line is flushed when there is nothing more to read.
"$scope" states -j tap0 tcp port 80 >"$tmp/live.jsonl" 2>"$tmp/err" &
scope_pid=$!
pids+=($scope_pid)
ready=0
for _ in {1..200}; do
    grep -q 'listening on tap0' "$tmp/err" && ready=1 && break
    sleep 0.05
done
t_eq "it listens" $ready 1
t "curl while it listens" curl -s -o "$tmp/page" --max-time 10 http://10.0.0.2/
told=0
for _ in {1..200}; do
    grep -q '"to":"ESTABLISHED"' "$tmp/live.jsonl" && told=1 && break
    sleep 0.05
done
t_eq "states are told while the capture runs" $told 1
kill -INT $scope_pid
wait $scope_pid
t_eq "^C ends it well" $? 0
t_eq "and there was nothing to complain of" "$(cat "$tmp/err")" "stackscope: listening on tap0, ^C ends it"
stop
arrows='select(.kind == "tcp_state" and (.conn | contains(":80-10.0.0.1:")) and .from != "CLOSED" and .to != "LISTEN") | "\(.from) \(.to) \(.cause)"'
# The server's changes, by itself and by the wire; what the last ACK caused nothing shows.
jq -r "$arrows" "$tmp/own.jsonl" >"$tmp/own"
jq -r "select(.conn | startswith(\"10.0.0.2:80-\")) | $arrows" "$tmp/live.jsonl" >"$tmp/wire"
t_eq "the wire says what stackd says" "$(cat "$tmp/wire")" "$(cat "$tmp/own")"
"$scope" states -j "$tmp/own.pcapng" tcp port 80 >"$tmp/file.jsonl"
jq -r "select(.conn | startswith(\"10.0.0.2:80-\")) | $arrows" "$tmp/file.jsonl" >"$tmp/wire"
t_eq "so does its own capture" "$(cat "$tmp/wire")" "$(cat "$tmp/own")"
"$scope" osi -j first "$tmp/own.pcapng" tcp >"$tmp/osi.json"
t_match "which tells the subnet" "$(jq -r '.layers[].why[]' "$tmp/osi.json")" 'AND 255.255.255.0 = 10.0.0.0: the same.*from the capture'
timeout -s INT 1 "$scope" frames -i lo udp port 9 >"$tmp/out" 2>"$tmp/err"
t_match "-i alone names an interface, as for tcpdump" "$(cat "$tmp/err")" 'listening on lo'
"$scope" frames nosuch0 >"$tmp/out" 2>"$tmp/err"
t_eq "an interface that is not there is refused" $? 1
finish
