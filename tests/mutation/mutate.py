#!/usr/bin/env python3
"""mutate.py - do the tests bite? Small errors are put into stack/l3_network and stack/l4_transport, one
at a time, and the tests that need no root and no wall clock are run: each error should make one fail.

    mutate.py [--count N] [--seed N] [--jobs N] [--only FILE]... [--again STATUS] [--report]
    mutate.py --list            the mutants that would be made
    mutate.py --survivors       what no test noticed, with the line
    mutate.py --show NAME       one of them as a difference
    mutate.py --try NAME        one of them, against every test: which fail, which not

The working tree is only read. A copy stands in build/mutation/tree, built once with the core as a
shared library; a mutant then costs one compilation, one link, and the tests up to the first that
fails, in the order of what has killed most per second. Results are appended to
build/mutation/results.jsonl as they come: a run that was stopped goes on where it was. A change below
stack/ makes results of the files that it touched void; a change below tests/ those of the survivors.

A mutant whose object code is the same as before is no mutant and does not count. Those in judged.txt
beside this program are known to change nothing that could be observed, for the reason given there.
Processor time bounds each test: one that would loop for ever counts as having noticed.

Exit: 0 done, 1 usage, 2 the tests fail without any mutant, or something could not be built.
"""
import argparse
import collections
import concurrent.futures
import datetime
import difflib
import glob
import hashlib
import json
import math
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import mutants as mu # pylint: disable=wrong-import-position

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", ".."))
WORK = os.path.join(ROOT, "build", "mutation")
TREE, BUILD, RESULTS = (os.path.join(WORK, n) for n in ("tree", "build", "results.jsonl"))
JUDGED = os.path.join(ROOT, "tests", "mutation", "judged.txt")
DOCUMENT = os.path.join(ROOT, "docs", "conformance.md")
FOLDERS = ("stack/l3_network", "stack/l4_transport")
SUITES = ("script", "conformance", "unit")
BEGIN, END = "<!-- mutation: begin -->", "<!-- mutation: end -->"
# Test programs that do not come near the two folders, or only to measure.
FAR = re.compile(r"test_(ring|buddy|slab|pkt|csum|fcs|http.*|files|args|imp|cable|siphash|seq|hash|fmt|date|"
                 r"daytime|chargen|discard|wire_.*|verdict|lexer|parse|expr|trace|timer|frame|app|echo|time)$")
# Unit tests that have a layer of their own below them, or above: not for the files of the other one.
APART = {"stack/l4_transport": re.compile(r"unit/test_(ip|ip4_.*|icmp4|route|arp|arp_own|eth|igmp|net)$"),
         "stack/l3_network": re.compile(r"unit/test_(tcp_.*|udp|poll|sock|cc.*|arp_own|eth)$")}


def fail(text):
    print("mutate: " + text, file=sys.stderr)
    sys.exit(2)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def digest(*texts):
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


# ---- The copy, and its build ----------------------------------------------------------------------


def sources():
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", "stack", "tests", "tools",
                             "captures", "CMakeLists.txt", "docs"], capture_output=True, text=True, check=True)
    return [n for n in listed.stdout.split("\n") if n and os.path.isfile(os.path.join(ROOT, n))]


def copy_tree():
    """Bring the copy up to date; what did not change keeps its time, so that it is not built again."""
    wanted = set(sources())
    for name in wanted:
        old, new = os.path.join(TREE, name), os.path.join(ROOT, name)
        with open(new, "rb") as f:
            data = f.read()
        if os.path.exists(old):
            with open(old, "rb") as f:
                if f.read() == data:
                    continue
        os.makedirs(os.path.dirname(old), exist_ok=True)
        shutil.copyfile(new, old)
        shutil.copymode(new, old)
    for base, _, names in os.walk(TREE):
        for name in names:
            path = os.path.join(base, name)
            if os.path.relpath(path, TREE) not in wanted:
                os.remove(path)


