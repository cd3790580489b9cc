#!/usr/bin/env python3
"""interop.py - the kernel's TCP, set in many ways, against stackd: every transfer must be whole.

    interop.py run BUILD REPORT     the whole matrix; results and measurements go to REPORT as JSON
    interop.py lane BUILD MTU WIRE CC    one lane (run calls this inside a new namespace); to stdout
    interop.py table REPORT DOC [--update]   the tables of DOC from REPORT; or are they still true?

A *lane* is a network namespace with one stackd, of one MTU and congestion control, on a clean or a bad
wire. The lanes run at once. Within a lane the kernel is set in one way after another (SETTINGS), and under each setting
seven connections run at once, because waiting is most of what a transfer does on a bad wire:

    down     the kernel opens, stackd sends (HTTP)
    up       the kernel opens and sends, once with each of its congestion controls
    both     stackd opens, both send, once with each of the kernel's congestion controls

The kernel's end of each is a socket of this program, which reads TCP_INFO (what `ss -ti` prints) when
the connection has ended; stackd's end is its HTTP server or `stackctl nc`, its retransmissions come
from `stackctl trace rtx`. What was negotiated is what tcpdump saw on the TAP: the SYN and its answer.
"""
import collections
import difflib
import hashlib
import json
import os
import random
import re
import select
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

WIRES = collections.OrderedDict([
    ("clean", []),
    ("bad", ["--drop-chance", "2", "--corrupt-chance", "0.5", "--reorder-chance", "5",
             "--duplicate-chance", "1", "--mark-chance", "5", "--delay", "5"]),
])
CONTROLS = ["reno", "cubic", "bbr"]
# Lanes: MTU, and how stackd is set: its congestion control, and --set; each on both wires.
LANES = [(576, "cubic"), (1280, "cubic"), (1500, "cubic"), (1500, "reno"), (1500, "bbr"), (9000, "cubic"),
         (1500, "cubic tcp_ecn=1"),
         (1500, "cubic tcp_sack=0 tcp_timestamps=0 tcp_window_scaling=0 tcp_ecn=0")]
KINDS = [("down", "cubic")] + [(k, c) for k in ("up", "both") for c in CONTROLS]

# What Linux does where nobody has set anything; every setting below starts from here.
DEFAULTS = {"tcp_sack": "1", "tcp_timestamps": "1", "tcp_window_scaling": "1", "tcp_ecn": "2",
            "tcp_dsack": "1", "tcp_early_retrans": "3", "tcp_recovery": "1",
            # One connection must not teach the next, and the window scale must not be the machine's.
            "tcp_no_metrics_save": "1", "tcp_rmem": "4096 131072 6291456"}
OFF = ["tcp_sack", "tcp_timestamps", "tcp_window_scaling", "tcp_ecn", "tcp_dsack",
       "tcp_early_retrans", "tcp_recovery"]
SETTINGS = collections.OrderedDict(
    [("all as Linux has it", {})] +
    [(name + " 0", {name: "0"}) for name in OFF] +
    [("tcp_ecn 1", {"tcp_ecn": "1"}),
     ("tcp_sack 0, tcp_timestamps 0", {"tcp_sack": "0", "tcp_timestamps": "0"}),
     ("all seven 0", {name: "0" for name in OFF})])

PATIENCE = 60  # seconds without a byte
SYS = "/proc/sys/net/ipv4/"
OURS, THEIRS = "10.0.0.2", "10.0.0.1"

# Counters of the kernel that say that it did not believe what we sent, and how far they may move: not
# at all; but when the wire has doubled more segments than the kernel has sent again, it takes D-SACKs
# for dubious, reads them as SACKs and discards them as such.
DISBELIEF = {"TCPSACKReneging": None, "TCPSACKDiscard": "TCPDSACKIgnoredDubious"}


class Failed(Exception):
    pass


# ---- the kernel's end ---------------------------------------------------------------------------

