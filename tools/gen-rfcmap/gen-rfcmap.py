#!/usr/bin/env python3
"""gen-rfcmap.py - docs/rfc-map.md: requirement, function, test.

Three sources are joined:
 - the table of requirements, a CSV file with the columns id, rfc, section, layer, level,
   requirement (by default conformance/requirements.csv in a folder beside the checkout);
 - the tags `REQ: ID ID ...` in comments under tests/: the ids that the next test proves;
 - the comments in stack/ that name a section of an RFC or one of RFC 9293's labels (MUST-12): the
   function that the comment stands in, or directly in front of, is taken for the one that does it;
   functions.txt beside this program says it for requirements that no comment names.

The result has names and no line numbers, so that it changes only when something is renamed,
proved or no longer proved.

A requirement is answered when a test is tagged with it or when a row of docs/deviations.md has its id
in the first column. Every MUST and MUST NOT of the RFCs in PROVED has to be.

    gen-rfcmap.py [--csv FILE] [--out FILE] [--check] [--open]

--check compares with the file instead of writing it. --open lists what is not answered, with the
idea for a test that the table has. Exit: 0 done or equal, 1 usage, 2 stale, a MUST has no answer, or
a tag names an id that the table does not have, 77 there is no table here.
"""
import argparse
import collections
import csv
import difflib
import glob
import os
import re
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", ".."))
LEVELS = ["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY"]

# The RFCs of which every MUST has a test or a deviation.
PROVED = ("9293 1122 826 5227 791 815 6864 792 768 5681 6298 7323 2018 6675 6582 5961 6528 6056 4987 6191 1337 "
          "1191 3168 8985 9438").split()
TITLES = {
    "768": "UDP", "791": "IP", "792": "ICMP", "815": "Reassembly", "826": "ARP", "1035": "DNS",
    "1112": "IP multicast", "1122": "Requirements for hosts", "1191": "Path MTU discovery",
    "1337": "TIME-WAIT hazards", "1812": "Requirements for routers", "1858": "Fragment filters",
    "2018": "TCP SACK", "2131": "DHCP", "2236": "IGMPv2", "2308": "Negative DNS answers", "2883": "TCP D-SACK",
    "3042": "Limited transmit", "3128": "Tiny fragments", "3168": "ECN", "4443": "ICMPv6",
    "4821": "Packetization-layer path MTU", "4861": "IPv6 neighbour discovery", "4862": "IPv6 autoconfiguration",
    "4987": "SYN floods", "5227": "Address conflicts", "5452": "DNS resilience", "5482": "User timeout option",
    "5681": "TCP congestion control", "5722": "Overlapping fragments", "5925": "TCP-AO", "5926": "TCP-AO algorithms",
    "5927": "ICMP attacks on TCP", "5961": "Blind attacks on TCP", "6056": "Port randomization",
    "6093": "TCP urgent data", "6191": "TIME-WAIT by timestamps", "6298": "TCP retransmission timer",
    "6528": "Initial sequence numbers", "6582": "NewReno", "6633": "Source quench", "6675": "Recovery by SACK",
    "6864": "IPv4 identification", "6918": "Deprecated ICMP types", "6937": "Proportional rate reduction",
    "6980": "Fragmented neighbour discovery", "7217": "Stable interface identifiers", "7323": "TCP timestamps, window scale",
    "7413": "TCP Fast Open", "8106": "DNS in router advertisements", "8200": "IPv6", "8201": "IPv6 path MTU discovery",
    "8985": "RACK-TLP", "9110": "HTTP", "9112": "HTTP/1.1", "9293": "TCP", "9438": "CUBIC",
}

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|^[ \t]*#[^\n]*", re.S | re.M)
ID = re.compile(r"[A-Z][A-Z0-9]*-[A-Za-z0-9.\-]+[0-9]\??")
RFC = re.compile(r"RFCs? (\d{3,4})")
# "RFC 1122 section 3.2.2", "RFC 793 3.4", "(RFC 5961 §4.2)", and "section 3.10.5" after any RFC
SECTION = re.compile(r"(?:RFC (\d{3,4}),? ?)?(?:[Ss]ections?|§) ?(\d+(?:\.\d+)*)|RFC (\d{3,4}) (\d+(?:\.\d+)+)")
LABEL = re.compile(r"\b((?:MUST|SHLD|MAY)-\d+)(?:\s*(?:\.\.|to|-)\s*(?:MUST-|SHLD-|MAY-)?(\d+))?\b")
FUNCTION = re.compile(r"^(?!static_assert|typedef|#|else|return)"
                      r"[A-Za-z_][\w \t\*]*?\b([a-z_]\w*)\((?:[^;{}()]|\([^()]*\))*\)\s*\{", re.M)