def build(jobs):
    log = os.path.join(WORK, "build.log")
    flags = ["-DSTACKD_EXCHANGEABLE=ON", "-DCMAKE_BUILD_TYPE=", "-DCMAKE_C_FLAGS=-O1 -w",
             "-DCMAKE_SKIP_RPATH=ON", "-G", "Ninja", "-DCMAKE_C_COMPILER=gcc"]
    if shutil.which("ccache"):
        flags.append("-DCMAKE_C_COMPILER_LAUNCHER=ccache")
    with open(log, "w", encoding="utf-8") as out:
        for command in (["cmake", "-S", TREE, "-B", BUILD] + flags,
                        ["ninja", "-C", BUILD, "-j", str(jobs)]):
            if subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, check=False).returncode != 0:
                fail("the copy does not build: see " + log)


class Core:
    """How the objects of the core are compiled and linked."""

    def __init__(self):
        self.commands, self.objects = {}, {}
        with open(os.path.join(BUILD, "compile_commands.json"), encoding="utf-8") as f:
            for entry in json.load(f):
                name = os.path.relpath(entry["file"], TREE)
                words = shlex.split(entry["command"])
                if os.path.basename(words[0]) == "ccache":
                    words = words[1:]
                out = words[words.index("-o") + 1]
                if not name.startswith("stack/") or not re.search(r"CMakeFiles/stackd_(net|base|wire|l\d)", out):
                    continue
                if not os.path.exists(os.path.join(entry["directory"], out)):
                    continue
                self.commands[name] = [w for w in words if w not in ("-c", "-o", out, entry["file"]) and
                                       not w.startswith("-g")]
                self.objects[name] = os.path.join(entry["directory"], out)
        listed = subprocess.run(["ninja", "-C", BUILD, "-t", "commands", "stack/libstackd-core.so"], text=True,
                                capture_output=True, check=False).stdout
        found = set(re.findall(r"\S+\.o\b", listed.strip().split("\n")[-1]))
        self.linked = {n: o for n, o in self.objects.items() if os.path.relpath(o, BUILD) in found}
        if not self.linked:
            fail("cannot tell what the core is linked from")

    def dependents(self, path):
        """The C files that must be compiled when @path changes."""
        if path.endswith(".c"):
            return [path]
        changed, out = {path}, set()
        texts = {n: read(os.path.join(TREE, n)) for n in
                 (os.path.relpath(p, TREE) for p in glob.glob(TREE + "/stack/**/*.[ch]", recursive=True))}
        grown = True
        while grown:
            grown = False
            for name, text in texts.items():
                if name not in changed and any('#include "%s"' % c[len("stack/"):] in text for c in changed):
                    changed.add(name)
                    grown = True
        out = {n for n in changed if n in self.linked}
        return sorted(out)

    def compile(self, name, source, overlay, out, line):
        command = self.commands[name][:1] + (["-I", overlay] if overlay else []) + self.commands[name][1:]
        text = '#line 1 "%s"\n%s' % (os.path.join(TREE, name), source)
        return subprocess.run(command + ["-I", os.path.dirname(os.path.join(TREE, name)), "-x", "c", "-", "-c", "-o", out],
                              input=text, text=True, capture_output=True, check=False, timeout=120).returncode == 0

    def link(self, replaced, out):
        objects = [replaced.get(n, o) for n, o in self.linked.items()]
        return subprocess.run(["gcc", "-shared", "-Wl,-soname,libstackd-core.so", "-o", out] + objects,
                              capture_output=True, check=False).returncode == 0


# ---- The tests ------------------------------------------------------------------------------------


class Test:
    def __init__(self, suite, name, command):
        self.suite, self.name, self.command = suite, name, command
        self.seconds, self.kills = 0.1, collections.Counter() # by file; "": of all

    def killed(self, path):
        self.kills[path] += 1
        self.kills[""] += 1

    def promise(self, path):
        """Kills to be expected a second, on a mutant of @path: what killed others of that file comes first."""
        stem = os.path.basename(path).rsplit(".", 1)[0]
        return (10 * self.kills[path] + self.kills[""] + (50 if self.name.endswith("/test_" + stem) else 1)) / self.seconds

    def run(self, library, folder, limit=None):
        """True: passed. @library: the folder with the core to use."""
        cpu = limit or math.ceil(2 + 20 * self.seconds)
        env = dict(os.environ, LD_LIBRARY_PATH=library)

        def bound():
            resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_AS, (16 << 30, 16 << 30))

        begun = resource.getrusage(resource.RUSAGE_CHILDREN)
        try:
            done = subprocess.run(self.command, env=env, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  stdin=subprocess.DEVNULL, preexec_fn=bound, check=False, timeout=cpu * 10 + 30)
        except subprocess.TimeoutExpired:
            return "timeout", ""
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - begun.ru_utime - begun.ru_stime
        if done.returncode in (-24, 128 + 24, -9) and used >= cpu - 1:
            return "timeout", ""
        return ("passed" if done.returncode == 0 else "failed"), done.stdout.decode(errors="replace")


