#!/usr/bin/env bash
# test_uso.sh - trains of UDP datagrams across the TAP, with the kernel's UDP_SEGMENT and UDP_GRO at the other end: every
# datagram as it was sent, with offload as one frame for many, without as many frames; captures that can be
# read, one ICMP error for a train, and a bad wire that sees single frames.
. "$(dirname "$0")/lib.sh"
need tshark jq sha256sum
train=$build/tests/live/train
count() { ctl stats "$1" | awk -v n="$1" '$1 == n { v = $2 } END { print v + 0 }'; }
shark() { tshark -r "$tmp/c.pcapng" -d udp.port==7,data -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE "$@" 2>/dev/null; }
# The kernel's TAP knows trains since 6.2.
knows=uso
printf '6.2\n%s\n' "$(uname -r)" | sort -CV || knows=

# passes CLAIM TRAIN-ARGUMENTS...: what it says is in $said, the frames of this in $rx and $tx, the bytes of UDP that came in $in.
passes() {
    local claim=$1
    shift
    rx=$(count port.rx_frames) tx=$(count port.tx_frames)
    said=$("$train" "$@" 2>&1)
    t_match "$claim" "$said" '^left [0-9]+ back [0-9]+ joined [0-9]+$'
    read -r _ left _ back _ joined <<<"$said"
    rx=$(($(count port.rx_frames) - rx)) tx=$(($(count port.tx_frames) - tx))
}
few() { [ "$1" -ge "$2" ] && [ "$1" -le $(($2 + 6)) ]; } # ARP may speak in between

for mtu in 1500 9000; do
    segment=$((mtu - 100)) bytes=$((60000 / (mtu - 100) * (mtu - 100) - 11))
    each=$(((bytes + segment - 1) / segment))
    for how in "on read" "auto uring" "off read"; do
        read -r offload io <<<"$how"
        what="mtu $mtu, offload $offload, $io"
        is=$offload
        [ "$io" = uring ] && ! ldd "$stackd" | grep -q liburing && continue
        start --offload "$offload" --io "$io" --mtu "$mtu"
        [ "$offload" != off ] && [ -n "$knows" ] && is=trains
        t_match "$what: what the device said" "$(ctl link)" "offload $([ "$offload" = off ] && echo off || echo csum,tso${knows:+,$knows}) "
        passes "$what: 50 trains of $each datagrams of $segment and back, read as trains" echo 10.0.0.2 7 $segment $bytes 50
        t_eq "$what: as many datagrams" "$left $back" "$((50 * each)) $((50 * each))"
        if [ $is = trains ]; then
            t "$what: a frame each ($rx in, $tx out)" few "$rx" 50
            t "$what: and one back" few "$tx" 50
            t_eq "$what: the reader has them whole" "$joined" 50
        else
            t "$what: each datagram is a frame ($rx in, $tx out)" few "$rx" $left
            t "$what: and back" few "$tx" $left
        fi
        passes "$what: a reader who wants single ones gets them" plain 10.0.0.2 7 $segment $bytes 20
        t_eq "$what: all of them" "$back $joined" "$((20 * each)) 0"
        passes "$what: 40 datagrams that would fit into one frame" echo 10.0.0.2 7 20 790 20
        t_eq "$what: they stay 40" "$back" $((20 * 40))
        # Each holds a packet of the MTU's size while it waits, and a socket no more than its buffer.
        most=$((mtu == 1500 ? 128 : 40))
        passes "$what: $most of a byte" echo 10.0.0.2 7 1 $most 5
        t_eq "$what: they stay $most" "$back" $((5 * most))
        passes "$what: three, too short for a frame" echo 10.0.0.2 7 1 3 5
        t_eq "$what: they stay three" "$back" 15
        t_eq "$what: counted by datagrams" "$(count udp.in) $(count udp.out)" "$((70 * each + 20 * 40 + 5 * most + 15)) $((70 * each + 20 * 40 + 5 * most + 15))"
        t_eq "$what: nothing contradicted itself or was lost" "$(($(count port.rx_bad_vnet) + $(count port.rx_no_big) + $(count port.tx_error) + $(count drop.udp.queue-full)))" 0
        stop
    done