def fail(text):
    print("gen-rfcmap: " + text, file=sys.stderr)
    sys.exit(2)


def find_table():
    found = sorted(glob.glob(os.path.join(ROOT, "..", "*", "conformance", "requirements.csv")))
    return found[0] if found else None


def read_table(path):
    rows = collections.OrderedDict()
    with open(path, encoding="utf-8", newline="") as f:
        for row in csv.DictReader(f):
            row["id"] = row["id"].rstrip("?")
            if row["id"] in rows:
                fail("%s: %s stands there twice" % (path, row["id"]))
            rows[row["id"]] = row
    if not rows:
        fail("%s: no requirements in it" % path)
    return rows


def files(folder, *endings):
    out = []
    for base, dirs, names in os.walk(os.path.join(ROOT, folder)):
        dirs.sort()
        out += [os.path.join(base, n) for n in sorted(names) if n.endswith(endings)]
    return sorted(out)


def functions(text):
    """(start, end, name) of each function body, in order."""
    out = []
    for m in FUNCTION.finditer(text):
        end = text.find("\n}", m.end())
        one_line = text.find("}\n", m.end(), text.find("\n", m.end()) + 1)
        if one_line >= 0:
            end = one_line
        out.append((m.start(), len(text) if end < 0 else end + 2, m.group(1)))
    return out


def owner(spans, pos):
    """The function around @pos, or the next one after it."""
    for start, end, name in spans:
        if pos < end:
            return name
    return None


def read_tags(rows):
    tests = collections.defaultdict(list)
    unknown = []
    for path in files("tests", ".c", ".h", ".sh", ".pkt", ".py"):
        with open(path, encoding="utf-8", errors="replace") as f:
            text = f.read()
        is_c = path.endswith((".c", ".h"))
        spans = functions(text) if is_c else []
        name = os.path.relpath(path, os.path.join(ROOT, "tests"))
        if name in ("t.h", "t.c"): # they explain the tags
            continue
        for m in re.finditer(r"REQ:(.*?)(\*/|$)" if is_c else r"REQ:(.*)$", text,
                             re.S | re.M if not is_c else re.S):
            for ident in ID.findall(m.group(1).split("\n\n")[0]):
                ident = ident.rstrip("?")
                if ident not in rows:
                    unknown.append("%s: %s" % (name, ident))
                    continue
                test = owner(spans, m.end()) if is_c else None
                entry = (name, test or "")
                if entry not in tests[ident]:
                    tests[ident].append(entry)
    if unknown:
        fail("tags that the table of requirements does not have:\n  " + "\n  ".join(unknown))
    return tests


def read_code():
    """What comments name: (rfc, section) and label -> functions; rfc -> files by their heads."""
    by_section = collections.defaultdict(list)
    by_label = collections.defaultdict(list)
    by_head = collections.defaultdict(list)

    def add(table, key, entry):
        if entry not in table[key]:
            table[key].append(entry)

    for path in files("stack", ".c", ".h"):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        name = os.path.basename(path)
        is_tcp = "/tcp" in os.path.relpath(path, ROOT)
        spans = functions(text)
        first = True
        rfc = "9293" if is_tcp else None
        for m in COMMENT.finditer(text):
            comment = m.group(0)
            if comment.lstrip().startswith("#"):
                continue
            function = owner(spans, m.start())
            if first: # the page of theory speaks for the whole file
                for r in RFC.findall(comment):
                    add(by_head, r, name)
                heads = RFC.findall(comment)
                rfc = rfc or (heads[0] if heads else None)
                first = False
                function = ""
            if function is None or name == "tcp.h":
                continue
            here = rfc
            for s in SECTION.finditer(comment):
                before = RFC.findall(comment[:s.end()])
                here = s.group(1) or s.group(3) or (before[-1] if before else here)
                if here:
                    add(by_section, (here, s.group(2) or s.group(4)), (function, name))
            for label in LABEL.finditer(comment):
                kind, number = label.group(1).split("-")
                last = int(label.group(2) or number)
                for n in range(int(number), max(last, int(number)) + 1):
                    add(by_label, "TCP-%s-%d" % (kind, n), (function, name))
    return by_section, by_label, by_head