INFO = [("options", "B", 5), ("snd_mss", "I", 16), ("total_retrans", "I", 100),
        ("bytes_retrans", "Q", 208), ("dsack_dups", "I", 216), ("delivered_ce", "I", 196),
        ("total_rto", "H", 240)]
OPTIONS = [(2, "sack"), (1, "ts"), (4, "wscale"), (8, "ecn")]


def tcp_info(sock):
    raw = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 512)
    info = {n: struct.unpack_from("=" + f, raw, at)[0] for n, f, at in INFO
            if at + struct.calcsize(f) <= len(raw)}  # older kernels end earlier
    info["negotiated"] = [word for bit, word in OPTIONS if info["options"] & bit]
    return info


def pump(sock, out):
    """Send all of OUT and our FIN, and read until the other's; both at once."""
    sock.setblocking(False)
    poller, view, got = select.poll(), memoryview(out), []
    poller.register(sock, select.POLLIN | select.POLLOUT)
    ended = False
    if not view:
        sock.shutdown(socket.SHUT_WR)
        poller.modify(sock, select.POLLIN)
    while not ended or view:
        events = poller.poll(PATIENCE * 1000)
        if not events:
            raise Failed("nothing moves: %d bytes to send, %d received" %
                         (len(view), sum(map(len, got))))
        try:
            if view and events[0][1] & (select.POLLOUT | select.POLLERR):
                view = view[sock.send(view[:65536]):]
                if not view:
                    sock.shutdown(socket.SHUT_WR)
                    poller.modify(sock, 0 if ended else select.POLLIN)
            if not ended:
                chunk = sock.recv(65536)
                got.append(chunk)
                ended = not chunk
                if ended:
                    poller.modify(sock, select.POLLOUT if view else 0)
        except BlockingIOError:
            pass
        except OSError as e:
            raise Failed("%s: %d bytes to send, %d received" %
                         (e.strerror, len(view), sum(map(len, got))))
    return b"".join(got)


def new_socket(control):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, control.encode())
    return s


def controls_here():
    """Those that a socket in this namespace can choose; the others, with the reason."""
    good, bad = [], {}
    for c in CONTROLS:
        try:
            new_socket(c).close()
            good.append(c)
        except OSError as e:
            bad[c] = e.strerror
    return good, bad


def netstat():
    counters = {}
    for path in ("/proc/net/netstat", "/proc/net/snmp"):
        with open(path, encoding="ascii") as f:
            lines = f.read().splitlines()
        for names, values in zip(lines[::2], lines[1::2]):
            counters.update(zip(names.split()[1:], map(int, values.split()[1:])))
    return counters


# ---- one lane -----------------------------------------------------------------------------------

