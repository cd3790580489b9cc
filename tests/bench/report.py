"""report.py - the generated parts of docs/performance.md, and the charts beside it.

A part stands between <!-- bench:NAME --> and <!-- /bench:NAME -->; everything else in the document is written
by hand and stays. Each workload is shown as the newest entry of the history has it, so what is compared with one
another was measured in the same run.
"""
import os
import re

import charts

# Sentence, workload, subject, metric, what is to hold, limit, and the subject whose figure bounds it.
GOALS = (
    ("bulk into the stack, 1 connection", "bulk-in", "stackd", "gbit_s", ">=", 40, "bound"),
    ("", "bulk-in", "stackd", "cpu_s_gb", "<=", 0.17, "bound"),
    ("", "bulk-in", "stackd", "of bound", ">=", 0.9, "bound"),
    ("the same, 8 connections", "bulk-in-8", "stackd", "gbit_s", ">=", 40, "bound"),
    ("", "bulk-in-8", "stackd", "jain", ">=", 0.9, None),
    ("bulk out of the stack, 1 connection, every byte copied", "bulk-out", "stackd-copying", "gbit_s", ">=", 42, "bound-copy"),
    ("", "bulk-out", "stackd-copying", "cpu_s_gb", "<=", 0.18, "bound-copy"),
    ("", "bulk-out", "stackd-copying", "of bound", ">=", 0.9, "bound-copy"),
    ("the same, the bytes lent (chargen)", "bulk-out", "stackd", "gbit_s", ">=", 42, "bound"),
    ("", "bulk-out", "stackd", "cpu_s_gb", "<=", 0.18, "bound"),
    ("bulk out, zero-copy: a file of 2 MB by HTTP, again and again", "bulk-out-file", "stackd", "gbit_s", ">=", 55, "bound"),
    ("bulk in without offload", "bulk-in", "stackd-plain", "gbit_s", ">=", 9.5, "bound-plain"),
    ("bulk out without offload", "bulk-out", "stackd-plain", "gbit_s", ">=", 3.2, "bound-plain"),
    ("HTTP keep-alive, 64 connections", "http", "stackd", "per_s", ">=", 220000, "bound-uring"),
    ("", "http", "stackd", "cpu_ms_1000", "<=", 4.5, "bound-uring"),
    ("new connections, the client closes first", "conns", "stackd", "per_s", ">=", 45000, "bound"),
    ("new connections, the server closes first", "conns-server", "stackd", "per_s", ">=", 45000, "bound"),
    ("the same for a minute", "conns-minute", "stackd", "per_s", ">=", 45000, "bound"),
    ("its worst second", "conns-minute", "stackd", "worst_second", ">=", 45000, "bound"),
    ("", "conns-minute", "stackd", "stalled", "<=", 0, None),
    ("UDP echo, 64 outstanding", "udp", "stackd", "per_s", ">=", 400000, "bound-uring"),
    ("ping asleep, p50", "ping", "stackd", "p50_us", "<=", 35, "bound"),
    ("ping asleep, p99", "ping", "stackd", "p99_us", "<=", 110, "bound"),
    ("ping with `--busy-poll`, p50", "ping", "stackd-spin", "p50_us", "<=", 8, "bound-spin"),
    ("ping with `--busy-poll`, p99", "ping", "stackd-spin", "p99_us", "<=", 20, "bound-spin"),
    ("memory of an idle connection, of 100,000", "idle", "stackd", "bytes_each", "<=", 256, None),
    ("one process, two hosts on a cable, MTU 1500", "cable", "stackd", "gbit_s", ">=", 60, None),
    ("the same, 64 KB", "cable-64k", "stackd", "gbit_s", ">=", 140, None),
    ("1,000,000 connections in virtual time: memory of the host", "virtual-connections", "stackd@1000000", "mb", "<=", 400, None),
    ("their cost of a packet over that at 100", "virtual-connections", "stackd@1000000", "of 100", "<=", 1.5, None),
    ("1,000,000 connections across the TAP, at rest: memory of the process", "idle-million", "stackd", "peak_mb", "<=", 400, None),
    ("their cost of a packet over that at 100, all in turn", "grow-connections", "stackd@1000000", "of 100", "<=", 1.5, None),
)