def read_deviations(rows):
    """Ids in the first column of docs/deviations.md."""
    path = os.path.join(ROOT, "docs", "deviations.md")
    out = set()
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            for line in f:
                if line.startswith("| "):
                    out.update(i.rstrip("?") for i in ID.findall(line.split("|")[1]))
    unknown = sorted(out - set(rows))
    if unknown:
        fail("docs/deviations.md names what the table does not have: " + ", ".join(unknown))
    return out


def read_functions(rows):
    """functions.txt: id or prefix* -> (function, file) for each function named."""
    home = {}
    for path in files("stack", ".c", ".h"):
        with open(path, encoding="utf-8") as f:
            for _, _, name in functions(f.read()):
                home.setdefault(name, os.path.basename(path))
    out = {}
    path = os.path.join(ROOT, "tools", "gen-rfcmap", "functions.txt")
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            words = line.split("#")[0].split()
            if not words:
                continue
            bad = [w for w in words[1:] if w not in home]
            if bad or not any(r.startswith(words[0].rstrip("*")) for r in rows):
                fail("functions.txt:%d: there is no %s" % (number, ", ".join(bad) or words[0]))
            out[words[0]] = [(w, home[w]) for w in words[1:]]
    return out


def told(ident, table):
    """What functions.txt says about @ident: its own line, or the longest prefix."""
    if ident in table:
        return table[ident]
    fits = [k for k in table if k.endswith("*") and ident.startswith(k[:-1])]
    return table[max(fits, key=len)] if fits else []


def where(row, code, crowd):
    """The words for the function that does it; the file alone where no comment is that exact.

    @crowd: how many requirements stand in the same section; of a crowded one a comment that names
    the section says too little.
    """
    by_section, by_label, by_head, by_hand = code
    found = list(by_label.get(row["id"], []))
    if not found:
        found = list(told(row["id"], by_hand))
    if not found and crowd <= 8:
        found = list(by_section.get((row["rfc"], row["section"]), []))
    found.sort(key=lambda e: (e[0] == "", e[1].endswith(".h"))) # functions first, code first
    if any(e[0] for e in found):
        found = [e for e in found if e[0]]
    if found:
        return ", ".join("`%s` (%s)" % e if e[0] else e[1] for e in found[:4])
    heads = by_head.get(row["rfc"], [])
    return ", ".join(heads[:3]) if len(heads) <= 3 else ""


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def by_rfc(rows):
    groups = collections.OrderedDict()
    for row in rows.values():
        groups.setdefault(row["rfc"], []).append(row)
    return groups


def title(rfc):
    if rfc not in TITLES:
        fail("RFC %s has no title in TITLES" % rfc)
    return TITLES[rfc]


def count(of_rows, tests, deviations):
    """A cell for each level: tested + deliberately different / all."""
    cells = []
    for level in LEVELS:
        of = [r for r in of_rows if r["level"] == level]
        tested = sum(r["id"] in tests for r in of)
        differs = sum(r["id"] in deviations and r["id"] not in tests for r in of)
        cells.append("%d%s/%d" % (tested, "+%d" % differs if differs else "", len(of)) if of else "")
    return cells


def summary(rows, tests, deviations):
    """The table of counts, and the RFCs that have no test at all."""
    groups = by_rfc(rows)
    begun = [r for r in groups if any(x["id"] in tests for x in groups[r])]
    later = [r for r in groups if r not in begun]
    mine = [x for r in begun for x in groups[r]]
    proved = [x for r in PROVED for x in groups.get(r, [])]
    out = ["| RFC | | " + " | ".join(LEVELS) + " |", "|---|---|" + "---:|" * len(LEVELS)]
    for rfc in begun:
        out.append("| [%s](#rfc-%s) | %s | " % (rfc, rfc, title(rfc)) +
                   " | ".join(count(groups[rfc], tests, deviations)) + " |")
    for name, some in (("the %d whose every MUST is answered" % len(PROVED), proved), ("all above", mine)):
        out.append("| **all** | %s | " % name + " | ".join("**%s**" % c for c in count(some, tests, deviations)) + " |")
    out += ["", "No test names a requirement of RFC " + ", ".join(later) + "." if later else "Every RFC has a test.", ""]
    return out, begun