class Lane:
    def __init__(self, build, mtu, wire, cc, tmp):
        self.build, self.mtu, self.wire, self.cc, self.tmp = build, mtu, wire, cc, tmp
        self.control = os.path.join(self.tmp, "control")
        rng = random.Random(mtu)
        # On the bad wire as many segments at each MTU, so that each meets losses.
        self.size = 2000000 if wire == "clean" else max(400000, 250 * mtu)
        self.data = {name: rng.randbytes(self.size) for name in ("ours", "theirs")}
        os.mkdir(os.path.join(self.tmp, "root"))
        for name in self.data:
            with open(os.path.join(self.tmp, "root", name), "wb") as f:
                f.write(self.data[name])

    def program(self, name, *args, **kw):
        return subprocess.Popen([os.path.join(self.build, "bin", name), *args],
                                stdin=kw.pop("stdin", subprocess.DEVNULL), **kw)

    def ctl(self, *args, **kw):
        return self.program("stackctl", "--control", self.control, *args, **kw)

    def start(self):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        self.errors = open(os.path.join(self.tmp, "stackd.err"), "w+", encoding="utf-8")
        self.stackd = self.program(
            "stackd", "--tap", "tap0", "--mtu", str(self.mtu), "--cc", self.cc.split()[0],
            *["--set=" + s for s in self.cc.split()[1:]], "--control", self.control, "--seed",
            str(self.mtu), "--http-root", os.path.join(self.tmp, "root"), "--msl", "1",
            *WIRES[self.wire], stderr=subprocess.PIPE, text=True)
        for line in self.stackd.stderr:
            self.errors.write(line)
            if line.startswith("stackd: ready"):
                break
        else:
            raise Failed("stackd did not start")
        threading.Thread(target=lambda: self.errors.writelines(self.stackd.stderr), daemon=True).start()
        # Seven windows of small segments are more than the 1000 frames that a TAP holds: it would
        # lose some, and a clean wire does not.
        subprocess.run(["ip", "link", "set", "tap0", "txqueuelen", "20000"], check=True)
        self.rtx_file = open(os.path.join(self.tmp, "rtx"), "w+", encoding="utf-8")
        self.tracer = self.ctl("-j", "trace", "rtx", stdout=self.rtx_file, stderr=subprocess.DEVNULL)
        self.syn_file = open(os.path.join(self.tmp, "syn"), "w+", encoding="utf-8")
        self.sniffer = subprocess.Popen(
            ["tcpdump", "-l", "-nn", "-i", "tap0", "tcp[tcpflags] & tcp-syn != 0"],
            stdout=self.syn_file, stderr=subprocess.PIPE, text=True)
        for line in self.sniffer.stderr:
            if "listening on" in line:
                break
        threading.Thread(target=self.sniffer.stderr.read, daemon=True).start()

    def stop(self):
        self.sniffer.terminate()
        self.sniffer.wait()
        self.stackd.terminate()
        status = self.stackd.wait()
        self.tracer.wait()
        return status

    # Each kind of transfer: the kernel's socket goes into r["socket"], what arrived at either end is
    # returned.

    def down(self, r, control, _port):
        s = self.connect(r, control, 80)
        return {"ours": pump(s, b"GET /ours HTTP/1.0\r\n\r\n").partition(b"\r\n\r\n")[2]}

    def up(self, r, control, port):
        path = os.path.join(self.tmp, "up.%d" % port)
        with open(path, "wb") as f:
            nc = self.ctl("nc", "-l", str(port), stdout=f)
        pump(self.connect(r, control, port), self.data["theirs"])
        return {"theirs": self.read_end(nc, path)}

    def both(self, r, control, port):
        path = os.path.join(self.tmp, "both.%d" % port)
        with new_socket(control) as listener:
            listener.bind((THEIRS, port))
            listener.listen(1)
            listener.settimeout(PATIENCE)
            with open(path, "wb") as f, open(os.path.join(self.tmp, "root", "ours"), "rb") as source:
                nc = self.ctl("nc", THEIRS, str(port), stdin=source, stdout=f)
            s, _ = listener.accept()
        self.opened(r, s)
        got = pump(s, self.data["theirs"])
        return {"ours": got, "theirs": self.read_end(nc, path)}

    def connect(self, r, control, port):
        until = time.monotonic() + PATIENCE
        while True:
            s = new_socket(control)
            try:
                s.connect((OURS, port))
                self.opened(r, s)
                return s
            except ConnectionRefusedError:  # stackctl nc does not listen yet
                s.close()
                if time.monotonic() > until:
                    raise

    @staticmethod
    def opened(r, s):
        r["socket"] = s
        r["conn"] = "%s:%d-%s:%d" % (s.getpeername() + s.getsockname())

    @staticmethod
    def read_end(nc, path):
        try:
            status = nc.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            nc.kill()
            raise Failed("stackctl nc does not end")
        if status != 0:
            raise Failed("stackctl nc: status %d" % status)
        with open(path, "rb") as f:
            return f.read()

    def transfer(self, r, port):
        begun = time.monotonic()
        try:
            arrived = getattr(self, r["kind"])(r, r["control"], port)
            r["seconds"] = round(time.monotonic() - begun, 3)
            r["bytes"] = sum(map(len, arrived.values()))
            r["info"] = tcp_info(r["socket"])
            for name, got in arrived.items():
                if hashlib.sha256(got).digest() != hashlib.sha256(self.data[name]).digest():
                    raise Failed("%d bytes of %d, or not those that were sent" %
                                 (len(got), len(self.data[name])))
        except (Failed, OSError) as e:
            r["failed"] = str(e) or type(e).__name__
        finally:
            if "socket" in r:
                r.pop("socket").close()

    def setting(self, number, name, controls):
        """Seven transfers at once, with the kernel set as SETTINGS[name] says."""
        for key, value in dict(DEFAULTS, **SETTINGS[name]).items():
            with open(SYS + key, "w", encoding="ascii") as f:
                f.write(value)
        results = [{"setting": name, "kind": k, "control": c, "mtu": self.mtu, "wire": self.wire}
                   for k, c in KINDS if c in controls]
        before = netstat()
        threads = [threading.Thread(target=self.transfer, args=(r, 5000 + 10 * number + i))
                   for i, r in enumerate(results)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        after = netstat()
        return results, {k: after[k] - before[k] for k in after if after[k] != before.get(k)}

    def run(self):
        controls, missing = controls_here()
        report = {"mtu": self.mtu, "wire": self.wire, "cc": self.cc, "no_control": missing, "no_setting": {},
                  "transfers": [], "kernel": {}}
        self.start()
        for number, name in enumerate(SETTINGS):
            try:
                results, counters = self.setting(number, name, controls)
            except OSError as e:
                report["no_setting"][name] = e.strerror
                continue
            report["transfers"] += results
            report["kernel"][name] = counters
        report["status"] = self.stop()
        self.add_retransmissions(report)
        self.add_handshakes(report)
        return report

    def add_retransmissions(self, report):
        self.rtx_file.seek(0)
        causes = collections.defaultdict(collections.Counter)
        for line in self.rtx_file:
            event = json.loads(line)
            if event.get("kind") == "rtx":
                causes[event["conn"]][event["cause"]] += 1
        for r in report["transfers"]:
            r["rtx"] = causes.get(r.get("conn"), {})

    def add_handshakes(self, report):
        self.syn_file.seek(0)
        seen = {}
        for line in self.syn_file:
            m = re.search(r"IP (\S+)\.(\d+) > (\S+)\.(\d+): Flags \[(\S+)\],.* options \[(.*)\]", line)
            if m is None:
                continue
            a, b = "%s:%s" % m.group(1, 2), "%s:%s" % m.group(3, 4)
            conn = "%s-%s" % ((a, b) if a.startswith(OURS) else (b, a))
            options = re.sub(r"TS val \d+ ecr \d+", "TS", m.group(6))
            seen.setdefault((conn, "." in m.group(5)), "[%s] %s" % (m.group(5), options))
        for r in report["transfers"]:
            r["syn"], r["syn_ack"] = [seen.get((r.get("conn"), ack)) for ack in (False, True)]


# ---- all lanes ----------------------------------------------------------------------------------

def run(build, report_path):
    begun = time.monotonic()
    lanes = []
    for mtu, cc in LANES:
        for wire in WIRES:
            # A process namespace, too: when this program ends, everything in the lane does.
            lanes.append(subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--pid", "--fork", "--kill-child",
                 "--", sys.executable, os.path.realpath(__file__), "lane", build, str(mtu), wire, cc],
                stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True))
    reports = []
    for lane in lanes:
        text = lane.communicate()[0]
        if lane.returncode != 0:
            print("FAIL a lane ended with status %d" % lane.returncode)
            continue
        reports.append(json.loads(text))
    with open(report_path, "w", encoding="utf-8") as f:
        json.dump({"lanes": reports, "seconds": round(time.monotonic() - begun),
                   "kernel": os.uname().release, "date": time.strftime("%Y-%m-%d")}, f, indent=1)
    return judge(reports, len(lanes))