def share_of(bound):
    """The name of the metric: which part of what @bound reaches."""
    return "of " + bound


def bounds_of(workload, cell):
    """The bounds that the goals of a cell are shares of."""
    return [g[6] for g in GOALS if g[1:4] == (workload, cell, "of bound")]


RIVALS = ("lwip", "lwip-tuned", "gvisor", "gvisor-gso")
NAMES = {
    "stackd-copying": "stackd, copying", "stackd-plain": "stackd, no offload", "stackd-spin": "stackd --busy-poll", "stackd-awake": "stackd --stay-awake", "stackd-queues": "stackd --queues 2",
    "lwip": "lwIP", "gvisor": "gVisor",
    "kernel": "Linux over veth", "bound": "bound", "bound-copy": "bound, one copy", "bound-plain": "bound, no offload",
    "bound-uring": "bound, io_uring", "bound-spin": "bound, spinning", "lwip-tuned": "lwIP, tuned", "gvisor-gso": "gVisor, offload",
}
TITLES = {
    "bulk-in": "into the stack, 1 connection", "bulk-in-8": "into the stack, 8 connections",
    "bulk-out": "out of the stack, 1 connection", "bulk-out-8": "out of the stack, 8 connections",
    "bulk-out-file": "out of the stack, a file by HTTP", "http": "HTTP requests, 64 connections",
    "conns": "new connections, client closes first", "conns-server": "new connections, server closes first",
    "conns-minute": "new connections for a minute", "udp": "UDP echo, 64 outstanding",
    "udp-trains": "UDP echo of trains of 44 datagrams of 1400 bytes, 4 outstanding: bytes each way",
    "ping": "ping", "idle": "idle connections (stackd 100,000, others 10,000)", "idle-million": "1,000,000 idle connections", "cable": "two hosts in one process, MTU 1500",
    "cable-64k": "two hosts in one process, MTU 65535", "cable-copy": "two hosts in one process, MTU 1500, one copy in",
}
UNITS = {
    "gbit_s": ("Gbit/s", "{:.2f}"), "cpu_s_gb": ("s/GB", "{:.3f}"), "of bound": ("of the bound", "{:.2f}"), "jain": ("Jain", "{:.3f}"),
    "per_s": ("/s", "{:,.0f}"), "cpu_ms_1000": ("ms/1000", "{:.2f}"), "worst_second": ("/s", "{:,.0f}"), "stalled": ("stalled", "{:.0f}"),
    "p50_us": ("µs", "{:.1f}"), "p99_us": ("µs", "{:.1f}"), "bytes_each": ("bytes", "{:.0f}"), "peak_mb": ("MB", "{:.0f}"),
    "of 100": ("times", "{:.2f}"), "mb": ("MB", "{:.0f}"), "ns_frame": ("ns", "{:.0f}"), "gbit_each": ("Gbit/s", "{:.3f}"),
}
LESS = ("cpu_s_gb", "cpu_ms_1000", "p50_us", "p99_us", "bytes_each", "peak_mb")


class Book:
    """The newest entry of each workload."""

    def __init__(self, entries):
        self.of = {}
        for e in entries:
            for w in e["results"]:
                self.of[w] = e

    def cells(self, workload):
        return self.of[workload]["results"][workload] if workload in self.of else {}

    def value(self, workload, cell, metric):
        """[median, least, most], or None."""
        v = self.cells(workload).get(cell)
        if v is None and workload == "bulk-out-file" and cell.startswith("bound"):
            v = self.cells("bulk-out").get(cell)
        if v is None:
            return None
        if metric == "peak_mb":
            return [x * 1024 / 1e6 for x in v["peak_kb"]] if "peak_kb" in v else None
        if metric == "of 100":
            base = self.value(workload, "stackd@100", "ns_frame")
            return [x / base[0] for x in v["ns_frame"]] if base and "ns_frame" in v else None
        return v.get(metric)

    def of_bound(self, workload, cell, bound):
        share = self.value(workload, cell, share_of(bound))
        if share is not None:
            return share
        ours, theirs = self.value(workload, cell, "gbit_s"), self.value(workload, bound, "gbit_s")
        return [x / theirs[0] for x in ours] if ours and theirs else None


