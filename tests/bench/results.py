#!/usr/bin/env python3
"""results.py - from the runs of bench.sh to medians, the history, the document and its charts.

    results.py [--history FILE] take [--keep] [--compare] --runs N --seconds S --build DIR --took S FILE
        FILE has a line of JSON for each run. Prints the table; --keep adds the medians to history.json;
        --compare says what is worse than in the last entry there of the same machine.
    results.py hovering --workload NAME FILE
        says which subjects have a goal (report.py) within the spread of their runs, and their bounds: they run again.
    results.py report [--check]
        writes the generated parts of docs/performance.md and docs/performance-*.svg from history.json;
        --check only says whether they are current.

A metric of a cell (workload, subject) is [median, least, most] over the runs. A workload that grows has
cells for each point. Where a goal is a share of the bound, each run is divided by the bound's of the same turn, which
is its neighbour in time, and the share is the median of that: what slows the machine down for seconds slows both. Nothing
here measures anything.
"""
import argparse
import datetime
import json
import os
import re
import statistics
import subprocess
import sys

import report

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
HISTORY = os.path.join(HERE, "history.json")

# What a run tells, by metric: from its line of JSON. None: it does not tell.
METRICS = {
    "gbit_s": lambda r: r.get("gbit_s"),
    "per_s": lambda r: r.get("per_s") if "bytes_each" not in r else None,
    "opened_per_s": lambda r: r.get("per_s") if "bytes_each" in r else None,
    "gbit_each": lambda r: r["per_s"] * r["size"] * 8 / 1e9 if "size" in r else None,
    "p50_us": lambda r: r.get("p50_us"),
    "p99_us": lambda r: r.get("p99_us"),
    "bytes_each": lambda r: r["bytes"] if "woken" in r else r.get("bytes_each"),
    "mb": lambda r: r.get("mb"),
    "cpu_s_gb": lambda r: r["cpu_s"] / (r["bytes"] / 1e9) if "gbit_s" in r and "cpu_s" in r else None,
    "cpu_ms_1000": lambda r: r["cpu_s"] * 1e6 / r["count"] if "count" in r and "cpu_s" in r else None,
    "ns_frame": lambda r: r["cpu_s"] * 1e9 / max(1, r["frames_in"] + r["frames_out"]) if "frames_in" in r else r.get("ns_per_frame", r.get("ns")),
    "frames_in": lambda r: r["frames_in"] / r["seconds"] if "frames_in" in r else None,
    "frames_out": lambda r: r["frames_out"] / r["seconds"] if "frames_in" in r else None,
    "busy": lambda r: r["cpu_s"] / r["seconds"] if "cpu_s" in r else None,
    "client_busy": lambda r: r["client_cpu_s"] / r["seconds"] if "client_cpu_s" in r else None,
    "others": lambda r: r["others_cpu_s"] / r["seconds"] if "others_cpu_s" in r else None,
    "stolen": lambda r: r["stolen_s"] / r["seconds"] if "stolen_s" in r else None,
    "jain": lambda r: r.get("jain") if r.get("connections", 1) > 1 else None,
    "retransmitted": lambda r: r.get("retransmitted"),
    "stalled": lambda r: r.get("stalled"),
    "worst_second": lambda r: r.get("worst_second"),
    "lost": lambda r: r.get("lost"),
    "peak_kb": lambda r: r.get("peak_kb"),
}
# Which is better: more or less. What is not here is not compared.
BETTER = {"gbit_s": 1, "per_s": 1, "p50_us": -1, "p99_us": -1, "bytes_each": -1, "cpu_s_gb": -1, "cpu_ms_1000": -1}
# And by how much a median has to be worse: a 99th percentile is made of few events.
APART = {"p99_us": 0.15}
UNIT = {
    "gbit_s": "Gbit/s", "per_s": "/s", "p50_us": "us", "p99_us": "us", "bytes_each": "bytes each",
    "cpu_s_gb": "CPU s/GB", "cpu_ms_1000": "CPU ms/1000",
}


def significant(v):
    """As many digits as mean something."""
    return float(f"{v:.5g}")


def read_runs(path, only=None):
    """{workload: {cell: {number of the run: its line of JSON}}}, a point being part of the cell: `stackd@10`."""
    runs = {}
    for line in open(path, encoding="utf-8"):
        run = json.loads(line)
        if run["result"] is None or only not in (None, run["workload"]):
            continue
        cell = run["subject"] + ("@" + run["point"] if run["point"] else "")
        runs.setdefault(run["workload"], {}).setdefault(cell, {})[run["run"]] = run["result"]
    return runs


def three(values):
    return [significant(x) for x in (statistics.median(values), min(values), max(values))]