def tests(suites):
    out = []
    if "script" in suites:
        out.append(Test("script", "script", [os.path.join(BUILD, "bin", "stackdrill"), "-j1",
                                             os.path.join(TREE, "tests", "script")]))
    for suite in ("conformance", "unit", "sim"):
        for path in sorted(glob.glob(os.path.join(BUILD, "tests", suite, "test_*"))):
            name = os.path.basename(path)
            if not os.path.exists(os.path.join(TREE, "tests", suite, name + ".c")):
                continue # what it was made from has gone
            if suite in suites and os.access(path, os.X_OK) and not (suite == "unit" and FAR.match(name)):
                out.append(Test(suite, "%s/%s" % (suite, name), [path]))
    return out


def measure(all_tests):
    """Every test must pass on the core as it is; how long it takes orders and bounds it."""
    for test in all_tests:
        begun = time.monotonic()
        status, text = test.run(os.path.join(BUILD, "stack"), WORK, limit=120)
        test.seconds = max(0.005, time.monotonic() - begun)
        if status != "passed":
            fail("%s fails without any mutant:\n%s" % (test.name, text[-2000:]))


# ---- Mutants --------------------------------------------------------------------------------------


def all_files():
    out = []
    for folder in FOLDERS:
        for base, dirs, names in os.walk(os.path.join(ROOT, folder)):
            dirs.sort()
            out += [os.path.relpath(os.path.join(base, n), ROOT) for n in sorted(names) if n.endswith((".c", ".h"))]
    return out


def judged():
    """judged.txt: name -> (equivalent or thought, the words)."""
    out = {}
    if os.path.exists(JUDGED):
        for number, line in enumerate(read(JUDGED).split("\n"), 1):
            words = line.split("#")[0].split(None, 2) if line.startswith("#") else line.split(None, 2)
            if not words:
                continue
            if len(words) < 3 or words[1] not in ("equivalent", "thought"):
                fail("judged.txt:%d: NAME equivalent|thought WORDS" % number)
            out[words[0]] = (words[1], words[2])
    return out


def gather(arg, texts):
    found = []
    for path in all_files():
        texts[path] = read(os.path.join(ROOT, path))
        found += mu.find(path, texts[path])
    return found


def chosen(arg, found):
    picked = mu.choose(found, arg.count, arg.seed)
    if arg.only:
        picked = [m for m in picked if any(o in m.path for o in arg.only)]
    return picked


def results(texts, tests_digest, keep):
    """What earlier runs found and what still holds: name -> result.

    @keep: also what was killed before its file changed elsewhere; the line and its function are the same.
    """
    out = {}
    if not os.path.exists(RESULTS):
        return out
    code = {p: digest(t) for p, t in texts.items()}
    with open(RESULTS, encoding="utf-8") as f:
        for line in f:
            r = json.loads(line)
            if code.get(r["file"]) != r["code"] and not (keep and r["status"] in ("killed", "timeout")):
                continue
            if r["status"] == "survived" and r["tests"] != tests_digest:
                continue
            out[r["name"]] = r
    return out


def state_of_tests(core_too):
    names = [n for n in sources() if n.startswith("tests/") and n.endswith((".c", ".h", ".pkt")) or
             n.startswith("tools/stackdrill") or (core_too and n.startswith("stack/"))]
    return digest(*[n + read(os.path.join(ROOT, n)) for n in sorted(names)])