def number(metric, v):
    return UNITS[metric][1].format(v)


def with_unit(metric, v):
    return f"{number(metric, v)} {UNITS[metric][0]}"


def goals(book):
    out = ["| workload | goal | stackd | of runs from - to | best rival | Linux over veth | bound | |",
           "|---|---|---:|---|---:|---:|---:|---|"]
    met = 0
    for title, workload, cell, metric, op, limit, bound in GOALS:
        value = book.of_bound(workload, cell, bound) if metric == "of bound" else book.value(workload, cell, metric)
        if value is None:
            out.append(f"| {title} | {op.replace('>=', '≥').replace('<=', '≤')} {with_unit(metric, limit)} | | | | | | not measured |")
            continue
        ok = value[0] >= limit if op == ">=" else value[0] <= limit
        met += ok
        pick = min if metric in LESS else max
        plain = cell == "stackd-plain"  # compared with those that have no offload, either
        others = [(book.value(workload, r, metric), r) for r in RIVALS if not (plain and r == "gvisor-gso")]
        others = [(v[0], r) for v, r in others if v]
        best = pick(others) if others and "@" not in cell else None
        kernel = book.value(workload, "kernel", metric) if "@" not in cell and not plain else None
        limit_of = book.value(workload, bound, metric) if bound and metric != "of bound" else None
        n = book.cells(workload)[cell]["n"]
        out.append(f"| {title} | {op.replace('>=', '≥').replace('<=', '≤')} {with_unit(metric, limit)} | **{number(metric, value[0])}** | "
                   f"{number(metric, value[1])} - {number(metric, value[2])}{f' ({n})' if n > book.of[workload]['runs'] else ''} | "
                   f"{number(metric, best[0]) + ' ' + NAMES.get(best[1], best[1]) if best else ''} | "
                   f"{number(metric, kernel[0]) if kernel else ''} | {number(metric, limit_of[0]) if limit_of else ''} | "
                   f"{'met' if ok else '**not met**'} |")
    out.append("")
    out.append(f"{met} of {len(GOALS)} met.")
    return "\n".join(out)


def machine(book):
    out = []
    for e in {id(e): e for e in book.of.values()}.values():
        m, v = e["machine"], e["versions"]
        of = [w for w in book.of if book.of[w] is e]
        alone = "".join(f" {say} {e['alone'][k][0]:.2f} processors in the median run, {e['alone'][k][2]:.2f} at most."
                        for k, say in (("others", "Other work on the machine took"), ("stolen", "The hypervisor withheld")) if k in e.get("alone", {}))
        more = [(w, ", ".join(NAMES.get(c, c) for c, v in book.cells(w).items() if v["n"] > e["runs"])) for w in of]
        most = max(v["n"] for w in of for v in book.cells(w).values())
        again = f", and of those whose goal lay between the least and the most of them {most} ({'; '.join(f'{w}: {c}' for w, c in more if c)})"
        out.append(f"Measured with commit {e['commit']} of {e['date']} ({', '.join(of)}): {e['runs']} runs of {e['seconds']:g} s each, subjects in turn{again if most > e['runs'] else ''}.{alone} "
                   f"{m['cpu']}{', a virtual machine' if m['virtual'] else ''}, {m['cpus']} processors, {m['memory_gb']} GB; Linux {m['kernel']}; "
                   f"{v.get('compiler', '')}, {v.get('build', '')}. "
                   + " ".join(f"{p} {v[p]}." for p in ("liblwip-dev", "golang-gvisor-gvisor-dev", "golang-go", "liburing-dev") if p in v))
    return "\n\n".join(out)


