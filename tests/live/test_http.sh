#!/usr/bin/env bash
# test_http.sh - curl reads the built-in page and files.
. "$(dirname "$0")/lib.sh"
need curl sha256sum
get() { curl -s --max-time 20 "$@"; }

start
page=$(get http://10.0.0.2/)
t_match "the built-in page says what this is" "$page" stackd
t_match "and shows our own connection" "$page" 10\\.0\\.0\\.1
t_eq "status 200" "$(get -o /dev/null -w '%{http_code}' http://10.0.0.2/)" 200
t_eq "two requests on one connection" "$(get -o /dev/null -o /dev/null -w '%{num_connects}' http://10.0.0.2/ http://10.0.0.2/)" 10
stop
t_eq "SIGTERM: status 0" "$status" 0

root=$tmp/root
mkdir -p "$root/sub"
head -c 10000000 /dev/urandom >"$root/big.bin"
printf 'hello\n' >"$root/sub/hello.txt"
printf '<p>x</p>' >"$root/index.html"
ln -s /etc/passwd "$root/out"
start --http-root "$root"
sum=$(sha256sum <"$root/big.bin")
t_eq "10 MB arrive as they are" "$(get http://10.0.0.2/big.bin | sha256sum)" "$sum"
t_eq "a small file" "$(get http://10.0.0.2/sub/hello.txt)" hello
t_eq "index.html for the folder" "$(get http://10.0.0.2/)" '<p>x</p>'
t_match "types" "$(get -I http://10.0.0.2/sub/hello.txt)" '[Cc]ontent-[Tt]ype: text/plain'
t_eq "a range" "$(get -r 1-3 http://10.0.0.2/sub/hello.txt)" ell
t_eq "a range is 206" "$(get -r 1-3 -o /dev/null -w '%{http_code}' http://10.0.0.2/sub/hello.txt)" 206
code() { get --path-as-is -o /dev/null -w '%{http_code}' "$@"; }
t_eq "404" "$(code http://10.0.0.2/no)" 404
t_match "no path leaves the root" "$(code http://10.0.0.2/../../etc/passwd)" '^(400|403|404)$'
t_match "not encoded either" "$(code http://10.0.0.2/%2e%2e/%2e%2e/etc/passwd)" '^(400|403|404)$'
t_match "nor by a link" "$(code http://10.0.0.2/out)" '^(403|404)$'
t_match "POST is refused" "$(code -d x=1 http://10.0.0.2/)" '^(405|501)$'
for i in 1 2 3 4 5 6 7 8; do
    get "http://10.0.0.2/big.bin" -o "$tmp/part$i" &
    transfers[i]=$!
done
wait "${transfers[@]}"
t_eq "8 transfers at once" "$(cat "$tmp"/part? | sha256sum)" "$(for i in 1 2 3 4 5 6 7 8; do cat "$root/big.bin"; done | sha256sum)"
stop
t_eq "SIGTERM: status 0" "$status" 0

# Files that nobody has just changed are sent from a copy in memory; what changes is sent as it is.
docs=$(cd "$(dirname "$0")/../../docs" && pwd)
start --http-root "$docs"
sum=$(sha256sum <"$docs/rfc-map.md")
for i in 1 2 3; do
    t_eq "from the copy, turn $i" "$(get http://10.0.0.2/rfc-map.md | sha256sum)" "$sum"
done
t_eq "a range of it" "$(get -r 50000-59999 http://10.0.0.2/rfc-map.md | sha256sum)" \
    "$(tail -c +50001 "$docs/rfc-map.md" | head -c 10000 | sha256sum)"
stop
t_eq "SIGTERM: status 0" "$status" 0
finish