class Run:
    def __init__(self, arg, texts):
        self.arg, self.texts = arg, texts
        copy_tree()
        build(arg.jobs)
        self.core = Core()
        self.tests = tests(arg.suites)
        measure(self.tests)
        self.tests_digest = state_of_tests(True)
        self.learn()
        self.lock = threading.Lock()
        self.originals = {}

    def learn(self):
        """Which tests have killed what in earlier runs."""
        by_name = {t.name: t for t in self.tests}
        if os.path.exists(RESULTS):
            with open(RESULTS, encoding="utf-8") as f:
                for r in map(json.loads, f):
                    test = by_name.get(r["by"].split()[0]) if r["by"] else None
                    if test is not None:
                        test.killed(r["file"])

    def original(self, name, folder):
        """The object of an unchanged file, compiled in the way that mutants are."""
        with self.lock:
            if name not in self.originals:
                out = os.path.join(WORK, "original.o")
                self.core.compile(name, self.texts.get(name) or read(os.path.join(TREE, name)), None, out, 1)
                with open(out, "rb") as f:
                    self.originals[name] = f.read()
            return self.originals[name]

    def make(self, m, folder):
        """Compile and link @m in @folder: built, uncompilable or same."""
        os.makedirs(folder, exist_ok=True)
        changed, overlay = m.apply(self.texts[m.path]), None
        if m.path.endswith(".h"):
            overlay = os.path.join(folder, "overlay")
            shutil.rmtree(overlay, ignore_errors=True)
            target = os.path.join(overlay, m.path[len("stack/"):])
            os.makedirs(os.path.dirname(target))
            with open(target, "w", encoding="utf-8") as f:
                f.write(changed)
        replaced, same = {}, True
        for i, name in enumerate(self.core.dependents(m.path)):
            out = os.path.join(folder, "%d.o" % i)
            source = changed if name == m.path else read(os.path.join(TREE, name))
            if not self.core.compile(name, source, overlay, out, 1):
                return "uncompilable"
            with open(out, "rb") as f:
                same = f.read() == self.original(name, folder) and same
            replaced[name] = out
        if same:
            return "same"
        if not self.core.link(replaced, os.path.join(folder, "libstackd-core.so")):
            return "uncompilable"
        return "built"

    def one(self, m, folder):
        status, by = self.make(m, folder), ""
        begun = time.monotonic()
        if status == "built":
            status = "survived"
            with self.lock:
                order = sorted(self.tests, key=lambda t: t.promise(m.path), reverse=True)
            far = next((r for folder, r in APART.items() if m.path.startswith(folder)), None)
            order = [t for t in order if not (far and far.match(t.name))]
            for test in order:
                said, text = test.run(folder, folder)
                if said != "passed":
                    status, by = "killed" if said == "failed" else "timeout", test.name
                    if test.suite == "script":
                        first = re.search(r"([\w.\-/]+\.pkt)", text)
                        by = "script" + (" " + os.path.relpath(first.group(1), os.path.join(TREE, "tests", "script"))
                                         if first and first.group(1).startswith("/") else "")
                    with self.lock:
                        test.killed(m.path)
                    break
        return {"name": m.name, "file": m.path, "function": m.function, "kind": m.kind, "status": status, "by": by,
                "seconds": round(time.monotonic() - begun, 2), "day": datetime.date.today().isoformat(),
                "code": digest(self.texts[m.path]), "tests": self.tests_digest}


def run_all(arg, texts, todo, done):
    run = Run(arg, texts)
    folders = [os.path.join(WORK, "slot-%d" % i) for i in range(arg.jobs)]
    count, total, begun = collections.Counter(), len(todo), time.monotonic()

    def work(m):
        with run.lock:
            folder = folders.pop()
        try:
            return m, run.one(m, folder)
        finally:
            with run.lock:
                folders.append(folder)

    with open(RESULTS, "a", encoding="utf-8") as out, concurrent.futures.ThreadPoolExecutor(arg.jobs) as pool:
        for m, r in pool.map(work, todo):
            done[m.name] = r
            out.write(json.dumps(r) + "\n")
            out.flush()
            count[r["status"]] += 1
            n = sum(count.values())
            if r["status"] == "survived" or not arg.quiet:
                print("%4d/%d  %-12s %s %s:%d %s: %s%s" %
                      (n, total, r["status"], m.name, os.path.basename(m.path), m.line, m.function, m.describe()[:110],
                       "  (%s)" % r["by"] if r["by"] else ""), flush=True)
    print("%.0f s: %s" % (time.monotonic() - begun, ", ".join("%d %s" % (v, k) for k, v in sorted(count.items()))))