def lane_name(lane):
    return "MTU %d, %s wire, stackd with %s" % (lane["mtu"], lane["wire"], ", ".join(lane["cc"].split()))


def judge(reports, lanes):
    passed = failed = 0

    def claim(good, text):
        nonlocal passed, failed
        passed, failed = passed + bool(good), failed + (not good)
        if not good:
            print("FAIL " + text)

    claim(len(reports) == lanes, "%d of %d lanes reported" % (len(reports), lanes))
    for lane in reports:
        where = lane_name(lane)
        claim(lane["status"] == 0, "%s: stackd ends with status %d" % (where, lane["status"]))
        claim(lane["transfers"], "%s: no setting could be made" % where)
        for name, why in lane["no_setting"].items():
            print("     %s: %s: %s" % (where, name, why))
        for r in lane["transfers"]:
            claim("failed" not in r, "%s, %s: %s, %s: %s" % (where, r["setting"], r["kind"], r["control"],
                                                             r.get("failed")))
        for name, counters in lane["kernel"].items():
            bad = {k: counters[k] for k, but in DISBELIEF.items()
                   if counters.get(k, 0) > counters.get(but, 0)}
            claim(not bad, "%s, %s: the kernel counted %s" % (where, name, bad))
    # Marks came in, and our echo of marks made the kernel slow down. Where the bad wire eats the SYN or
    # the SYN-ACK of a connection the kernel tries again without ECN, and only one connection of a lane
    # has us as its sender: so this is asked of all lanes together.
    counted = [lane["kernel"]["tcp_ecn 1"] for lane in reports
               if lane["wire"] == "bad" and "tcp_ecn=0" not in lane["cc"] and "tcp_ecn 1" in lane["kernel"]]
    if counted:
        for counter, what in ("InCEPkts", "saw no mark"), ("TCPDeliveredCE", "heard of no mark"):
            claim(sum(c.get(counter, 0) for c in counted) > 0, "bad wires: the kernel " + what)
    if reports and reports[0]["no_control"]:
        print("     not to be had here: %s" % reports[0]["no_control"])
    print("interop: %d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


# ---- the document -------------------------------------------------------------------------------

def rows(head, body):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(cells) + " |" for cells in body]


