#!/usr/bin/env bash
# quickstart.sh - from nothing to a TCP handshake you can read, in one command.
#
#   tools/quickstart.sh           install what is missing, build, start stackd, ping and curl it,
#                                 print the handshake and teardown, leave a capture, stop stackd
#   tools/quickstart.sh --stay    the same, and keep stackd running
#   tools/quickstart.sh --netns   as an ordinary user would: in a network namespace of its own
#   tools/quickstart.sh -h
#
# As root stackd gets a TAP of this machine; otherwise it runs with --netns, which needs no root.
# Left behind: build/, captures/quickstart.pcapng and captures/quickstart.jsonl.
set -u
cd "$(dirname "$(readlink -f "$0")")/.." || exit 2
stay=0 netns=0
for arg in "$@"; do
    case $arg in
    --stay) stay=1 ;;
    --netns) netns=1 ;;
    -h | --help) sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "quickstart: $arg is no option: try -h" >&2; exit 1 ;;
    esac
done
[ "$(id -u)" = 0 ] || netns=1
tap=tap0 ip=10.0.0.2
pcap=captures/quickstart.pcapng trace=captures/quickstart.jsonl

say() { printf '\n\033[1m== %s\033[0m\n' "$*" | if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then cat; else sed 's/\x1b\[[0-9]*m//g'; fi; }
die() { echo "quickstart: $*" >&2; exit 2; }

install_missing() {
    local missing=() p sudo=""
    command -v dpkg-query >/dev/null || return 0
    for p in "$@"; do
        dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    say "installing ${missing[*]}"
    [ "$(id -u)" = 0 ] || sudo=sudo
    if [ -n "$sudo" ] && ! command -v sudo >/dev/null; then
        die "packages are missing: as root, apt-get install ${missing[*]}"
    fi
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get update -qq >/dev/null &&
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null ||
        die "apt-get failed: see above; needed are ${missing[*]}"
}

install_missing gcc libc6-dev cmake ninja-build pkg-config libpcap-dev libjansson-dev libcap-ng-dev \
    libmnl-dev liburing-dev curl iproute2 iputils-ping mawk

say "building (a minute or two; what it says goes to build/quickstart.log)"
generator=()
[ -e build/CMakeCache.txt ] || ! command -v ninja >/dev/null || generator=(-G Ninja)
tests=()
[ -e build/CMakeCache.txt ] || pkg-config --exists cunit 2>/dev/null || tests=(-DSTACKD_TESTS=OFF)
mkdir -p build captures
{ cmake -S . -B build "${generator[@]}" "${tests[@]}" && cmake --build build -j "$(nproc)" --target stackd_program stackctl stackscope; } >build/quickstart.log 2>&1 || {
    tail -n 20 build/quickstart.log
    die "the build failed: the whole log is build/quickstart.log"
}
echo "build/bin/stackd, build/bin/stackctl, build/bin/stackscope"

say "is this machine able to run it?"
build/bin/stackctl doctor || exit 2

# What is done with the running stackd; in a namespace of its own this runs inside.
visit="
set -u
printf '\n== ping\n'
ping -n -c 3 -i 0.2 $ip || exit 2
printf '\n== curl http://$ip/\n'
curl -sS --max-time 10 -o build/quickstart.html -w '%{http_code}, %{size_download} bytes in %{time_total} s\n' http://$ip/ || exit 2
"

rm -f "$pcap" "$trace"
ladder() {
    say "handshake and teardown: curl on the left, stackd on the right"
    build/bin/stackscope ladder all --names curl,stackd "$pcap" tcp port 80 || die "the capture shows no connection: see $pcap"
    echo "more of it:  build/bin/stackscope --help  (as a picture: stackscope ladder -o ladder.svg all $pcap)"
    echo "captures/quickstart.pcapng is for Wireshark:  wireshark $pcap"
    echo "(each frame that changed a state has a comment; without a screen: tshark -r $pcap)"
}

if [ $netns = 1 ]; then
    say "stackd --netns"
    inside=$visit
    if [ $stay = 1 ]; then
        echo "after the tour you get a shell inside; \`exit' ends stackd"
        inside="$visit exec bash"
    fi
    build/bin/stackd --netns --pcap "$pcap" --trace "$trace" -- bash -c "$inside" || die "the tour failed: see above"
    ladder
    exit 0
fi

say "stackd --tap $tap"
fifo=$(mktemp -u "${TMPDIR:-/tmp}/quickstart.XXXXXX")
mkfifo "$fifo" || die "cannot make $fifo"
if [ $stay = 1 ]; then
    setsid build/bin/stackd --tap $tap --pcap "$pcap" --trace "$trace" >/dev/null 2>"$fifo" </dev/null &
else
    build/bin/stackd --tap $tap --pcap "$pcap" --trace "$trace" >/dev/null 2>"$fifo" </dev/null &
fi
pid=$!
finished=0
cleanup() { [ $finished = 1 ] || kill -TERM $pid 2>/dev/null; rm -f "$fifo"; }
trap cleanup EXIT
trap 'exit 130' INT TERM
ready=0
exec {err}<"$fifo"
rm -f "$fifo"
while IFS= read -r -t 20 line <&$err; do
    echo "$line"
    case $line in 'stackd: ready'*) ready=1; break ;; esac
done
[ $ready = 1 ] || die "stackd did not start: what it said stands above; build/bin/stackctl doctor may know more"
cat <&$err >&2 &
bash -c "$visit" || die "the tour failed: see above"

if [ $stay = 1 ]; then
    for _ in {1..100}; do # the capture is written a tenth of a second after the event
        build/bin/stackscope states "$pcap" tcp port 80 2>/dev/null | grep -q -e '-> CLOSED' && break
        sleep 0.05
    done
    ladder
    finished=1
    echo
    echo "stackd goes on (process $pid): ping $ip, curl http://$ip/, build/bin/stackctl sock"
    echo "stop it with: kill $pid"
    exit 0
fi
kill -TERM $pid
wait $pid
status=$?
finished=1
[ $status = 0 ] || die "stackd ended with status $status"
ladder
