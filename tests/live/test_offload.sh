#!/usr/bin/env bash
# test_offload.sh - long segments and partial checksums across the TAP, with the kernel's TCP at the
# other end: not one bit differs with offload on, off and refused, captures hold complete checksums,
# and a bad wire acts on frames of the MTU.
. "$(dirname "$0")/lib.sh"
need curl nc sha256sum tshark ping jq
bytes=200000000
mkdir "$tmp/root"
openssl enc -aes-128-ctr -nosalt -K 00 -iv 00 </dev/zero 2>/dev/null | head -c $bytes >"$tmp/root/f"
[ "$(stat -c %s "$tmp/root/f")" = $bytes ] || head -c $bytes /dev/urandom >"$tmp/root/f"
head -c 5000000 "$tmp/root/f" >"$tmp/root/small"
want=$(sha256sum <"$tmp/root/f") want_small=$(sha256sum <"$tmp/root/small")
count() { ctl stats "$1" | awk -v n="$1" '$1 == n { v = $2 } END { print v + 0 }'; }
# What our bytes mean to a protocol that shares the port is none of our business: headers only.
shark() { tshark -r "$tmp/c.pcapng" -d tcp.port==5000,data -o tcp.try_heuristic_first:FALSE -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE "$@" 2>/dev/null; }

# into FILE WANT: a file into the stack, at the end of which somebody counts.
into() {
    local receiver sum
    "$stackctl" --control "$control" nc -l 5000 </dev/null >"$tmp/up" &
    receiver=$!
    until ctl listen | grep -q ':5000 '; do :; done
    timeout 60 nc -N 10.0.0.2 5000 <"$1"
    wait $receiver
    sha256sum <"$tmp/up"
}

for offload in on off auto; do
    start --http-root "$tmp/root" --offload $offload
    t_match "offload $offload: what the device said" "$(ctl link)" "offload $([ $offload = off ] && echo off || echo csum,tso)"
    t_eq "offload $offload: 200 MB into the stack and back" "$(timeout 60 nc -N 10.0.0.2 7 <"$tmp/root/f" | sha256sum)" "$want"
    t_eq "offload $offload: 200 MB from the web server" "$(curl -s --max-time 60 http://10.0.0.2/f | sha256sum)" "$want"
    t_eq "offload $offload: no frame contradicted its metadata" "$(count port.rx_bad_vnet)" 0
    t_eq "offload $offload: every long frame found a packet" "$(count port.rx_no_big)" 0
    t_eq "offload $offload: no damaged segment" "$(count drop.tcp.bad-checksum)" 0
    t_match "offload $offload: a queue for many senders" "$(ip link show "$(ctl link | awk 'NR == 1 { print $1 }' | tr -d :)")" "qlen 4096"
    mean=$(($(count port.rx_bytes) / $(count port.rx_frames)))
    mean_out=$(($(count port.tx_bytes) / $(count port.tx_frames)))
    echo "     mean frame in: $mean bytes, out: $mean_out"
    if [ $offload = off ]; then
        t "offload off: no frame above the MTU came in" test "$mean" -le 1514
        t "offload off: none went out" test "$mean_out" -le 1514
    else
        t "offload $offload: long frames came in" test "$mean" -gt 3000
        t "offload $offload: long frames went out" test "$mean_out" -gt 3000
    fi
    stop
    t_eq "offload $offload: SIGTERM: status 0" "$status" 0
done

start --offload on --pcap "$tmp/c.pcapng"
t_eq "captured: 5 MB into the stack" "$(into "$tmp/root/small")" "$want_small"
t_eq "captured: 5 MB back" "$(timeout 60 nc -N 10.0.0.2 7 <"$tmp/root/small" | sha256sum)" "$want_small"
stop
t "captured: long segments in" test "$(shark -Y 'frame.len > 10000 && tcp.dstport == 5000' | wc -l)" -gt 10
t "captured: long segments out" test "$(shark -Y 'frame.len > 10000 && tcp.srcport == 7' | wc -l)" -gt 10
t_eq "captured: all bytes of them" "$(shark -Y 'tcp.dstport == 5000' -T fields -e tcp.len | awk '{ n += $1 } END { print n }')" 5000000
t_eq "captured: no bad checksum" "$(shark -Y 'ip.checksum.status == "Bad" || tcp.checksum.status == "Bad"' | wc -l)" 0
t_eq "captured: no malformed packet" "$(shark -Y '_ws.malformed || _ws.short' | wc -l)" 0

# Frames that the kernel's end may send and ours may not receive: refused, not taken as if they were whole.
start --offload off
ip link set tap0 mtu 9000
t "the other end's MTU is larger: no answer" sh -c '! ping -n -q -c 1 -W 1 -s 4000 -M do 10.0.0.2'
t "such frames are counted" test "$(count port.rx_too_long)" -ge 1
t "shorter ones are answered" ping -n -q -c 1 -W 2 -s 1400 10.0.0.2
stop

# The wire that loses frames loses them one by one: it sees none above the MTU, in either direction.
start --offload on --pcap "$tmp/c.pcapng" --http-root "$tmp/root" --drop-chance rx:0.5 --delay rx:0.1 --reorder-chance tx:1 --seed 3
t_eq "bad wire: 5 MB into the stack" "$(into "$tmp/root/small")" "$want_small"
seen() { ip -s -j link show tap0 | jq ".[0].stats64.rx.$1"; } # by the kernel's end
packets=$(seen packets) octets=$(seen bytes)
t_eq "bad wire: 5 MB out of it" "$(curl -s --max-time 60 http://10.0.0.2/small | sha256sum)" "$want_small"
mean=$((($(seen bytes) - octets) / ($(seen packets) - packets)))
t "bad wire: none above the MTU left (mean $mean)" test "$mean" -gt 500 -a "$mean" -le 1514
t "bad wire: frames were lost one by one" test "$(count drop.wire.loss)" -gt 5
stop
t_eq "bad wire: none above the MTU came through" "$(shark -Y 'frame.len > 1514 && tcp.dstport == 5000' | wc -l)" 0
t_eq "bad wire: no bad checksum" "$(shark -Y 'ip.checksum.status == "Bad" || tcp.checksum.status == "Bad"' | wc -l)" 0
finish