def code(text):
    return "`%s`" % text if text else "not seen"


def handshakes(report):
    return rows(["the kernel's settings", "opens", "SYN", "SYN,ACK", "in force"],
                lane_handshakes(find_lane(report, "cubic"), SETTINGS))


def our_handshakes(report):
    body = []
    for _, cc in LANES:
        ours = cc.split()[1:]
        body += [[", ".join(ours)] + cells for cells in
                 lane_handshakes(find_lane(report, cc), ["all as Linux has it", "tcp_ecn 1"]) if ours]
    return rows(["stackd's settings", "the kernel's settings", "opens", "SYN", "SYN,ACK", "in force"], body)


def find_lane(report, cc):
    return next(l for l in report["lanes"] if l["wire"] == "clean" and l["cc"] == cc and
                (l["mtu"] == 1500 or cc not in ("cubic", "reno", "bbr")))


def lane_handshakes(lane, names):
    """Who opens, the SYN, its answer, and what the kernel then takes to be in force."""
    body = []
    for name in names:
        for opens, kinds in (("kernel", ("down", "up")), ("stackd", ("both",))):
            of = [r for r in lane["transfers"] if r["setting"] == name and r["kind"] in kinds]
            seen = sorted({(code(r["syn"]), code(r["syn_ack"]), ", ".join(r["info"]["negotiated"]) or "nothing")
                           for r in of if "info" in r})
            body += [[name, opens, *cells] for cells in seen]
    return body


def segment_sizes(report):
    body = []
    for lane in report["lanes"]:
        if lane["wire"] != "clean" or lane["cc"] != "cubic":
            continue
        for opens, kinds in (("kernel", ("down", "up")), ("stackd", ("both",))):
            of = [r for r in lane["transfers"] if r["setting"] == "all as Linux has it" and
                  r["kind"] in kinds and "info" in r]
            sizes = [sorted({re.search(r"mss (\d+)", r[k] or "mss 0").group(1) for r in of}) for k in ("syn", "syn_ack")]
            used = sorted({str(r["info"]["snd_mss"]) for r in of})
            body.append([str(lane["mtu"]), opens] + [", ".join(x) for x in sizes + [used]])
    return rows(["MTU", "opens", "MSS in the SYN", "MSS in the SYN,ACK", "payload of the kernel's full segments"], body)


