#!/usr/bin/env python3
"""lines.py - which cache lines of a connection's block a path of the core touches, and which fields.

    tests/bench/lines.py [--build DIR] [--fields] [PATH...]     the paths are those of insns.c
    tests/bench/lines.py [--build DIR] --check                  compare with docs/instructions.md
    tests/bench/lines.py [--build DIR] --update                 write the table there

Valgrind's lackey prints every access to memory while insns walks a path once; what lies in the block counts.
--fields names what is touched, line by line (gdb knows the layout); without it: one row a path, the
lines by number. --check fails when a path touches more lines than the table says; another compiler than the
table's may touch one more. Exit: 0; 1 more are touched; 77 no valgrind, no insns, or no optimised build.
"""
import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
USUAL = ["tcp-data-in", "tcp-data-in-full", "tcp-super-in", "tcp-super-kept", "tcp-read-full", "tcp-ack-in",
         "tcp-ack-out", "tcp-data-out", "tcp-data-out-full", "tcp-echo"]
LINE = 64
DOCUMENT = TOP / "docs/instructions.md"
TABLE = re.compile(r"(<!-- lines -->\n).*?(<!-- /lines -->)", re.S)


def skip(why):
    print("lines:", why)
    sys.exit(77)


def touched(insns, path):
    """Offsets of the block's bytes that one round of @path reads or writes: {offset: 'L', 'S' or 'LS'}."""
    run = subprocess.Popen(["valgrind", "--tool=lackey", "--trace-mem=yes", "--log-fd=1", insns, path],
                           stdout=subprocess.PIPE, text=True)
    base = size = mark = None
    counting, seen = False, {}
    for text in run.stdout:
        if base is None:
            m = re.match(r"block (0x\w+) (\d+) mark (0x\w+)", text)
            if m:
                base, size, mark = int(m[1], 16), int(m[2]), int(m[3], 16)
            continue
        kind = text[:3].strip()
        if kind not in ("L", "S", "M"):
            continue
        addr, width = text[3:].split(",")
        addr, width = int(addr, 16), int(width)
        if addr == mark:
            counting = not counting
        elif counting and base <= addr < base + size:
            for at in range(addr - base, min(addr - base + width, size)):
                seen[at] = "".join(sorted(set(seen.get(at, "") + kind.replace("M", "LS"))))
    if run.wait() != 0 or base is None:
        sys.exit(f"lines: insns {path} failed")
    return size, seen


def layout(insns):
    """Fields of struct tcb: [(offset, bytes, name)]; bits of one byte share a row."""
    text = subprocess.run(["gdb", "-batch", "-ex", "ptype /o struct tcb", insns], capture_output=True, text=True,
                          check=True).stdout
    rows, inner = [], []
    for row in text.splitlines():
        m = re.match(r"/\*\s+(?:(\d+)(?::\s*\d+)?\s+\|)?\s+(\d+) \*/\s+(.*)", row)
        body = m[3] if m else row
        if re.search(r"\{$", body):
            inner.append(len(rows))
        end = re.match(r"\s*\} (\S+);", body)
        if end:
            start = inner.pop()
            rows[start:] = [(o, n, end[1] + "." + name) for o, n, name in rows[start:]]
        elif m and m[1] and ";" in body:
            name = re.sub(r"[:;].*", "", body).split()[-1].lstrip("*(")
            rows.append((int(m[1]), int(m[2]), re.sub(r"\[.*|\).*", "", name)))
    return rows


def compiler(build):
    """As instructions.sh writes it; None: this build is not for counting."""
    cache = (build / "CMakeCache.txt").read_text()
    kind = re.search(r"^CMAKE_BUILD_TYPE:\w+=(\w*)", cache, re.M)
    if not kind or kind[1] not in ("RelWithDebInfo", "Release") or re.search(r"^STACKD_SANITIZE:\w+=ON", cache, re.M):
        return None
    text = next(build.glob("CMakeFiles/*/CMakeCCompiler.cmake")).read_text()
    name = re.search(r'CMAKE_C_COMPILER_ID "(.*)"', text)[1].replace("GNU", "gcc")
    version = re.search(r'CMAKE_C_COMPILER_VERSION "(\d+)', text)[1]
    return f"{name} {version}" + (" -O3" if kind[1] == "Release" else "")


def check(build, counts):
    text = DOCUMENT.read_text()
    was = dict(re.findall(r"^\| ([a-z-]+) \| (\d+) \|$", TABLE.search(text)[0], re.M))
    spare = f"Compiler: {compiler(build)}, x86-64." not in text
    failed = [path for path in USUAL if counts[path] > int(was.get(path, 0)) + spare]
    for path in failed:
        print(f"FAIL {path}: {counts[path]} lines of the block; the table says {was.get(path, 'nothing')}")
    print(f"lines: {len(USUAL) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def update(counts):
    rows = "".join(f"| {path} | {counts[path]} |\n" for path in USUAL)
    table = "| path | lines |\n|---|---:|\n" + rows
    DOCUMENT.write_text(TABLE.sub(lambda m: m[1] + table + m[2], DOCUMENT.read_text()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=TOP / "build", type=Path)
    parser.add_argument("--fields", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("paths", nargs="*", default=USUAL)
    args = parser.parse_args()
    insns = str(args.build / "tests/bench/insns")

    if shutil.which("valgrind") is None or not Path(insns).exists():
        skip("insns is not built: apt-get install valgrind, and configure again")
    if args.check and compiler(args.build) is None:
        skip("the table counts optimised code without sanitizers")
    fields = layout(insns) if args.fields else []
    counts = {}
    for path in USUAL if args.check or args.update else args.paths:
        size, seen = touched(insns, path)
        lines = sorted({at // LINE for at in seen})
        counts[path] = len(lines)
        if args.check or args.update:
            continue
        print(f"{path:20} {len(lines):3} of {-(-size // LINE)} lines, {len(seen):4} bytes:", *lines)
        for line in lines if args.fields else []:
            names = []
            for offset, width, name in fields:
                how = set("".join(seen.get(at, "") for at in range(offset, offset + width)))
                if offset // LINE <= line <= (offset + width - 1) // LINE and how:
                    names.append(name + ("*" if "S" in how else ""))
            print(f"    {line:2}:", *names)
    if args.update:
        update(counts)
    return check(args.build, counts) if args.check else 0


sys.exit(main())
