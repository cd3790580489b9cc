#!/usr/bin/env bash
# check.sh - does each responder do what bench.sh asks of it? Some seconds; not part of the tests.
#
#   tests/bench/rivals/check.sh [BUILD]
#
# BUILD is the build directory, default build/. Each responder that is built there is started in a
# network namespace of its own and asked everything that README.md promises: ping, UDP and TCP echo,
# bulk in and out, requests on one connection, a request with `Connection: close` and the end by SIGTERM.
# Needs root (or user namespaces), ping and python3.
set -u
here=$(dirname "$(readlink -f "$0")")
build=$(readlink -f "${1:-$here/../../../build}")
. "$here/../../netns.sh"
why=$(netns_lacks) && { echo "check.sh: $why" >&2; exit 77; }
netns_enter rivals "$build"
passed=0 failed=0
tmp=$(mktemp -d)
pid="" holder=""
trap 'kill $pid $holder 2>/dev/null; rm -rf "$tmp"' EXIT
ip link set lo up

# Asks; prints what was wrong, one line each.
cat >"$tmp/ask.py" <<'END'
import socket, sys

ip, bulk = sys.argv[1], "bulk" in sys.argv
wrong = []


def claim(what, is_so):
    if not is_so:
        wrong.append(what)


def tcp(port):
    s = socket.create_connection((ip, port), timeout=3)
    s.settimeout(3)
    return s


def read(s, n):
    got = b""
    while len(got) < n:
        more = s.recv(min(n - len(got), 1 << 16))
        if not more:
            break
        got += more
    return got


def reply(s):
    got = b""
    while b"\r\n\r\n" not in got:
        more = s.recv(4096)
        if not more:
            return got, b""
        got += more
    head, _, body = got.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    return head, body + read(s, int(fields[b"content-length"]) - len(body))


def ask(what, f):
    try:
        f()
    except Exception as e:
        wrong.append(f"{what}: {type(e).__name__} {e}")


def udp():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(3)
    s.connect((ip, 7))
    for n in (0, 1, 18, 1472):
        s.send(bytes(i % 251 for i in range(n)))
        claim(f"udp echo of {n} bytes", s.recv(2000) == bytes(i % 251 for i in range(n)))


def echo():
    with tcp(7) as s:
        for n in (1, 64, 1000):
            s.sendall(b"e" * n)
            claim(f"tcp echo of {n} bytes", read(s, n) == b"e" * n)


def http():
    with tcp(80) as s:
        for i in range(3):
            s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            head, body = reply(s)
            claim(f"request {i + 1}", head.startswith(b"HTTP/1.1 200") and len(body) == 20)
        s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        head, body = reply(s)
        claim("the last request", len(body) == 20 and b"onnection: close" in head)
        claim("the server closes", s.recv(1) == b"")
    with tcp(80) as s:
        s.sendall(b"GET / HTTP/1.0\r\n\r\n")
        claim("HTTP/1.0", len(reply(s)[1]) == 20 and s.recv(1) == b"")


def bulk_in():
    with tcp(9) as s:
        for _ in range(32):
            s.sendall(b"d" * (1 << 20))


def bulk_out():
    with tcp(19) as s:
        left = 32 << 20
        while left > 0:
            more = len(s.recv(min(left, 1 << 18)))
            if more == 0:
                break
            left -= more
        claim("32 MB from the source", left == 0)


def many():
    all_of_them = [tcp(80) for _ in range(50)]
    for s in all_of_them:
        s.sendall(b"GET / HTTP/1.1\r\n\r\n")
    claim("50 connections", all(len(reply(s)[1]) == 20 for s in all_of_them))


for name, f in (("udp", udp), ("echo", echo), ("http", http), ("bulk in", bulk_in),
                ("bulk out", bulk_out), ("many", many)):
    ask(name, f)
print("\n".join(wrong), end="\n" if wrong else "")
sys.exit(bool(wrong))
END

# check NAME COMMAND... - the responder is to be started and asked.
check() {
    local name=$1 i status began=$SECONDS
    shift
    if [ ! -x "$1" ]; then
        echo "left  $name: not built"
        return
    fi
    : >"$tmp/err"
    "${prefix[@]}" "$@" 2>"$tmp/err" &
    pid=$!
    for ((i = 0; i < 500; i++)); do
        grep -q '^ready' "$tmp/err" && break
        kill -0 $pid 2>/dev/null || break
        ping -c 1 -W 0.02 127.0.0.1 >/dev/null # a fiftieth of a second at most
    done
    if ping -q -c 2 -i 0.01 -W 3 10.0.0.2 >"$tmp/out" 2>&1 && python3 "$tmp/ask.py" 10.0.0.2 >"$tmp/out" 2>&1; then
        kill $pid
        wait $pid
        status=$?
        # Whoever has a handler ends with 0.
        [ $status = 0 ] || echo "status $status after SIGTERM" >"$tmp/out"
        # A bound says what was lost: figures of a bulk that had to begin again are none.
        if grep 'gaps' "$tmp/err" | grep -qv 'gaps 0, resent 0'; then status=1; fi
    else
        status=1
        kill $pid 2>/dev/null
        wait $pid 2>/dev/null
    fi
    pid=""
    if [ $status = 0 ]; then
        passed=$((passed + 1))
        echo "ok    $name ($((SECONDS - began)) s)"
    else
        failed=$((failed + 1))
        echo "FAIL  $name"
        sed 's/^/      /' "$tmp/out" "$tmp/err" | head -n 12
    fi
}

own=$build/tests/bench/rivals
prefix=()
at="--ip 10.0.0.2/24"
ip tuntap add dev tap0 mode tap && ip addr add 10.0.0.1/24 dev tap0 && ip link set tap0 up || exit 2
for variant in "" "--copy" "--offload" "--offload --copy" "--ack 2" "--spin" "--uring" "--uring --offload" "--uring --spin"; do
    case $variant in *uring*) grep -q liburing <(ldd "$own/bound" 2>/dev/null) || continue ;; esac
    # shellcheck disable=SC2086
    check "bound${variant:+ $variant}" "$own/bound" --tap tap0 $at $variant
done
# shellcheck disable=SC2086
{
    check lwip "$own/lwip" --tap tap0 $at
    check "lwip --by-reference" "$own/lwip" --tap tap0 $at --by-reference
    check lwip-tuned "$own/lwip-tuned" --tap tap0 $at
    check gvisor "$own/gvisor" --tap tap0 $at
    check "gvisor --gso" "$own/gvisor" --tap tap0 $at --gso
}
ip link del tap0

mkfifo "$tmp/go"
unshare --net -- cat "$tmp/go" &
holder=$!
exec 8>"$tmp/go"
while [ "$(readlink /proc/$holder/ns/net)" = "$(readlink /proc/$$/ns/net)" ]; do :; done
ip link add veth0 type veth peer name veth1 netns $holder && ip addr add 10.0.0.1/24 dev veth0 && ip link set veth0 up
prefix=(nsenter -t "$holder" -n --)
"${prefix[@]}" sh -c 'ip link set lo up; ip addr add 10.0.0.2/24 dev veth1; ip link set veth1 up'
# shellcheck disable=SC2086
check kernel "$own/kernel" $at

echo "bench/rivals: $passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