def outcomes(report):
    lanes = report["lanes"]
    body = []
    for name in SETTINGS:
        cells = []
        for lane in lanes:
            of = [r for r in lane["transfers"] if r["setting"] == name]
            bad = sum("failed" in r for r in of)
            cells.append("%d failed" % bad if bad else "whole" if of else "not tried")
        body.append([name] + cells)
    return rows(["the kernel's settings"] + ["%d, %s, %s" % (l["mtu"], l["wire"], ", ".join(l["cc"].split())) for l in lanes], body)


def measured(report):
    lines = ["Measured on %s with Linux %s, %d transfers in %d s." %
             (report["date"], report["kernel"], sum(len(l["transfers"]) for l in report["lanes"]), report["seconds"])]
    first = report["lanes"][0]
    for what, why in list(first["no_control"].items()) + list(first["no_setting"].items()):
        lines.append("Not to be had there: `%s` (%s)." % (what, why))
    for lane in report["lanes"]:
        body = []
        for name in SETTINGS:
            by = {(r["kind"], r["control"]): r for r in lane["transfers"] if r["setting"] == name and "info" in r}
            body.append([name] + [cell(by[k]) if k in by else "" for k in KINDS])
        size = max([r["bytes"] for r in lane["transfers"] if r["kind"] == "down" and "bytes" in r], default=0)
        lines += ["", "**%s, %d bytes a direction**" % (lane_name(lane), size), ""]
        lines += rows(["the kernel's settings"] + [k if k == "down" else "%s, %s" % (k, c) for k, c in KINDS], body)
    return lines


def cell(r):
    theirs, ours = r["info"]["total_retrans"], sum(r["rtx"].values())
    text = "%.2f s" % r["seconds"]
    if theirs + ours > 0:
        text += ", %d (%d), %d (%d)" % (theirs, r["info"].get("total_rto", 0), ours, r["rtx"].get("timeout", 0))
    return text


# What is compared with the document, and what only --update writes, because it differs each time.
COMPARED = {"handshakes": handshakes, "our-handshakes": our_handshakes, "segment-sizes": segment_sizes, "outcomes": outcomes}
TABLES = dict(COMPARED, measured=measured)


def table(report_path, doc_path, update):
    with open(report_path, encoding="utf-8") as f:
        report = json.load(f)
    with open(doc_path, encoding="utf-8") as f:
        doc = f.read()
    stale = 0
    for name, make in TABLES.items():
        pattern = re.compile("(<!-- %s -->\n).*?(<!-- end -->)" % name, re.S)
        found = pattern.search(doc)
        if found is None:
            print("FAIL %s has no place for the table %s" % (doc_path, name))
            return 1
        text = "".join(line + "\n" for line in make(report))
        if update:
            doc = doc[:found.start()] + found.group(1) + text + found.group(2) + doc[found.end():]
        elif name in COMPARED and found.group(0) != found.group(1) + text + found.group(2):
            stale += 1
            print("FAIL %s: the table %s is not what was seen:" % (doc_path, name))
            sys.stdout.writelines("     " + line for line in difflib.unified_diff(
                found.group(0).splitlines(True)[1:-1], text.splitlines(True), "document", "seen", n=0))
    if update:
        with open(doc_path, "w", encoding="utf-8") as f:
            f.write(doc)
    return 1 if stale else 0


def main(args):
    if len(args) == 3 and args[0] == "run":
        return run(args[1], args[2])
    if len(args) in (3, 4) and args[0] == "table":
        return table(args[1], args[2], args[3:] == ["--update"])
    if len(args) == 5 and args[0] == "lane" and args[3] in WIRES:
        with tempfile.TemporaryDirectory(prefix="interop.") as tmp:
            json.dump(Lane(args[1], int(args[2]), args[3], args[4], tmp).run(), sys.stdout)
        return 0
    print(__doc__, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