# ---- What came out --------------------------------------------------------------------------------


def score(rs):
    c = collections.Counter(r["status"] for r in rs)
    noticed, all_of = c["killed"] + c["timeout"], c["killed"] + c["timeout"] + c["survived"]
    return noticed, all_of, (100.0 * noticed / all_of if all_of else 0.0)


def per_cent(noticed, of):
    return "%.1f %%" % (100.0 * noticed / of) if of else ""


def report(arg, picked, done, verdicts):
    """The section of docs/conformance.md."""
    rs = {m.name: dict(done[m.name]) for m in picked if m.name in done}
    if len(rs) < len(picked):
        fail("%d mutants of %d have no result that holds: run first" % (len(picked) - len(rs), len(picked)))
    noticed, of, percent = score(rs.values())
    count = collections.Counter(r["status"] for r in rs.values())
    first = collections.Counter(r["by"].split("/")[0].split()[0] for r in rs.values() if r["by"])
    out = [BEGIN, "<!-- Written by tests/mutation/mutate.py --report; not by hand. -->", "",
           "`tests/mutation/mutate.py --count %d --seed %d`, last run %s: **%d of %d mutants killed, %.1f %%**" %
           (arg.count, arg.seed, max(r["day"] for r in rs.values()), noticed, of, percent) +
           " (%d by a test that would not end). %d more did not compile, %d gave the same object code, and %d change nothing" %
           (count["timeout"], count["uncompilable"], count["same"], count["equivalent"]) +
           " that could be observed (each with its reason in `tests/mutation/judged.txt`).",
           "First to notice: %s." % ", ".join("%s %d" % (k, v) for k, v in first.most_common()), "",
           "| file | mutants | killed | survived | score |", "|---|---:|---:|---:|---:|"]
    for path in sorted({m.path for m in picked}):
        mine = [rs[m.name] for m in picked if m.path == path]
        n, all_of, _ = score(mine)
        if all_of:
            out.append("| %s | %d | %d | %d | %s |" % (path[len("stack/"):], all_of, n, all_of - n, per_cent(n, all_of)))
    out += ["", "| change | mutants | killed | score |", "|---|---:|---:|---:|"]
    for kind in sorted({m.kind for m in picked}):
        n, all_of, _ = score([rs[m.name] for m in picked if m.kind == kind])
        out.append("| %s | %d | %d | %s |" % (kind, all_of, n, per_cent(n, all_of)))
    left = [m for m in picked if rs[m.name]["status"] == "survived"]
    thoughts = [m for m in left if m.name in verdicts]
    if thoughts:
        out += ["", "Survivors worth a thought:", ""]
        for m in thoughts:
            out.append("- `%s` %s, %s: %s. %s" % (m.name, os.path.basename(m.path), m.function or "table",
                                                 "`" + m.describe().replace("`", "'") + "`", verdicts[m.name][1]))
    others = [m for m in left if m.name not in verdicts]
    if others:
        out += ["", "The other survivors:", ""]
        for m in others:
            out.append("- `%s` %s, %s: `%s`" % (m.name, os.path.basename(m.path), m.function or "table",
                                               m.describe().replace("`", "'")))
    out.append(END)
    text = read(DOCUMENT)
    if BEGIN not in text or END not in text:
        fail("docs/conformance.md has no place for it: %s ... %s" % (BEGIN, END))
    before, rest = text.split(BEGIN, 1)
    with open(DOCUMENT, "w", encoding="utf-8") as f:
        f.write(before + "\n".join(out) + rest.split(END, 1)[1])
    print("docs/conformance.md: %d of %d killed, %.1f %%" % (noticed, of, percent))


def show(m, texts):
    old = texts[m.path]
    print("".join(difflib.unified_diff(old.splitlines(True), m.apply(old).splitlines(True), m.path, m.path + " " + m.name,
                                       n=3)))


