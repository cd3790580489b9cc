#!/usr/bin/env bash
# test_fd.sh - --fd: a TAP that somebody else opened, with and without offload metadata.
. "$(dirname "$0")/lib.sh"
need ping curl
tapfd=$build/tests/live/tapfd peer=$build/tests/live/peer
[ -x "$tapfd" ] && [ -x "$peer" ] || skip "$tapfd is not built"
run() { # run OPTION-OF-TAPFD
    "$tapfd" tap7 9 $1 "$stackd" --fd 9 --ip 10.7.0.2/24 --control "$control" 2>"$tmp/stackd.err" </dev/null &
    stackd_pid=$!
    until grep -q . "$tmp/stackd.err" || ! kill -0 $stackd_pid 2>/dev/null; do :; done
    t_match "${1:-plain}: ready, and it knows the name" "$(cat "$tmp/stackd.err")" '^stackd: ready: tap7 10\.7\.0\.2/24 '
    t "${1:-plain}: ping" ping -n -q -c 1 -W 2 10.7.0.2
    t "${1:-plain}: ping with fragments" ping -n -q -c 1 -W 2 -s 5000 10.7.0.2
    t_eq "${1:-plain}: HTTP" "$(curl -s --max-time 5 -o /dev/null -w '%{http_code}' http://10.7.0.2/)" 200
    t "${1:-plain}: 10 MB and back" timeout 20 "$peer" transfer 10.7.0.2 7 10000000 1
    stop
    t_eq "${1:-plain}: SIGTERM: status 0" "$status" 0
    t "${1:-plain}: the TAP is gone with its descriptor" sh -c '! ip link show tap7'
}
run ""
run vnet

refused() { # refused CLAIM OPTIONS...
    local claim=$1 out
    shift
    out=$("$@" 2>&1 </dev/null)
    t_match "$claim: status" "$?" '^[12]$'
    t_match "$claim: one line" "$(wc -l <<<"$out"):$out" '^1:stackd: '
}
refused "a descriptor that is not open" timeout 5 "$stackd" --fd 57 --control "$control"
refused "a descriptor that is no TAP" timeout 5 "$stackd" --fd 9 --control "$control" 9</dev/null
refused "no number" timeout 5 "$stackd" --fd x --control "$control"
finish