def medians(runs):
    """{workload: {cell: {metric: [median, least, most]}}}"""
    out = {}
    for workload, cells in runs.items():
        for cell, results in cells.items():
            values = out.setdefault(workload, {}).setdefault(cell, {"n": len(results)})
            for metric, f in METRICS.items():
                v = [f(r) for r in results.values()]
                if all(x is not None for x in v):
                    values[metric] = three(v)
            for bound in report.bounds_of(workload, cell):
                shares = [r["gbit_s"] / cells[bound][run]["gbit_s"] for run, r in results.items() if run in cells.get(bound, {})]
                if shares:
                    values[report.share_of(bound)] = three(shares)
            if len(results) == 1 and "each_second" in (alone := next(iter(results.values()))):
                values["each_second"] = alone["each_second"]
    return out


def hovering(results, workload):
    """Subjects of @workload to run again, as what they are to reach lies between their least and their most. On which side the
    median is plays no part."""
    again = []
    for _, of, cell, metric, _, limit, bound in report.GOALS:
        v = results.get(of, {}).get(cell)
        if of != workload or v is None:
            continue
        _, least, most = v.get(report.share_of(bound) if metric == "of bound" else metric, (0, 0, 0))
        if least <= limit <= most and least < most:
            again += [s for s in (cell, bound) if s in results[workload] and s not in again]
    return again


# ---- the machine ----

def command(*args):
    try:
        return subprocess.run(args, capture_output=True, text=True, check=True, cwd=TOP).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def first(path, pattern):
    m = re.search(pattern, open(path, encoding="utf-8").read(), re.M)
    return m.group(1).strip() if m else ""


def machine():
    gb = int(first("/proc/meminfo", r"^MemTotal: *(\d+)")) / 1e6
    return {
        "cpu": first("/proc/cpuinfo", r"^model name\s*: (.*)$") or os.uname().machine,
        "cpus": len(os.sched_getaffinity(0)),
        "memory_gb": round(gb),
        "virtual": " hypervisor" in first("/proc/cpuinfo", r"^flags\s*:(.*)$"),
        "kernel": os.uname().release,
    }


def versions(build):
    v = {}
    for p in ("liblwip-dev", "golang-gvisor-gvisor-dev", "golang-go", "liburing-dev"):
        found = command("dpkg-query", "-W", "-f", "${Version}", p)
        if found:
            v[p] = found
    cache = os.path.join(build, "CMakeCache.txt")
    cc = first(cache, r"^CMAKE_C_COMPILER:[A-Z]*=(.*)$")
    v["compiler"] = command(cc, "--version").split("\n", maxsplit=1)[0]
    v["build"] = first(cache, r"^CMAKE_BUILD_TYPE:[A-Z]*=(.*)$")
    return v


# ---- the history ----

def history(path):
    if not os.path.exists(path):
        return []
    return json.load(open(path, encoding="utf-8"))


def write_history(path, entries):
    """One workload a line, so that a difference can be read."""
    text = []
    for e in entries:
        head = {k: v for k, v in e.items() if k != "results"}
        cells = ",\n".join(f"  {json.dumps(w)}: {json.dumps(c)}" for w, c in e["results"].items())
        text.append(json.dumps(head)[:-1] + ', "results": {\n' + cells + "\n}}")
    with open(path, "w", encoding="utf-8") as f:
        f.write("[\n" + ",\n".join(text) + "\n]\n")


# Beside which bound a subject is judged: that one tells what the machine was like.
BOUND_OF = {"stackd-plain": "bound-plain", "stackd-spin": "bound-spin", "stackd-copying": "bound-copy"}


def slower(before, now, metric):
    """How much the machine itself has changed for the worse: by what the bound reached then and now. 1 where it is better."""
    if metric not in before or metric not in now or not before[metric][0] or not now[metric][0]:
        return 1
    factor = now[metric][0] / before[metric][0]
    return min(1, factor) if BETTER[metric] > 0 else max(1, factor)


def compare(entries, new):
    """What is worse than in the newest of @entries with that workload: the runs do not overlap, and the medians are 3 % (APART) apart or
    more, also when those of then are scaled by what the bound has become worse. Return: that; and the workloads that
    were compared, by what."""
    worse, against = [], {}
    for workload, cells in new["results"].items():
        old = next((e for e in reversed(entries) if e["machine"] == new["machine"] and workload in e["results"]), None)
        against.setdefault(f"{old['commit']} of {old['date']}" if old else None, []).append(workload)
        for cell, values in cells.items() if old else ():
            before = old["results"][workload].get(cell)
            if before is None or not cell.startswith("stackd") or min(values["n"], before["n"]) < 3:
                continue # one run has no spread
            bound = BOUND_OF.get(cell, "bound")
            for metric, sign in BETTER.items():
                if metric not in values or metric not in before:
                    continue
                machine_is = slower(old["results"][workload].get(bound, {}), cells.get(bound, {}), metric)
                a, b = [x * machine_is for x in before[metric]], values[metric]
                apart = a[1] > b[2] if sign > 0 else a[2] < b[1]
                if apart and abs(b[0] - a[0]) > APART.get(metric, 0.03) * abs(a[0]):
                    but = f"; the bound: {(machine_is - 1) * 100:+.0f} %" if machine_is != 1 else ""
                    worse.append(f"{workload} {cell}: {b[0]:g} {UNIT[metric]} ({b[1]:g} to {b[2]:g}), "
                                 f"it was {before[metric][0]:g} ({before[metric][1]:g} to {before[metric][2]:g}){but}")
    return worse, against


