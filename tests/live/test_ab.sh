#!/usr/bin/env bash
# test_ab.sh - the web server under ab, with keep-alive and without: no request fails.
. "$(dirname "$0")/lib.sh"
need ab
mkdir "$tmp/root"
head -c 1000 /dev/zero | tr '\0' x >"$tmp/root/small"
head -c 200000 /dev/urandom >"$tmp/root/large"
start --http-root "$tmp/root" --msl 1
run() { # run CLAIM REQUESTS OPTIONS...
    local claim=$1 n=$2 out
    shift 2
    out=$(timeout 60 ab -q -n "$n" "$@" 2>&1)
    t_match "$claim: all answered" "$out" "^Complete requests: +$n\$"
    t_match "$claim: none failed" "$out" '^Failed requests: +0$'
    t_eq "$claim: none but 2xx" "$(grep -c '^Non-2xx' <<<"$out")" 0
    sed -n 's/^Requests per second/     requests per second/p' <<<"$out"
}
run "one connection a request, 50 at once" 5000 -c 50 http://10.0.0.2/small
run "keep-alive, 50 at once" 20000 -k -c 50 http://10.0.0.2/small
run "keep-alive, 200 kB each" 1000 -k -c 20 http://10.0.0.2/large
run "one after another" 1000 -c 1 http://10.0.0.2/small
run "HEAD" 1000 -i -c 10 http://10.0.0.2/large
stop
t_eq "SIGTERM: status 0" "$status" 0
finish