def render(rows, tests, code, deviations):
    out = ["# Requirement, function, test", "",
           "<!-- Made by tools/gen-rfcmap/gen-rfcmap.py from the table of requirements, the REQ: tags in",
           "     tests/ and the comments in stack/. Do not edit: that program writes it. -->", "",
           "A requirement counts as *tested* when a test is tagged with its id; the tag claims that the test",
           "fails when the behaviour is removed. The function is the one whose comment names the label or the",
           "section, or the one that functions.txt beside the program names; else the file whose head names the RFC. A row without a test is",
           "not necessarily a row without code. What is deliberately different stands in",
           "[deviations.md](deviations.md), with the reason. How the proof is made: [conformance.md](conformance.md).", ""]
    table, begun = summary(rows, tests, deviations)
    out += ["## By level", "", "Tested + deliberately different / all:", ""] + table
    groups = by_rfc(rows)
    crowd = collections.Counter((r["rfc"], r["section"]) for r in rows.values())
    for rfc in begun:
        out += ["## RFC %s" % rfc, "", "| id | level | requirement | function | test |",
                "|---|---|---|---|---|"]
        for row in groups[rfc]:
            named = collections.OrderedDict()
            for name, test in tests.get(row["id"], []):
                named.setdefault(name, []).append(test)
            proof = "; ".join("%s%s" % (n, ": " + ", ".join("`%s`" % t for t in ts if t) if any(ts) else "")
                              for n, ts in named.items())
            if row["id"] in deviations:
                proof = "; ".join(filter(None, [proof, "[differs](deviations.md)"]))
            out.append("| %s | %s | %s | %s | %s |" % (row["id"], row["level"], cell(row["requirement"]),
                                                     where(row, code, crowd[(row["rfc"], row["section"])]), proof))
        out.append("")
    return "\n".join(out).rstrip("\n") + "\n"


def unanswered(rows, tests, deviations, levels):
    return [r for r in rows.values() if r["rfc"] in PROVED and r["level"] in levels and
            r["id"] not in tests and r["id"] not in deviations]


def differs(path, text):
    old = ""
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            old = f.read()
    if old == text:
        return False
    diff = list(difflib.unified_diff(old.splitlines(), text.splitlines(), "on disk", "as it is", "", "", 0, ""))
    print("\n".join(line[:160] for line in diff[:20]))
    print("gen-rfcmap: %s is stale: run tools/gen-rfcmap/gen-rfcmap.py" % path, file=sys.stderr)
    return True


def main():
    parser = argparse.ArgumentParser(description="docs/rfc-map.md: requirement, function, test")
    parser.add_argument("--csv", default=find_table(), help="the table of requirements")
    parser.add_argument("--out", default=os.path.join(ROOT, "docs", "rfc-map.md"))
    parser.add_argument("--check", action="store_true", help="compare only")
    parser.add_argument("--open", action="store_true", help="list what has neither test nor deviation")
    arg = parser.parse_args()

    if arg.csv is None or not os.path.exists(arg.csv):
        print("gen-rfcmap: no table of requirements beside the checkout: give it with --csv",
              file=sys.stderr)
        return 77
    rows = read_table(arg.csv)
    tests, deviations = read_tags(rows), read_deviations(rows)
    if arg.open:
        for r in unanswered(rows, tests, deviations, LEVELS):
            print("%s %s: %s [%s]" % (r["id"], r["level"], r["requirement"], r["test_idea"]))
        return 0
    text = render(rows, tests, read_code() + (read_functions(rows),), deviations)
    if not arg.check:
        with open(arg.out, "w", encoding="utf-8") as f:
            f.write(text)
        return 0
    bad = differs(arg.out, text)
    for r in unanswered(rows, tests, deviations, ("MUST", "MUST NOT")):
        print("gen-rfcmap: %s, a %s, has neither a test nor a line in docs/deviations.md: %s" %
              (r["id"], r["level"], r["requirement"]), file=sys.stderr)
        bad = True
    return 2 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
