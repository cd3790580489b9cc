# lib.sh - what the live tests share. Source it first:
#
#     . "$(dirname "$0")/lib.sh"
#
# The script is run again inside a network namespace of its own (and a user namespace, unless it is
# root), so whatever TAP, address or route it makes vanishes with it; its files are in $tmp, removed
# on exit. Nothing here sleeps: it waits for lines that stackd prints.
#
#     start --service echo ...    stackd on tap0, 10.0.0.2 to the kernel's 10.0.0.1; waits until ready
#     stop                        SIGTERM; its status is in $status
#     t "what is claimed" command...      counts by the command's status
#     t_eq "what is claimed" GOT WANT
#     finish                      the closing line; exit 0 or 1
set -u
live_dir=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
top=$(readlink -f "$live_dir/../..")
build=$(readlink -f "${1:-$top/build}")
name=$(basename "$0" .sh)
passed=0 failed=0
stackd=$build/bin/stackd stackctl=$build/bin/stackctl
STACKD=$stackd
export LC_ALL=C NO_COLOR=1

skip() {
    echo "skipped: $*"
    echo "live/$name: 0 passed, 0 failed, 1 skipped"
    exit 77
}

[ -x "$stackd" ] || { echo "FAIL no $stackd: build first"; echo "live/$name: 0 passed, 1 failed"; exit 1; }
. "$live_dir/../netns.sh"
why=$(netns_lacks) && skip "$why"
netns_enter "live $name" "$build" "${@:2}"

tmp=$(mktemp -d "${TMPDIR:-/tmp}/stackd-live.XXXXXX")
control=$tmp/control.sock
pids=()
stackd_pid=""

cleanup() {
    local p
    for p in "${pids[@]}" $stackd_pid; do
        kill -KILL "$p" 2>/dev/null
    done
    rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
ip link set lo up

ok() { passed=$((passed + 1)); echo "ok   $*"; }
nok() { failed=$((failed + 1)); echo "FAIL $*"; }

t() { # the command's output is shown only when it fails
    local claim=$1
    shift
    if "$@" >"$tmp/t.out" 2>&1 </dev/null; then
        ok "$claim"
    else
        nok "$claim (status $?)"
        head -n 20 "$tmp/t.out" | sed 's/^/     /'
    fi
}

t_eq() {
    if [ "$2" = "$3" ]; then
        ok "$1"
    else
        nok "$1"
        printf '     got  %.300s\n     want %.300s\n' "$2" "$3"
    fi
}

t_match() { # t_match CLAIM TEXT EXTENDED-REGEX
    if grep -qE -- "$3" <<<"$2"; then
        ok "$1"
    else
        nok "$1"
        printf '     %.300s\n     does not match %s\n' "$2" "$3"
    fi
}

start() { # start OPTIONS...: stackd on tap0 in this namespace
    if ! ready_run "$tmp/stackd" '^stackd: ready' 15 "$stackd" --tap tap0 --control "$control" "$@"; then
        stackd_pid=$ready_pid
        nok "stackd $* became ready"
        sed 's/^/     /' "$tmp/stackd.err"
        finish
    fi
    stackd_pid=$ready_pid
    pids+=("$ready_rest")
}

stop() { # stop [SIGNAL]
    kill -"${1:-TERM}" "$stackd_pid" 2>/dev/null
    wait "$stackd_pid"
    status=$?
    stackd_pid=""
}

ctl() { "$stackctl" --control "$control" "$@"; }

# background COMMAND...: its pid is in $!, and it is ended on exit.
background() { "$@" & pids+=($!); }

# listening PORT - wait until the kernel's TCP listens there.
listening() {
    local deadline=$((SECONDS + 5))
    while [ $SECONDS -lt $deadline ]; do
        ss -Hltn "sport = :$1" 2>/dev/null | grep -q . && return 0
    done
    return 1
}

# last_block FILE - the type of the last block of a pcapng file: its length stands at its end as well.
last_block() {
    local len
    len=$(tail -c 4 "$1" | od -An -tu4) && tail -c "$((len))" "$1" | od -An -tu4 -N4 | tr -d ' '
}

# kernel_states KB FILTER - the tracepoint of the states of the kernel's TCP, into "$instance/trace", for the sockets that
# FILTER names: it sees all namespaces. "$event/enable" switches it. Skips where there is none.
kernel_states() {
    local tracing=/sys/kernel/tracing
    [ -e $tracing/instances ] || mount -t tracefs tracefs $tracing 2>/dev/null || skip "tracefs cannot be mounted: this needs root"
    instance=$tracing/instances/stackd-$$
    mkdir "$instance" 2>/dev/null || skip "tracefs makes no instance"
    trap 'rmdir "$instance"; cleanup' EXIT
    event=$instance/events/sock/inet_sock_set_state
    [ -e "$event/enable" ] || skip "this kernel has no tracepoint sock:inet_sock_set_state"
    echo "$1" >"$instance/buffer_size_kb"
    echo mono >"$instance/trace_clock"
    echo "$2" >"$event/filter"
    echo 1 >"$event/enable"
}

# kernel_states_lost - how many of them there was no room for.
kernel_states_lost() { cat "$instance"/per_cpu/cpu*/stats | awk '/^(overrun|dropped events|commit overrun):/ { n += $NF } END { print n }'; }

# narrow_link - a network 10.9.0.0/24 behind this one, whose link takes 1000 bytes; 10.9.0.2 is there, where in_far COMMAND
# runs it.
narrow_link() {
    unshare --net sleep 100 &
    far=$!
    pids+=($far)
    local i
    for ((i = 0; i < 10000; i++)); do # until it has a network of its own, "its" is ours
        [ "$(readlink "/proc/$far/ns/net")" != "$(readlink /proc/self/ns/net)" ] && break
    done
    ip link add v0 type veth peer name v1 netns "$far"
    ip addr add 10.9.0.1/24 dev v0
    ip link set v0 up
    in_far ip addr add 10.9.0.2/24 dev v1
    in_far ip link set v1 up
    in_far ip route add default via 10.9.0.1
    sysctl -q net.ipv4.ip_forward=1
    ip route replace 10.9.0.0/24 dev v0 mtu lock 1000
}
in_far() { nsenter --net="/proc/$far/ns/net" -- "$@"; }

finish() {
    # A sanitizer that spoke is a failure, whatever the tests say.
    if grep -qE 'ERROR: |runtime error' "$tmp/stackd.err" 2>/dev/null; then
        nok "no sanitizer report"
        grep -E -A12 'ERROR: |runtime error' "$tmp/stackd.err" | head -n 30 | sed 's/^/     /'
    fi
    echo "live/$name: $passed passed, $failed failed"
    [ $failed -eq 0 ]
    exit
}

need() { # need PROGRAM...: skip when one is missing
    local p
    for p in "$@"; do
        command -v "$p" >/dev/null || skip "$p is not installed"
    done
}
