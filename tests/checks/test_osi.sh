#!/bin/sh
# test_osi.sh - `stackscope osi` of frames of the captures that are kept: what was approved, the same in every
# format, with numbers that another program computes, too.
#
# Usage: test_osi.sh [BUILD-DIRECTORY]
#
# The pages that somebody looked at stand in tests/scope/golden; `STACKD_GOLDEN=write` writes them anew.
[ $# -eq 0 ] && set -- build
. "$(dirname "$0")/lib.sh"
scope=$build/bin/stackscope
golden=tests/scope/golden
[ -x "$scope" ] || { echo "test_osi.sh: no $scope" >&2; exit 2; }

# same NAME ARGUMENTS...: what osi prints is what was approved.
same() {
    name=$1
    shift
    "$scope" osi "$@" >"$tmp/out" 2>"$tmp/bad" || echo "exit $?" >>"$tmp/bad"
    [ "${STACKD_GOLDEN:-}" = write ] && cp "$tmp/out" "$golden/$name"
    [ -s "$golden/$name" ] || echo "$golden/$name is missing" >>"$tmp/bad"
    diff -u "$golden/$name" "$tmp/out" >>"$tmp/bad" 2>&1
    verdict "$name"
}
same http.osi-12.txt captures/http.pcapng 12 --net 10.0.0.1/24
same http.osi-10.txt --ascii 10 captures/http.pcapng
same http.osi-1.txt captures/http.pcapng 1
same fragments.osi-9.txt captures/fragments.pcapng 9
same fragments.osi-ping.txt captures/fragments.pcapng first icmp
same refused.osi-icmp.txt captures/refused.pcapng first 'icmp[0] = 3'
same http.osi-12.svg captures/http.pcapng 12 --format svg

# says PATTERN ARGUMENTS...: a sentence of it.
says() {
    pattern=$1
    shift
    "$scope" osi -j "$@" >"$tmp/out" 2>&1
    jq -r '.layers[].why[]' <"$tmp/out" >"$tmp/why" 2>&1
    : >"$tmp/bad"
    grep -q "$pattern" "$tmp/why" || cat "$tmp/why" >"$tmp/bad"
    verdict "$pattern"
}
says '10.0.0.1 AND 255.255.255.0 = 10.0.0.0, 10.0.0.2 AND 255.255.255.0 = 10.0.0.0: the same' --net 10.0.0.2/24 12 captures/http.pcapng
says '10.0.0.1 AND 255.255.255.254 = 10.0.0.0, 10.0.0.2 AND 255.255.255.254 = 10.0.0.2: not the same' --net 10.0.0.1/31 12 captures/http.pcapng
# The same sum by hand, of the 20 bytes behind the Ethernet header.
bytes=$("$scope" frames -w "$tmp/one.pcapng" captures/http.pcapng tcp port 80 >/dev/null && python3 -c '
import struct, sys
data, at, number = open(sys.argv[1], "rb").read(), 0, 0
while number < 4: # the fourth segment is frame 12
    kind, length = struct.unpack_from("<II", data, at)
    number += kind == 6
    at += length
header = data[at - length + 28 + 14:][:20]
words = [w for i, w in enumerate(struct.unpack(">10H", header)) if i != 5]
total = sum(words)
low = (total >> 16) + (total & 0xffff)
print("Checksum: %s = %x; %x + %04x = %04x; inverted %04x, and the header says %s: right" % (" + ".join("%04x" % w for w in words),
    total, total >> 16, total & 0xffff, low, low ^ 0xffff, header[10:12].hex()))' "$tmp/one.pcapng")
says "${bytes:-no sum}" 12 captures/http.pcapng
says 'It takes the server from LISTEN to SYN_RCVD (rcv SYN)' 9 captures/http.pcapng
says 'It takes the client from SYN_SENT to ESTABLISHED (rcv SYN,ACK)' 10 captures/http.pcapng
says 'offset field is 185, x 8 = 1480: it brings the bytes 1480 to 2959' first captures/fragments.pcapng 'ip[6:2] & 0x1fff != 0'
says 'A probe (RFC 5227)' first captures/http.pcapng
says "Content-Type says what the bytes behind the empty line are: text/html" 13 captures/http.pcapng

# Every frame of every capture: text, ASCII, JSON and SVG hold, and the FCS is the one of zlib.
cat >"$tmp/check.py" <<'PY'
import json, subprocess, struct, sys, zlib
import xml.etree.ElementTree as xml
scope, bad = sys.argv[1], []
def run(*args):
    done = subprocess.run([scope, "osi", *args], capture_output=True)
    if done.returncode or done.stderr:
        bad.append(f"{args}: {done.returncode} {done.stderr}")
    return done.stdout
def frames(path):
    with open(path, "rb") as file:
        data = file.read()
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        if kind == 6:
            captured, = struct.unpack_from("<I", data, at + 20)
            yield data[at + 28:at + 28 + captured]
        at += length
count = 0
for path in sys.argv[2:]:
    for number, frame in enumerate(frames(path), 1):
        if number > 12 and number % 5:
            continue
        count += 1
        page = json.loads(run("-j", "-i", "all", path, str(number)))
        crc = "0x%08x" % zlib.crc32(frame.ljust(60, b"\0"))
        if not any(f" is {crc} " in why for why in page["layers"][0]["why"]):
            bad.append(f"{path} {number}: the FCS is {crc}")
        for layer in page["layers"]:
            for field in layer["fields"]:
                if "at" not in field:
                    continue
                end = field["at"] * 8 + field["bit"] + field["bits"]
                if field["bits"] <= 32:
                    word = int.from_bytes(frame, "big") >> (len(frame) * 8 - end) & (1 << field["bits"]) - 1
                    text = field["value"]
                    if text.isdigit() or text.startswith("0x"):
                        if int(text, 0) != word:
                            bad.append(f"{path} {number}: {field} but the bits say {word}")
        if not all(c < 128 for c in run("--ascii", "-i", "all", path, str(number))):
            bad.append(f"{path} {number}: not ASCII")
        if xml.fromstring(run("--format", "svg", "-i", "all", path, str(number))).tag != "{http://www.w3.org/2000/svg}svg":
            bad.append(f"{path} {number}: no SVG")
if count < 50:
    bad.append(f"only {count} frames")
print("\n".join(bad))
PY
python3 "$tmp/check.py" "$scope" captures/*.pcapng >"$tmp/out" 2>&1
grep . "$tmp/out" >"$tmp/bad"
verdict "fields, FCS and formats of all captures"

# refused NAME STATUS PATTERN ARGUMENTS...: it ends so, with this on standard error.
refused() {
    what=$1 want=$2 pattern=$3
    shift 3
    "$scope" osi "$@" >"$tmp/out" 2>"$tmp/err"
    status=$?
    : >"$tmp/bad"
    [ $status -eq "$want" ] || echo "exit $status, not $want" >"$tmp/bad"
    grep -Eq "$pattern" "$tmp/err" || cat "$tmp/err" >>"$tmp/bad"
    verdict "$what"
}
refused "no such frame" 2 'frame 99 is not among its 21 frames' 99 captures/http.pcapng
refused "a frame that the filter leaves out" 2 'frame 1 is not among' 1 captures/http.pcapng tcp
refused "no frame left" 2 'no such frame' first captures/http.pcapng udp port 4
refused "no number" 1 'no number of a frame' nine captures/http.pcapng
refused "no prefix" 1 '10.0.0.1/24' --net 10.0.0.1 1 captures/http.pcapng
finish osi
