#!/usr/bin/env bash
# test_capture_offload.sh - a capture is right whatever the device takes off us: the same transfer with
# `--offload off` and with `on`, 3 MB each way, trains of UDP, and ping. Whoever completes checksums, joins segments or cuts
# them: in the file every checksum is complete and right, no frame is malformed, the bytes are those that were sent, and
# neither tshark nor `stackscope check` finds anything to say. Without offload every frame is one that a wire carries.
. "$(dirname "$0")/lib.sh"
need tshark curl nc ping jq sha256sum
scope=$build/bin/stackscope train=$build/tests/live/train
[ -x "$train" ] || skip "$train is not built"
mkdir "$tmp/root"
head -c 3000000 /dev/urandom >"$tmp/root/three"
want=$(sha256sum <"$tmp/root/three")

shark() { tshark -r "$pcap" -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE "$@" 2>"$tmp/tshark.all"; }

for offload in off on; do
    pcap=$tmp/$offload.pcapng
    start --offload $offload --pcap "$pcap" --http-root "$tmp/root"
    ping -n -q -c 3 -i 0.01 -s 3000 10.0.0.2 >/dev/null
    t_eq "$offload: 3 MB from us" "$(curl -s --max-time 60 http://10.0.0.2/three | sha256sum)" "$want"
    timeout 60 nc -N 10.0.0.2 9 <"$tmp/root/three" # discard
    t "$offload: trains of UDP datagrams" "$train" echo 10.0.0.2 7 1400 61600 3
    stop
    t_eq "$offload: SIGTERM: status 0" "$status" 0
    t "$offload: there are frames" test "$(shark | wc -l)" -gt 100
    t_eq "$offload: nothing is cut off" "$(grep -v 'Running as' "$tmp/tshark.all")" ""
    t_eq "$offload: no malformed frame" "$(shark -Y '_ws.malformed || _ws.short' | head -n 3)" ""
    t_eq "$offload: no wrong checksum" "$(shark -Y 'ip.checksum.status == "Bad" || tcp.checksum.status == "Bad" || udp.checksum.status == "Bad" || icmp.checksum.status == "Bad"' | head -n 3)" ""
    t_eq "$offload: every checksum was looked at" "$(shark -Y '((tcp && tcp.checksum.status != "Good") || (udp && udp.checksum.status != "Good")) && !icmp' | head -n 3)" ""
    t_eq "$offload: stackscope check" "$("$scope" check "$pcap")" "nothing suspicious"
    longest=$(shark -T fields -e frame.len | sort -n | tail -n 1)
    if [ $offload = off ]; then
        t "off: no frame is longer than a wire's" test "$longest" -le 1514
    else
        t "on: long segments cross as one frame" test "$longest" -gt 3000
    fi
    # Of each connection of 3 MB: all of it is there once, as far as sequence numbers go.
    t_eq "$offload: both transfers are whole" \
        "$("$scope" flows -j --rows 1000 "$pcap" | jq -r 'select((.client.bytes, .server.bytes) >= 3000000) | .stream' | sort -u | wc -l)" 2
done
finish