def everything(book):
    """All numbers, a table for each workload."""
    metrics = ("gbit_s", "per_s", "p50_us", "p99_us", "bytes_each", "cpu_s_gb", "cpu_ms_1000", "ns_frame", "jain", "stalled", "worst_second")
    titles = {"p50_us": "p50 µs", "p99_us": "p99 µs", "ns_frame": "CPU ns/frame", "bytes_each": "bytes each", "cpu_s_gb": "CPU s/GB",
              "cpu_ms_1000": "CPU ms/1000", "worst_second": "worst second", "jain": "Jain", "stalled": "stalled", "gbit_s": "Gbit/s", "per_s": "per second"}
    out = []
    for workload, title in TITLES.items():
        cells = book.cells(workload)
        if not cells:
            continue
        used = [m for m in metrics if any(m in v for v in cells.values())]
        out.append(f"**{workload}**: {title}\n")
        out.append("| subject | " + " | ".join(titles[m] for m in used) + " | its core busy | client's core busy | frames/s in | out | peak MB |")
        out.append("|---|" + "---:|" * (len(used) + 5))
        for cell, v in cells.items():
            row = []
            for k, m in enumerate(used):
                spread = f" ({number(m, v[m][1])} - {number(m, v[m][2])})" if m in v and k == 0 else ""
                row.append(number(m, v[m][0]) + spread if m in v else "")
            extra = [f"{v[m][0] * 100:.0f} %" if m in v else "" for m in ("busy", "client_busy")]
            extra += [f"{v[m][0]:,.0f}" if m in v else "" for m in ("frames_in", "frames_out")]
            extra.append(f"{v['peak_kb'][0] * 1024 / 1e6:.1f}" if "peak_kb" in v else "")
            out.append(f"| {NAMES.get(cell, cell)} | " + " | ".join(row + extra) + " |")
        if any("each_second" in v for v in cells.values()):
            out.append(f"\n![{title}: each second](performance-minute.svg)")
        out.append("")
    return "\n".join(out).rstrip()


def grown(book, workload, title, metrics):
    cells = book.cells(workload)
    if not cells:
        return "Not measured yet."
    out = [f"| {title} | subject | " + " | ".join(h for _, h in metrics) + " |", "|---:|---|" + "---:|" * len(metrics)]
    for cell, v in cells.items():
        subject, point = cell.split("@")
        out.append(f"| {float(point):,g} | {NAMES.get(subject, subject)} | "
                   + " | ".join(number(m, v[m][0]) if m in v else "" for m, _ in metrics) + " |")
    return "\n".join(out)


def series(book, workload, metric, factor=1.0):
    by = {}
    for cell, v in book.cells(workload).items():
        subject, point = cell.split("@")
        if metric in v:
            by.setdefault(NAMES.get(subject, subject), []).append((float(point), *(x * factor for x in v[metric])))
    return list(by.items())


def bar_panel(book, workload, metric, unit, goal=None, title=None):
    rows = []
    for cell, v in book.cells(workload).items():
        if metric in v:
            rows.append((NAMES.get(cell, cell), cell, *v[metric]))
    return (title or TITLES[workload], unit, rows, goal)


def goal_of(workload, metric):
    return next((g[5] for g in GOALS if g[1] == workload and g[2] == "stackd" and g[3] == metric), None)