def try_one(arg, texts, m):
    arg.jobs = 1
    show(m, texts)
    run = Run(arg, texts)
    folder = os.path.join(WORK, "try")
    status = run.make(m, folder)
    if status != "built":
        print(status)
        return
    noticed = 0
    for test in run.tests:
        said, text = test.run(folder, folder)
        if said != "passed":
            noticed += 1
            print("%s %s" % (test.name, said))
            print("\n".join("    " + line for line in text.split("\n") if re.search(r"FAIL|error|assert", line))[:400])
    print("%d tests of %d noticed" % (noticed, len(run.tests)))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=400, help="mutants in all, at most one a line (400)")
    parser.add_argument("--seed", type=int, default=1, help="which ones (1)")
    parser.add_argument("--jobs", type=int, default=1, help="mutants at a time (1)")
    parser.add_argument("--only", action="append", metavar="FILE", help="only those of files with this in their path")
    parser.add_argument("--suites", default="script,conformance,unit", type=lambda s: s.split(","),
                        help="of script, conformance, unit, sim (the first three)")
    parser.add_argument("--again", metavar="STATUS", help="forget earlier results: killed, survived, timeout or all")
    parser.add_argument("--keep", action="store_true", help="what was killed before its file changed in another line counts still")
    parser.add_argument("--quiet", action="store_true", help="show survivors only")
    parser.add_argument("--list", action="store_true", help="the mutants, and stop")
    parser.add_argument("--survivors", action="store_true", help="what survived, and stop")
    parser.add_argument("--report", action="store_true", help="write docs/conformance.md when all are done")
    parser.add_argument("--show", metavar="NAME", help="one mutant as a difference")
    parser.add_argument("--try", metavar="NAME", dest="attempt", help="one mutant against every test")
    arg = parser.parse_args()
    bad = [s for s in arg.suites if s not in SUITES + ("sim",)]
    if bad or arg.jobs < 1 or arg.count < 1:
        parser.error("no such suite: " + ", ".join(bad) if bad else "--jobs and --count begin at 1")
    return arg


def main():
    arg = arguments()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    texts = {}
    found = gather(arg, texts)
    by_name = {m.name: m for m in found}
    if arg.show or arg.attempt:
        name = arg.show or arg.attempt
        if name not in by_name:
            fail("no mutant is called %s: see --list" % name)
        os.makedirs(WORK, exist_ok=True)
        if arg.show:
            show(by_name[name], texts)
        else:
            try_one(arg, texts, by_name[name])
        return 0
    picked = chosen(arg, found)
    if arg.list:
        for m in picked:
            print("%s %s:%d %s: %s: %s" % (m.name, m.path, m.line, m.function, m.kind, m.describe()))
        print("%d of %d possible" % (len(picked), len(found)))
        return 0
    os.makedirs(WORK, exist_ok=True)
    verdicts = judged()
    for name in sorted(set(verdicts) - set(by_name)):
        print("mutate: judged.txt: %s is no mutant any more: its line has changed" % name, file=sys.stderr)
    done = results(texts, state_of_tests(True), arg.keep)
    if arg.survivors:
        for m in picked:
            if done.get(m.name, {}).get("status") == "survived":
                print("%s %s:%d %s: %s%s" % (m.name, m.path, m.line, m.function, m.describe(),
                                            "  [%s]" % " ".join(verdicts[m.name]) if m.name in verdicts else ""))
        return 0
    if arg.again:
        done = {n: r for n, r in done.items() if arg.again != "all" and r["status"] != arg.again}
    for m in picked: # nobody could notice these: not even tried
        if verdicts.get(m.name, ("",))[0] == "equivalent":
            done[m.name] = {"name": m.name, "file": m.path, "kind": m.kind, "status": "equivalent", "by": "", "day": ""}
    todo = [m for m in picked if m.name not in done]
    print("%d mutants, %d with results" % (len(picked), len(picked) - len(todo)))
    if todo:
        run_all(arg, texts, todo, done)
    mine = [done[m.name] for m in picked if m.name in done]
    print("score: %d of %d, %.1f %%" % score(mine))
    if arg.report:
        report(arg, picked, done, verdicts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
