#!/usr/bin/env bash
# test_notify.sh - systemd is told when stackd is ready, and when it is going (sd_notify(3)).
. "$(dirname "$0")/lib.sh"
need nc

# -k: a datagram that nobody can answer is printed all the same
background nc -d -k -l -U -u "$tmp/notify" >"$tmp/notify.out" 2>/dev/null
deadline=$((SECONDS + 5))
until [ -S "$tmp/notify" ] || [ $SECONDS -ge $deadline ]; do :; done
export NOTIFY_SOCKET=$tmp/notify
start
until grep -q READY=1 "$tmp/notify.out" || [ $SECONDS -ge $((deadline + 5)) ]; do :; done
t_match "READY=1 when it answers" "$(cat "$tmp/notify.out")" '^READY=1'
t_eq "and nothing about an end yet" "$(grep -c STOPPING "$tmp/notify.out")" 0
stop
t_eq "SIGTERM: status 0" "$status" 0
until grep -q STOPPING=1 "$tmp/notify.out" || [ $SECONDS -ge $((deadline + 10)) ]; do :; done
t_match "STOPPING=1 when it is told to go" "$(cat "$tmp/notify.out")" 'STOPPING=1'

export NOTIFY_SOCKET=$tmp/nobody
start
t "a supervisor that is not there does no harm" ping -n -c 1 -W 2 10.0.0.2
stop
finish