def pictures(book):
    """{file: svg}"""
    out = {}
    groups = {
        "bulk": [(w, "gbit_s", "Gbit/s") for w in ("bulk-in", "bulk-out", "bulk-in-8", "bulk-out-8")],
        "cpu": [(w, m, u) for w, m, u in (("bulk-in", "cpu_s_gb", "CPU s/GB: less is better"), ("bulk-out", "cpu_s_gb", "CPU s/GB: less is better"),
                                          ("http", "cpu_ms_1000", "CPU ms/1000: less is better"), ("conns", "cpu_ms_1000", "CPU ms/1000: less is better"))],
        "messages": [(w, "per_s", "per second") for w in ("http", "udp", "conns", "conns-server")],
        "latency": [("ping", "p50_us", "p50, µs: less is better"), ("ping", "p99_us", "p99, µs: less is better")],
    }
    for name, members in groups.items():
        panels = [bar_panel(book, w, m, u, goal_of(w, m)) for w, m, u in members if book.cells(w)]
        panels = [p for p in panels if p[2]]
        if panels:
            out[f"performance-{name}.svg"] = charts.bars(panels)
    minute = [(NAMES.get(c, c), [(k + 1, x, x, x) for k, x in enumerate(v["each_second"])])
              for c, v in book.cells("conns-minute").items() if "each_second" in v]
    if minute:
        out["performance-minute.svg"] = charts.curves([("new connections in each second of a minute", minute)], "seconds", log=False, ticks=range(10, 61, 10))
    virtual = [(t, series(book, "virtual-connections", m)) for t, m in (("bytes of a connection at rest", "bytes_each"), ("CPU ns a packet", "ns_frame"))]
    if all(s for _, s in virtual):
        virtual[0] = (virtual[0][0], [(n, [p for p in points if p[0] >= 1000]) for n, points in virtual[0][1]])
        out["performance-virtual.svg"] = charts.curves(virtual, "connections", ticks=[1, 100, 10000, 1000000])
    for workload, rate, rate_title, x_title in (
            ("grow-connections", "per_s", "messages a second", "connections"),
            ("grow-loss", "gbit_s", "Gbit/s", "frames lost, per cent"),
            ("grow-mtu", "gbit_s", "Gbit/s", "MTU, bytes"),
            ("grow-message", "per_s", "messages a second", "bytes of a message")):
        panels = [(t, series(book, workload, m)) for t, m in ((rate_title, rate), ("CPU ns a frame", "ns_frame"))]
        if all(s for _, s in panels):
            out[f"performance-{workload[5:]}.svg"] = charts.curves(panels, x_title, log=workload != "grow-loss")
    return out


def parts(book):
    rates = (("gbit_s", "Gbit/s"), ("cpu_s_gb", "CPU s/GB"), ("ns_frame", "CPU ns/frame"))
    counts = (("per_s", "per second"), ("cpu_ms_1000", "CPU ms/1000"), ("ns_frame", "CPU ns/frame"), ("p50_us", "p50 µs"), ("p99_us", "p99 µs"))
    return {
        "goals": goals(book),
        "machine": machine(book),
        "all": everything(book),
        "connections": grown(book, "grow-connections", "connections", counts),
        "virtual": grown(book, "virtual-connections", "connections", (("ns_frame", "CPU ns a packet"), ("bytes_each", "bytes each"), ("mb", "MB in all"))),
        "loss": grown(book, "grow-loss", "lost, %", rates),
        "mtu": grown(book, "grow-mtu", "MTU", rates),
        "message": grown(book, "grow-message", "bytes", counts[:1] + (("gbit_each", "Gbit/s each way"),) + counts[1:]),
    }


def write(entries, top, check):
    if not entries:
        print("results.py: there is no history yet: run bench.sh")
        return 1
    book = Book(entries)
    docs = os.path.join(top, "docs")
    document = os.path.join(docs, "performance.md")
    text = open(document, encoding="utf-8").read()
    for name, part in parts(book).items():
        text, found = re.subn(rf"(<!-- bench:{name} -->\n).*?(<!-- /bench:{name} -->)", lambda m, p=part: m.group(1) + p + "\n" + m.group(2), text, flags=re.S)
        if found != 1:
            print(f"results.py: docs/performance.md has no place for {name}")
            return 1
    files = {document: text, **{os.path.join(docs, f): s for f, s in pictures(book).items()}}
    stale = [f for f, s in files.items() if not os.path.exists(f) or open(f, encoding="utf-8").read() != s]
    for f in stale:
        print(f"{os.path.relpath(f, top)} {'is not what the history gives: tests/bench/bench.sh --report' if check else 'written'}")
        if not check:
            with open(f, "w", encoding="utf-8") as out:
                out.write(files[f])
    return 1 if check and stale else 0
