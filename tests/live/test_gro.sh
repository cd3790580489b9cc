#!/usr/bin/env bash
# test_gro.sh - trains of segments that come in without offload are joined: the bytes are the same, the sender does
# not stall, and whoever wants to see frames sees those that were on the wire.
. "$(dirname "$0")/lib.sh"
need nc sha256sum tshark openssl jq
bytes=50000000
openssl enc -aes-128-ctr -nosalt -K 00 -iv 00 </dev/zero 2>/dev/null | head -c $bytes >"$tmp/f"
want=$(sha256sum <"$tmp/f")
head -c 5000000 "$tmp/f" >"$tmp/small"
want_small=$(sha256sum <"$tmp/small")
count() { ctl stats "$1" | awk -v n="$1" '$1 == n { v = $2 } END { print v + 0 }'; }
echoed() { timeout 60 nc -N 10.0.0.2 7 <"$1" | sha256sum; } # there and back

# both_ways IO: 50 MB in and back, by read(2) or io_uring
both_ways() {
    local frames joined
    start --offload off --io "$1"
    t_match "--io $1: gro is on" "$(ctl link)" ' offload off gro on io '
    t_eq "--io $1: 50 MB into the stack and back" "$(echoed "$tmp/f")" "$want"
    frames=$(count port.rx_frames) joined=$(count port.rx_joined)
    echo "     $frames frames, $joined joined"
    t "--io $1: frames are those of the wire" test "$frames" -ge $((bytes / 1460))
    t "--io $1: most were joined" test "$joined" -gt $((frames / 3))
    t_eq "--io $1: link shows it" "$(ctl -j link | jq '.link[0].rx_joined')" "$(count port.rx_joined)"
    t "--io $1: segments are counted one by one" test "$(count tcp.segs_in)" -ge $((bytes / 1460))
    t "--io $1: datagrams are those that were left" test "$(count ip4.rx_datagrams)" -le $((frames - joined + 100))
    t_eq "--io $1: no damaged segment" "$(count drop.tcp.bad-checksum)" 0
    stop
}
both_ways read
if "$stackd" --netns --io uring --control "$tmp/try.sock" -- true 2>/dev/null; then
    both_ways uring
fi

start --offload off --gro off
t_match "--gro off: link says so" "$(ctl link)" ' offload off gro off io '
t_eq "--gro off: 5 MB and back" "$(echoed "$tmp/small")" "$want_small"
t_eq "--gro off: none was joined" "$(count port.rx_joined)" 0
stop

start --offload on
t_match "with offload the wire does it" "$(ctl link)" ' offload csum,tso(,uso)? io '
t_eq "with offload: 5 MB and back" "$(echoed "$tmp/small")" "$want_small"
t_eq "with offload: none was joined here" "$(count port.rx_joined)" 0
stop

# A capture shows what was on the wire, from its first frame to its last, and then it goes on.
start --offload off --service echo --service discard
t_eq "before the capture: 5 MB and back" "$(echoed "$tmp/small")" "$want_small"
before=$(count port.rx_joined)
t "before the capture: some were joined" test "$before" -gt 0
t "a capture begins" ctl pcap start "$tmp/c.pcapng"
t_eq "captured: 5 MB and back" "$(echoed "$tmp/small")" "$want_small"
t_match "captured: link says so" "$(ctl link)" ' gro paused io '
t_eq "captured: none was joined" "$(count port.rx_joined)" "$before"
t "the capture is stopped" ctl pcap stop
t_eq "afterwards: 5 MB and back" "$(echoed "$tmp/small")" "$want_small"
t "afterwards: some were joined" test "$(count port.rx_joined)" -gt "$before"
shark() { tshark -r "$tmp/c.pcapng" -d tcp.port==7,data -o tcp.try_heuristic_first:FALSE -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE "$@" 2>/dev/null; }
t_eq "captured: no frame above the MTU" "$(shark -Y 'frame.len > 1514' | wc -l)" 0
t_eq "captured: all bytes" "$(shark -Y 'tcp.dstport == 7 && !tcp.analysis.retransmission && !tcp.analysis.spurious_retransmission' -T fields -e tcp.len | awk '{ n += $1 } END { print n }')" 5000000
t_eq "captured: no bad checksum" "$(shark -Y 'ip.checksum.status == "Bad" || tcp.checksum.status == "Bad"' | wc -l)" 0
stop

# On a bad wire each frame has its own fate, from the moment it is bad to the moment it is mended.
start --offload off
t "the wire becomes bad" ctl fault rx:loss 0.2
t_eq "bad wire: 5 MB and back" "$(echoed "$tmp/small")" "$want_small"
t "bad wire: frames were lost one by one" test "$(count drop.wire.loss)" -gt 0
t_eq "bad wire: none was joined" "$(count port.rx_joined)" 0
t "the wire is mended" ctl fault off
t_eq "mended: 5 MB and back" "$(echoed "$tmp/small")" "$want_small"
t "mended: some were joined" test "$(count port.rx_joined)" -gt 0
stop
finish