done

# A socket of ours that has not asked for trains: every datagram by itself.
start --offload on
bytes=$((3 * 44 * 1400))
"$stackctl" --control "$control" nc -u -l 5000 </dev/null >"$tmp/plain" &
reader=$!
pids+=($reader)
until ctl sock | grep -q ':5000 '; do :; done
passes "netcat: 3 trains to it" send 10.0.0.2 5000 1400 61600 3
until [ "$(stat -c %s "$tmp/plain")" -ge $bytes ] || ! kill -0 $reader 2>/dev/null; do :; done
kill $reader 2>/dev/null
t_eq "netcat: all bytes" "$(sha256sum <"$tmp/plain")" "$(python3 -c '
import sys
for r in range(3):
    sys.stdout.buffer.write(bytes((i * 7 + i // 251 + r * 13) & 255 for i in range(61600)))' | sha256sum)"
stop

# Captured: the frames as they were, with sums that are right for them.
start --offload on --pcap "$tmp/c.pcapng"
passes "captured: 10 trains of 44" echo 10.0.0.2 7 1400 61600 10
errors=$("$train" ask 10.0.0.2 777 1400 61600 3)
t_eq "a closed port: one error for each train" "$errors" "errors 3"
# USO of IPv6 cannot be left out. Nobody here speaks it: refused by its name, and nothing else.
if ip -6 address add fd00::1/64 dev tap0 nodad 2>/dev/null; then
    before=$(($(count drop.eth.type) + $(count drop.eth.multicast)))
    passes "a train over IPv6" six tap0 777 1400 14000 2
    t_eq "IPv6: it is no lie" "$(count port.rx_bad_vnet)" 0
    t "IPv6: it is refused as what it is" test $(($(count drop.eth.type) + $(count drop.eth.multicast))) -gt "$before"
fi
stop
if [ -n "$knows" ]; then
    t_eq "captured: 10 in, 10 out, each a frame" "$(shark -Y 'udp.dstport == 7 && frame.len == 61642' | wc -l) $(shark -Y 'udp.srcport == 7 && frame.len == 61642' | wc -l)" "10 10"
    t_eq "captured: their lengths agree" "$(shark -Y 'udp.port == 7' -T fields -e ip.len -e udp.length | sort -u | xargs)" "61628 61608"
fi
t_eq "captured: no bad checksum" "$(shark -Y 'ip.checksum.status == "Bad" || udp.checksum.status == "Bad" || icmp.checksum.status == "Bad"' | wc -l)" 0
t_eq "captured: no malformed packet" "$(shark -Y '_ws.malformed || _ws.short' | wc -l)" 0
t_eq "captured: an error is about one datagram" "$(shark -Y icmp -T fields -E occurrence=l -e ip.len -e udp.length | sort -u | xargs)" "1428 1408"

# A bad wire has frames of the MTU, in either direction.
start --offload on --pcap "$tmp/c.pcapng" --delay 0.01 --seed 5
passes "bad wire: 10 trains of 44" echo 10.0.0.2 7 1400 61600 10
t_eq "bad wire: all of them" "$back" 440
t "bad wire: a frame for each left ($tx)" few "$tx" 440
stop
t_eq "bad wire: none above the MTU came through" "$(shark -Y 'frame.len > 1514 && udp.dstport == 7' | wc -l)" 0
t_eq "bad wire: no bad checksum" "$(shark -Y 'ip.checksum.status == "Bad" || udp.checksum.status == "Bad"' | wc -l)" 0
t_eq "bad wire: identifications count up" "$(shark -Y 'udp.dstport == 7' -T fields -e ip.id | head -44 | xargs printf '%d\n' | awk 'NR > 1 && ($1 - last + 65536) % 65536 != 1 { bad++ } { last = $1 } END { print bad + 0 }')" 0

# Several queues: a train that comes to another is handed over as one.
start --offload on --queues 2
for flow in 1 2 3 4; do passes "two queues: flow $flow" echo 10.0.0.2 7 1400 61600 10; done
stop
finish
