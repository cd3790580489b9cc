#!/bin/sh
# test_stackdrill.sh - scripts that must fail, and what stackdrill says then.
#
# Usage: test_stackdrill.sh [BUILD-DIRECTORY]
#
# tests/script shows that right scripts hold. A runner that checks nothing would pass them, too; so
# here each kind of check is made to fail once, and the first line of the message is compared.
set -u
build=${1:-build}
top=$(cd "$(dirname "$0")/../.." && pwd) || exit 2
case $build in /*) ;; *) build=$top/$build ;; esac
drill=$build/bin/stackdrill
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
passed=0
failed=0

verdict() { # verdict NAME: of the last command
    if [ "$?" -eq 0 ]; then
        passed=$((passed + 1))
    else
        echo "FAIL $1"
        head -n 5 "$tmp/out" | sed 's/^/     /'
        failed=$((failed + 1))
    fi
}

listening='0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 65535 <mss 1000>'
established="$listening
+0 > S. 0:0(0) ack 1 win 65535 <mss 1460>
+.1 < . 1:1(0) ack 1 win 65535
+0 accept(3, ..., ...) = 4"

# fails NAME PATTERN SCRIPT [OPTION...]: the script does not hold, and the message begins so.
fails() {
    name=$1 pattern=$2
    printf '%s\n' "$3" >"$tmp/script.pkt"
    shift 3
    "$drill" "$@" "$tmp/script.pkt" >"$tmp/out" 2>&1
    [ $? -eq 1 ] && sed 1q "$tmp/out" | grep -Eq "^$tmp/script.pkt:?[0-9:]*: .*$pattern"
    verdict "$name"
}
holds() {
    name=$1
    printf '%s\n' "$2" >"$tmp/script.pkt"
    shift 2
    "$drill" "$@" "$tmp/script.pkt" >"$tmp/out" 2>&1
    verdict "$name"
}

holds "the beginning of all the others holds" "$established"

# Packets.
fails "flags" 'field flags: expected: S vs actual: S\.' "$listening
+0 > S 0:0(0) ack 1 <...>"
fails "acknowledgment number" 'field ack: expected: 2 vs actual: 1' "$listening
+0 > S. 0:0(0) ack 2 <...>"
fails "window" 'field win: expected: 1 vs actual: 65535' "$listening
+0 > S. 0:0(0) ack 1 win 1 <...>"
fails "options" 'field options: expected: <nop,nop,nop,nop,mss 1460> vs actual: <mss 1460>' "$listening
+0 > S. 0:0(0) ack 1 <nop,nop,nop,nop,mss 1460>"
fails "value of an option" 'field mss: expected: 1400 vs actual: 1460' "$listening
+0 > S. 0:0(0) ack 1 <mss 1400>"
fails "no options" 'field options: expected: <> vs actual: <mss 1460>' "$listening
+0 > S. 0:0(0) ack 1"
fails "sequence number" 'field seq: expected: 2 vs actual: 1' "$established
+0 write(4, ..., 10) = 10
+0 > P. 2:12(10) ack 1"
fails "length" 'field len: expected: 11 vs actual: 10' "$established
+0 write(4, ..., 10) = 10
+0 > P. 1:12(11) ack 1"
fails "time, a microsecond late" 'expected outbound packet at 0\.100001 sec but happened at 0\.100000' "$established
+0 write(4, ..., 10) = 10
+.000001 > P. 1:11(10) ack 1"
fails "nothing comes" 'Timed out waiting for packet' "$established
+0 > P. 1:11(10) ack 1"
fails "an extra packet before the next" 'field seq: expected: 11 vs actual: 1' "$established
+0 setsockopt(4, IPPROTO_TCP, TCP_NODELAY, [1], 4) = 0
+0 write(4, ..., 10) = 10
+0 write(4, ..., 10) = 10
+0 > P. 11:21(10) ack 1"
fails "an extra packet at the end" 'has sent more' "$established
+0 write(4, ..., 10) = 10"
fails "timestamp echo" 'field TS ecr: expected: 8 vs actual: 7' '0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 65535 <mss 1000,nop,nop,TS val 7 ecr 0>
+0 > S. 0:0(0) ack 1 <mss 1460,nop,nop,TS val 1 ecr 8>'
fails "an unknown timestamp" 'unable to infer live TS ecr' '0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 65535 <mss 1000,nop,nop,TS val 7 ecr 0>
+0 > S. 0:0(0) ack 1 <mss 1460,nop,nop,TS val 1 ecr 7>
+0 < . 1:1(0) ack 1 win 65535 <nop,nop,TS val 8 ecr 2>'
fails "ttl" 'field ttl: expected: 63 vs actual: 64' "$listening
+0 > (ttl 63) S. 0:0(0) ack 1 <...>"
fails "ecn" 'field ecn: expected: 2 vs actual: 0' "$listening
+0 > [ect0] S. 0:0(0) ack 1 <...>"
fails "icmp code" 'field code: expected: 1 vs actual: 3' '0 < udp (100)
+0 > icmp unreachable host_unreachable'

# Calls.
fails "result" 'Expected result 11 but got 10' "$established
+0 write(4, ..., 10) = 11"
fails "errno" 'Expected errno EPIPE but got errno 9 \(EBADF' '0 write(9, ..., 10) = -1 EPIPE (Broken pipe)'
fails "a call that blocks" 'read call: it blocks' "$established
+0 read(4, ..., 10) = 10"
fails "a call that returns too late" 'but it still blocks' "$established
+0...1 read(4, ..., 10) = 10"
fails "a call that returns too early" 'expected read call to return at 1\.100000 sec but it returned at 0\.300000' "$established
+0...1 read(4, ..., 10) = 10
+.2 < P. 1:11(10) ack 1 win 65535"
fails "a value filled in" 'expected the value 11 but got 10' "$established
+0 < P. 1:11(10) ack 1 win 65535
+0 > . 1:1(0) ack 11
+0 ioctl(4, SIOCINQ, [11]) = 0"
fails "poll" 'expected revents 0x1 of descriptor 4 but got 0x4' "$established
+0 poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLIN}], 1, 0) = 1"
fails "an unknown call" "Unknown system call: 'frobnicate'" '0 frobnicate(1) = 0'
fails "an unknown symbol" "unknown symbol: 'SOCK_FROB'" '0 socket(..., SOCK_FROB, IPPROTO_TCP) = 3'

fails "a call that the stack has not" 'sendfile\(\) is not there: the stack has sockets' "$established
+0 sendfile(4, 5, [0], 10) = 10"
fails "a control message nobody asked for" 'that nobody asked for: set IP_RECVTOS' '0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3
+0 bind(3, ..., ...) = 0
+0 < udp (10)
+0 recvmsg(3, {msg_name(...)=..., msg_iov(1)=[{..., 100}], msg_flags=0, msg_control=[{cmsg_level=SOL_IP, cmsg_type=IP_TOS, cmsg_data=[0]}]}, 0) = 10'
fails "a control message of no use" 'sendmsg\(\) takes IP_TOS and IP_TTL' "$established
+0 sendmsg(4, {msg_name(...)=NULL, msg_iov(1)=[{..., 10}], msg_flags=0, msg_control=[{cmsg_level=SOL_IP, cmsg_type=IP_TOS, cmsg_data=[8]}]}, 0) = 10"
fails "the sender" 'the sender is 0xc0000201 port 40000' '0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3
+0 bind(3, ..., ...) = 0
+0 < udp (10)
+0 recvfrom(3, ..., 100, 0, {sa_family=AF_INET, sin_port=htons(1), sin_addr=inet_addr("192.0.2.1")}, [16]) = 10'
fails "close() that lingers" 'close call: it blocks' "$established
+0 setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=5}, 8) = 0
+0 close(4) = 0"

# Checks, code, names, commands, options.
fails "state" 'check failed: state is ESTABLISHED' "$established
+0 ? state = CLOSE_WAIT"
fails "a fact" 'check failed: rcv_queue is 0' "$established
+0 ? rcv_queue > 0"
fails "an assertion" 'assertion failed: tcpi_snd_cwnd == 11' "$established
+0 %{ assert tcpi_snd_cwnd == 11 }%"
fails "an unknown name" 'nothing is known as .frob' "$established
+0 < . 1:1(0) ack \$frob win 65535"
fails "an unknown command" "'ethtool' is no command we know" '`ethtool -K x tso off`
0 < S 0:0(0) win 1000'
fails "an unknown sysctl" 'tcp_frob is no setting of ours' '`sysctl -q net.ipv4.tcp_frob=1`
0 < S 0:0(0) win 1000'
fails "time that goes backwards" 'backwards|should happen' '0 < R 1:1(0) win 1000
+1 < R 1:1(0) win 1000
.5 < R 1:1(0) win 1000'
fails "IPv6" 'IPv6 is not there yet' '--ip_version=ipv6
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3'

# What is stricter than the original can be switched off.
holds "--lax=silence" "$established
+0 write(4, ..., 10) = 10" --lax=silence
holds "--lax=push" "$established
+0 write(4, ..., 20000) = 20000
+0 > P. 1:10001(10000) ack 1" --lax=push
fails "without --lax=push" 'field flags: expected: P\. vs actual: \.' "$established
+0 write(4, ..., 20000) = 20000
+0 > P. 1:10001(10000) ack 1"
holds "--ignore_commands" '`ethtool -K x tso off`
0 < R 0:0(0) win 1000' --ignore_commands
holds "--ignore_commands does what it knows" '`sysctl -q net.ipv4.tcp_timestamps=0`
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 65535 <mss 1000,nop,nop,TS val 7 ecr 0>
+0 > S. 0:0(0) ack 1 <mss 1460>' --ignore_commands
holds "--tolerance_usecs" "$established
+0 write(4, ..., 10) = 10
+.000010 > P. 1:11(10) ack 1" --tolerance_usecs=10

# Sequence numbers near 2^32, in both directions, and the script's own numbers all the same.
holds "--near_wrap" "$established
+0 write(4, ..., 10) = 10
+0 > P. 1:11(10) ack 1
+.1 < . 1:1(0) ack 11 win 65535" --near_wrap --trace="$tmp/trace"
[ "$(grep -Ec '"dir":"(in","flags":"S"|out","flags":"S\.").*"seq":4294967293,' "$tmp/trace")" -eq 2 ]
verdict "--near_wrap begins just below 2^32"

# The settings file: what scripts begin with, and what is wrong with it.
timestamps='0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 65535 <mss 1000,nop,nop,TS val 7 ecr 0>'
cat >"$tmp/settings" <<'END'
# What the script below sees of this:
  net.ipv4.tcp_timestamps=0   # the answer has none

net/ipv4/tcp_rmem=4096 20000 6291456
END
fails "without --settings" 'field win: expected: 20000 vs actual: 65535' "$timestamps
+0 > S. 0:0(0) ack 1 win 20000 <mss 1460>"
holds "--settings" "$timestamps
+0 > S. 0:0(0) ack 1 win 20000 <mss 1460>" --settings="$tmp/settings"
holds "a script's own command wins" '`sysctl -q net.ipv4.tcp_timestamps=1`
'"$timestamps
+0 > S. 0:0(0) ack 1 win 20000 <mss 1460,nop,nop,TS val 1 ecr 7>" --settings="$tmp/settings"
settings_fail() { # settings_fail NAME PATTERN [OPTION...]: refused before any script is run
    name=$1 pattern=$2
    shift 2
    "$drill" "$@" "$tmp/script.pkt" >"$tmp/out" 2>&1
    [ $? -eq 1 ] && [ "$(wc -l <"$tmp/out")" -eq 1 ] && grep -Eq "^stackdrill: $pattern" "$tmp/out"
    verdict "$name"
}
printf '# one\n\nnet.ipv4.tcp_frob=1\n' >>"$tmp/settings"
settings_fail "an unknown setting" "$tmp/settings:7: tcp_frob is no setting of ours" --settings="$tmp/settings"
holds "an unknown setting with --ignore_commands" "$timestamps
+0 > S. 0:0(0) ack 1 win 20000 <mss 1460>" --settings="$tmp/settings" --ignore_commands
echo net.ipv4.tcp_syn_retries=many >"$tmp/settings"
settings_fail "a wrong value" "$tmp/settings:1: tcp_syn_retries cannot be 'many'" --settings="$tmp/settings"
echo tcp_timestamps >"$tmp/settings"
settings_fail "no value" "$tmp/settings:1: tcp_timestamps: NAME=VALUE belongs here" --settings="$tmp/settings"
settings_fail "no file" "$tmp/none: No such file" --settings="$tmp/none"
settings_fail "no name" 'settings: a file belongs here' --settings

echo "stackdrill: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