# ---- what is printed ----

COLUMNS = (
    ("gbit_s", "Gbit/s", "{:.2f}"), ("per_s", "/s", "{:,.0f}"), ("gbit_each", "Gbit/s each way", "{:.3f}"), ("p50_us", "p50 us", "{:.1f}"), ("p99_us", "p99 us", "{:.0f}"),
    ("bytes_each", "B each", "{:.0f}"), ("mb", "MB", "{:.0f}"), ("opened_per_s", "opened/s", "{:,.0f}"), ("cpu_s_gb", "s/GB", "{:.3f}"),
    ("cpu_ms_1000", "ms/1000", "{:.2f}"), ("ns_frame", "ns/frame", "{:.0f}"), ("frames_in", "frames/s in", "{:,.0f}"),
    ("frames_out", "out", "{:,.0f}"), ("busy", "busy", "{:.2f}"), ("client_busy", "load", "{:.2f}"), ("others", "others", "{:.2f}"), ("stolen", "stolen", "{:.2f}"), ("jain", "Jain", "{:.2f}"),
    ("retransmitted", "rtx", "{:.0f}"), ("peak_kb", "peak kB", "{:.0f}"),
)


def show(results):
    for workload, cells in results.items():
        used = [c for c in COLUMNS if any(c[0] in v for v in cells.values())]
        rows = [[workload, *(title for _, title, _ in used), "spread", "runs"]]
        for cell, values in cells.items():
            main = next((values[m] for m, _, _ in used if m in values), [0, 0, 0])
            spread = (main[2] - main[1]) / main[0] * 100 if main[0] else 0
            rows.append([cell, *(f.format(values[m][0]) if m in values else "" for m, _, f in used), f"{spread:.0f} %", str(values["n"])])
        wide = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
        for r in rows:
            print(r[0].ljust(wide[0]), *(x.rjust(w) for x, w in zip(r[1:], wide[1:])), sep="  ")
        print()


def not_alone(runs):
    """What others took of the machine meanwhile, and the hypervisor from it: processors, [median, least, most] of all runs."""
    out = {}
    for metric in ("others", "stolen"):
        values = [METRICS[metric](r) for cells in runs.values() for results in cells.values() for r in results.values()]
        values = [v for v in values if v is not None]
        if values:
            out[metric] = three(values)
    return out


def take(a):
    runs = read_runs(a.file)
    entry = {
        "commit": command("git", "rev-parse", "--short", "HEAD") or "unknown",  # not out of a repository
        "date": command("git", "log", "-1", "--format=%cs") or datetime.date.today().isoformat(),
        "machine": machine(),
        "versions": versions(a.build),
        "runs": a.runs,
        "seconds": a.seconds,
        "took_s": a.took,
        "alone": not_alone(runs),
        "results": medians(runs),
    }
    show(entry["results"])
    others = entry["alone"].get("others", (0,))[0]
    if others > 0.05:
        print(f"others had {others:.2f} processors of this machine meanwhile: it is not as fast as it could be\n")
    entries = history(a.history)
    worse = []
    if a.compare:
        worse, against = compare(entries, entry)
        none = against.pop(None, [])
        for of, workloads in against.items():
            print(f"compared with {of}: {', '.join(workloads)}")
        if none:
            print(f"compared with nothing, as history.json has no such entry of this machine: {', '.join(none)}")
        if against:
            print("worse:" if worse else "nothing is worse")
        print("".join(f"  {w}\n" for w in worse), end="")
    if a.keep:
        write_history(a.history, entries + [entry])
        print(f"kept in {os.path.relpath(a.history, TOP)}; bench.sh --report writes the document")
    return 1 if worse else 0


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--history", default=HISTORY)
    sub = p.add_subparsers(dest="what", required=True)
    t = sub.add_parser("take")
    t.add_argument("--keep", action="store_true")
    t.add_argument("--compare", action="store_true")
    t.add_argument("--runs", type=int, required=True)
    t.add_argument("--seconds", type=float, required=True)
    t.add_argument("--took", type=int, required=True)
    t.add_argument("--build", required=True)
    t.add_argument("file")
    h = sub.add_parser("hovering")
    h.add_argument("--workload", required=True)
    h.add_argument("file")
    r = sub.add_parser("report")
    r.add_argument("--check", action="store_true")
    a = p.parse_args()
    if a.what == "hovering":
        print(*hovering(medians(read_runs(a.file, a.workload)), a.workload))
        return 0
    return take(a) if a.what == "take" else report.write(history(a.history), TOP, a.check)


if __name__ == "__main__":
    sys.exit(main())
