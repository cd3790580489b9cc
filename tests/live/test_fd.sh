#!/usr/bin/env bash
# test_fd.sh - --fd: a TAP that somebody else opened, with and without offload metadata.
. "$(dirname "$0")/lib.sh"
need ping curl
tapfd=$build/tests/live/tapfd peer=$build/tests/live/peer
[ -x "$tapfd" ] && [ -x "$peer" ] || skip "$tapfd is not built"
run() { # run OPTIONS-OF-TAPFD [DESCRIPTORS]
    local fds=${2:-9} command=() fd
    for fd in ${fds//,/ }; do command+=("$tapfd" tap7 "$fd" $1); done
    : >"$tmp/stackd.err" # what the one before has said is not to be taken for an answer
    "${command[@]}" "$stackd" --fd "$fds" --ip 10.7.0.2/24 --control "$control" 2>"$tmp/stackd.err" </dev/null &
    stackd_pid=$!
    until grep -q . "$tmp/stackd.err" || ! kill -0 $stackd_pid 2>/dev/null; do :; done
    t_match "${1:-plain}: ready, and it knows the name" "$(cat "$tmp/stackd.err")" '^stackd: ready: tap7 10\.7\.0\.2/24 '
    t "${1:-plain}: ping" ping -n -q -c 1 -W 2 10.7.0.2
    t "${1:-plain}: ping with fragments" ping -n -q -c 1 -W 2 -s 5000 10.7.0.2
    t_eq "${1:-plain}: HTTP" "$(curl -s --max-time 5 -o /dev/null -w '%{http_code}' http://10.7.0.2/)" 200
    t "${1:-plain}: 10 MB and back" timeout 20 "$peer" transfer 10.7.0.2 7 10000000 1
    [ "$fds" = 9 ] || t_match "$1: a queue for each descriptor" "$(ctl link)" " queues $(wc -w <<<"${fds//,/ }")$"
    stop
    t_eq "${1:-plain}: SIGTERM: status 0" "$status" 0
    t "${1:-plain}: the TAP is gone with its descriptor" sh -c '! ip link show tap7'
}
run ""
run vnet
run "vnet multi" 9,12,10
run multi 9,10

refused() { # refused CLAIM OPTIONS...
    local claim=$1
    shift
    said=$("$@" 2>&1 </dev/null)
    t_match "$claim: status" "$?" '^[12]$'
    t_match "$claim: one line" "$(wc -l <<<"$said"):$said" '^1:stackd: '
}
refused "a descriptor that is not open" timeout 5 "$stackd" --fd 57 --control "$control"
refused "a descriptor that is no TAP" timeout 5 "$stackd" --fd 9 --control "$control" 9</dev/null
refused "no number" timeout 5 "$stackd" --fd x --control "$control"
refused "queues of two TAPs" timeout 5 "$tapfd" tap7 9 multi "$tapfd" tap8 10 multi "$stackd" --fd 9,10 --control "$control"
refused "one queue twice" timeout 5 "$tapfd" tap7 9 multi sh -c 'exec "$@" 8<&9' sh "$stackd" --fd 9,8 --control "$control"
t_match "and says so" "$said" '^stackd: --fd 9,8: the same queue twice'
refused "one descriptor twice" timeout 5 "$tapfd" tap7 9 "$stackd" --fd 9,9 --control "$control"
finish
