#!/usr/bin/env python3
"""toolbar.py EXTCAP STACKCTL CONTROL FOLDER - plays Wireshark's part with the control pipes of stackd-extcap:
reads what the toolbar is to show, chooses values, presses a button, reads the log."""
import json
import os
import select
import subprocess
import sys
import time

extcap, stackctl, control, folder = sys.argv[1:5]
paths = {name: os.path.join(folder, "tb-" + name) for name in ("fifo", "in", "out")}
for path in paths.values():
    os.mkfifo(path)

SET, ADD, STATUS, WARNING = 1, 2, 6, 8
LOSS, DELAY, RATE, GOOD, LOG = range(5)
failures = []


def fault(*words):
    out = subprocess.run([stackctl, "-j", "--control", control, "fault", *words], stdout=subprocess.PIPE, check=True).stdout
    return json.loads(out)["fault"] if out else None


def claim(what, ok):
    print(("ok   " if ok else "FAIL ") + what)
    if not ok:
        failures.append(what)


fault("loss", "3.25", "delay", "5")
# Wireshark opens the pipes before it starts the program; here, so that nothing waits for the other end.
out_fd = os.open(paths["out"], os.O_RDWR | os.O_NONBLOCK)
in_fd = os.open(paths["in"], os.O_RDWR)
fifo_fd = os.open(paths["fifo"], os.O_RDWR | os.O_NONBLOCK)
process = subprocess.Popen([extcap, "--capture", "--extcap-interface", "stackd-tap0", "--fifo", paths["fifo"],
                            "--extcap-control-in", paths["in"], "--extcap-control-out", paths["out"]])
received = b""


def message():
    """The next one from the program: (control, command, payload)."""
    global received
    end = time.monotonic() + 15
    while True:
        if len(received) >= 6:
            assert received[:1] == b"T", received
            length = int.from_bytes(received[1:4], "big")
            if len(received) >= 4 + length:
                whole, received = received[:4 + length], received[4 + length:]
                return whole[4], whole[5], whole[6:]
        ready, _, _ = select.select([out_fd, fifo_fd], [], [], max(0, end - time.monotonic()))
        if not ready:
            return None
        if fifo_fd in ready:
            os.read(fifo_fd, 65536)  # the capture itself
        if out_fd in ready:
            received += os.read(out_fd, 65536)


def until(wanted):
    """Messages up to the one that fits, which is returned."""
    while True:
        m = message()
        if m is None or wanted(m):
            return m


def say(control_number, command, payload=b""):
    length = (len(payload) + 2).to_bytes(3, "big")
    os.write(in_fd, b"T" + length + bytes([control_number, command]) + payload)


shown = [until(lambda m: m[1] == SET) if i else message() for i in range(4)]
claim("a value that is in no list is added", shown[0] == (LOSS, ADD, b"3.25\0003.25 %"))
claim("the toolbar shows how the wire is", shown[1:] == [(LOSS, SET, b"3.25"), (DELAY, SET, b"5"), (RATE, SET, b"0")])

say(LOSS, 0)  # Initialized: no answer
say(LOSS, SET, b"100")
claim("a value is confirmed", until(lambda m: m[1] in (STATUS, WARNING)) == (LOSS, STATUS, b"Loss 100 %"))
claim("and the wire is so, both ways", [fault()[d]["drop"] for d in ("rx", "tx")] == [100, 100])
# Two messages at once, and one in two pieces.
say(LOSS, SET, b"0")
os.write(in_fd, b"T\0\0\4" + bytes([DELAY]))
os.write(in_fd, bytes([SET]) + b"20")
claim("the next", until(lambda m: m[1] in (STATUS, WARNING)) == (LOSS, STATUS, b"Loss 0 %"))
claim("one in pieces", until(lambda m: m[1] in (STATUS, WARNING)) == (DELAY, STATUS, b"Delay 20 ms"))
claim("the delay is set", fault()["tx"]["delay"] == 20 and fault()["rx"]["drop"] == 0)
say(RATE, SET, b"fast")
m = until(lambda m: m[1] in (STATUS, WARNING))
claim("nonsense is a warning", m is not None and m[:2] == (RATE, WARNING) and b"fast" in m[2])
claim("and changes nothing", fault()["tx"]["rate"] == 0)
say(GOOD, SET)
claim("the button", until(lambda m: m[1] in (STATUS, WARNING)) == (GOOD, STATUS, b"a good wire"))
claim("the toolbar follows", until(lambda m: m[0] == DELAY) == (DELAY, SET, b"0"))
claim("the wire is good", fault()["rx"]["delay"] == 0)

subprocess.run(["nc", "-z", "10.0.0.2", "7"], timeout=10, check=True)
m = until(lambda m: m[0] == LOG and b"LISTEN -> SYN_RCVD (rcv SYN)" in m[2])
claim("the log tells events", m is not None and m[1] == ADD and m[2].endswith(b"\n"))

process.terminate()
try:
    claim("SIGTERM: status 0", process.wait(timeout=10) == 0)
except subprocess.TimeoutExpired:
    process.kill()
    claim("SIGTERM ends it", False)
sys.exit(1 if failures else 0)
