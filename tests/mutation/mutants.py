"""mutants.py - all the small errors that one could make in a C file of the core.

A mutant is a file with one change: a condition turned round, a `<` for a `<=`, a check or a statement
left out, a constant off by one. `find(path, text)` lists them; the text is C as clang-format leaves it
(blanks around binary operators, none behind unary ones), which is what tells `a & b` from `f(&b)`.

What is never changed, since no test should see it: comments, strings, preprocessor lines, assertions
(NET_ASSERT, static_assert), traces (..trace_...(...), ..note_...(...), functions with that name), counters (`stats.x++`, `x->rx_y++`, `x->y_full++`),
casts to void.

A mutant has a name that depends only on the function and the words of its line, so it is the same one
after lines were added above it.
"""
import hashlib
import re

NOISE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|'
                   r'^[ \t]*#(?:\\\n|[^\n])*', re.S | re.M)
FUNCTION = re.compile(r"^(?!static_assert|typedef|#|else|return|\s)"
                      r"[A-Za-z_][\w \t\*]*?\b([a-z_]\w*)\((?:[^;{}()]|\([^()]*\))*\)\s*\{", re.M)
SILENT = re.compile(r"\b(?:NET_ASSERT|static_assert|(?:\w+_)?(?:trace|note)_\w+)\s*\((?=[^{}]*;)|\(void\)")
COUNTER = re.compile(r"[^;{}\n()]*\b(?:stats(?:\.|->)[\w.\[\]]+|\w+->(?:[rt]x_\w+|\w+_(?:in|out|ok|full|drops|sent|bad))|[\w.>-]+exhausted)\s*(?:\+\+|--|\+=|-=)[^;]*;")

# (class, pattern of the token, its replacements)
TOKENS = [
    ("relation", re.compile(r"(?<= )<(?= )"), ["<=", ">="]),
    ("relation", re.compile(r"(?<= )<=(?= )"), ["<", ">"]),
    ("relation", re.compile(r"(?<= )>(?= )"), [">=", "<="]),
    ("relation", re.compile(r"(?<= )>=(?= )"), [">", "<"]),
    ("relation", re.compile(r"(?<= )==(?= )"), ["!="]),
    ("relation", re.compile(r"(?<= )!=(?= )"), ["=="]),
    ("logic", re.compile(r"(?<= )&&(?=\s)"), ["||"]),
    ("logic", re.compile(r"(?<= )\|\|(?=\s)"), ["&&"]),
    ("logic", re.compile(r"!(?=[\w(])"), [""]),
    ("logic", re.compile(r"\btrue\b"), ["false"]),
    ("logic", re.compile(r"\bfalse\b"), ["true"]),
    ("sequence", re.compile(r"\bseq_lt\b"), ["seq_leq", "seq_geq"]),
    ("sequence", re.compile(r"\bseq_leq\b"), ["seq_lt", "seq_gt"]),
    ("sequence", re.compile(r"\bseq_gt\b"), ["seq_geq", "seq_leq"]),
    ("sequence", re.compile(r"\bseq_geq\b"), ["seq_gt", "seq_lt"]),
    ("sequence", re.compile(r"\bseq_max\b"), ["seq_min"]),
    ("sequence", re.compile(r"\bseq_min\b"), ["seq_max"]),
    ("sequence", re.compile(r"\bseq_add\b"), ["seq_sub"]),
    ("sequence", re.compile(r"\bseq_sub\b"), ["seq_add"]),
    ("arithmetic", re.compile(r"\bu32_min\b"), ["u32_max"]),
    ("arithmetic", re.compile(r"\bu32_max\b"), ["u32_min"]),
    ("arithmetic", re.compile(r"\bnet_time_min\b"), ["net_time_max"]),
    ("arithmetic", re.compile(r"\bnet_time_max\b"), ["net_time_min"]),
    ("arithmetic", re.compile(r"(?<= )\+(?=\s)"), ["-"]),
    ("arithmetic", re.compile(r"(?<= )-(?=\s)"), ["+"]),
    ("arithmetic", re.compile(r"(?<= )\*(?= )"), ["/"]),
    ("arithmetic", re.compile(r"(?<= )/(?= )"), ["*"]),
    ("arithmetic", re.compile(r"(?<= )\+=(?= )"), ["-=", "="]),
    ("arithmetic", re.compile(r"(?<= )-=(?= )"), ["+="]),
    ("arithmetic", re.compile(r"\+\+"), ["--"]),
    ("arithmetic", re.compile(r"--(?!>)"), ["++"]),
    ("bits", re.compile(r"(?<= )&(?= )"), ["|"]),
    ("bits", re.compile(r"(?<= )\|(?=\s)"), ["&"]),
    ("bits", re.compile(r"(?<= )<<(?= )"), [">>"]),
    ("bits", re.compile(r"(?<= )>>(?= )"), ["<<"]),
    ("bits", re.compile(r"(?<= )\|=(?= )"), ["="]),
    ("bits", re.compile(r"(?<= )&=(?= )"), ["="]),
]
NUMBER = re.compile(r"(?<![\w.])(0[xX][0-9a-fA-F]+|[0-9]+)([uUlL]*)(?![\w.])")
IF = re.compile(r"\bif \(")
HEADS = re.compile(r"\s*(?:else\b|do\b|case [^:]+:|default:|(?:if|for|while|switch) (?=\())")
ASSIGN = re.compile(r"\**[A-Za-z_][\w.\[\]]*(?:->[\w.\[\]]+|\[[^\]]*\]|\.\w+)*\s*(?:[-+|&^*/]|<<|>>)?=(?!=)")
CALL = re.compile(r"[a-z_]\w*(?:->\w+)*\s*\(.*\)\s*$", re.S)
STEP = re.compile(r"(?:\+\+|--)?[A-Za-z_][\w.>\-\[\]]*(?:\+\+|--)?\s*$")
ROW = re.compile(r"^[ \t]*\{[^{}\n]*\},[ \t]*$", re.M)


class Mutant:
    """One change: @text[@start:@end] becomes @new; @kind is its class, @name its lasting name."""

    def __init__(self, path, function, text, start, end, new, kind):
        self.path, self.function, self.kind = path, function, kind
        self.start, self.end, self.new = start, end, new
        self.line = text.count("\n", 0, start) + 1
        first = text.rfind("\n", 0, start) + 1
        self.old_line = text[first:text.find("\n", first)]
        self.old = text[start:end]
        self.column = start - first - (len(self.old_line) - len(self.old_line.lstrip()))
        self.name = ""

    def apply(self, text):
        """The whole file with the change; lines keep their numbers."""
        return text[:self.start] + self.new + text[self.end:]

    def describe(self):
        old, new = " ".join(self.old.split()), " ".join(self.new.split())
        if self.kind == "statement":
            return "left out: %s" % old
        if self.kind == "check":
            return "if (%s) always %s" % (old, new)
        return "%s -> %s in: %s" % (old or "(nothing)", new or "(nothing)", self.old_line.strip())


def blank(text, start, end):
    return text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]


def closing(text, at):
    """The place behind the bracket that closes the one at @at."""
    depth = 0
    for i in range(at, len(text)):
        if text[i] in "({[":
            depth += 1
        elif text[i] in ")}]":
            depth -= 1
            if depth == 0:
                return i + 1
    return len(text)


def mask(text):
    """@text with everything that is not to be changed blanked out; same length, same lines."""
    out = NOISE.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)
    for m in list(SILENT.finditer(out)):
        end = closing(out, m.end() - 1) if m.group(0) != "(void)" else m.end()
        semicolon = out.find(";", end)
        out = blank(out, m.start(), semicolon if m.group(0) == "(void)" and semicolon > 0 else end)
    for m in list(COUNTER.finditer(out)):
        out = blank(out, m.start(), m.end())
    return out


def statements(code, start, end):
    """(start, end) of each statement that can be left out between two places of masked @code."""
    begin, i = start, start
    while i < end:
        c = code[i]
        if c in "{}":
            begin = i + 1
        elif c in "([":
            i = closing(code, i)
            continue
        elif c == ";":
            at = begin
            while True: # if (...) else for (...) case X: stand in front of it
                head = HEADS.match(code, at, i)
                if not head:
                    break
                at = head.end()
                if code[at:at + 1] == "(":
                    at = closing(code, at)
            while at < i and code[at].isspace():
                at += 1
            body = code[at:i].rstrip()
            if ASSIGN.match(body) or CALL.match(body) or body == "break" or \
                    (("++" in body or "--" in body) and STEP.match(body)):
                yield at, i
            begin = i + 1
        i += 1


def functions(code):
    out = []
    for m in FUNCTION.finditer(code):
        body = code.index("{", m.end() - 1)
        out.append((body, closing(code, body), m.group(1)))
    return out


def numbers(literal):
    value = int(literal, 0)
    if value >= 100 and literal[:2] not in ("0x", "0X"): # a default, a time: one more is no error
        return [str(value * 2), str(value // 2)]
    out = [value + 1] + ([value - 1] if value > 0 else [])
    return ["0x%x" % v if literal[:2] in ("0x", "0X") else str(v) for v in out]


def find_in(path, text, code, start, end, function):
    out = []

    def add(a, b, new, kind):
        out.append(Mutant(path, function, text, a, b, new, kind))

    for kind, pattern, news in TOKENS:
        for m in pattern.finditer(code, start, end):
            for new in news:
                add(m.start(), m.end(), new, kind)
    for m in NUMBER.finditer(code, start, end):
        for new in numbers(m.group(1)):
            add(m.start(1), m.end(1), new, "constant")
    for m in IF.finditer(code, start, end):
        inside, after = m.end(), closing(code, m.end() - 1) - 1
        if code[inside:after].strip():
            lines = "\n" * text.count("\n", inside, after)
            add(inside, after, "false" + lines, "check")
            add(inside, after, "true" + lines, "check")
    for a, b in statements(code, start + 1, end):
        add(a, b, "\n" * text.count("\n", a, b), "statement")
    return out


def find(path, text):
    """All mutants of a file, in the order of their places."""
    code = mask(text)
    spans = functions(code)
    out, last = [], 0
    for start, end, name in spans + [(len(text), len(text), "")]:
        for m in ROW.finditer(code, last, start): # a row of a table, such as an arrow of the state machine
            out.append(Mutant(path, "", text, m.start() + len(m.group(0)) - len(m.group(0).lstrip()),
                              m.end(), "", "statement"))
        if name and "trace" not in name:
            out += find_in(path, text, code, start, end, name)
        last = end
    out.sort(key=lambda m: (m.start, m.end, m.new))
    seen = {}
    for m in out:
        key = "|".join([path, m.function, m.old_line.strip(), str(m.column), m.old, m.new])
        seen[key] = seen.get(key, 0) + 1
        m.name = hashlib.sha256(("%s|%d" % (key, seen[key])).encode()).hexdigest()[:8]
    return out


def rank(seed, name):
    return hashlib.sha256(("%s:%s" % (seed, name)).encode()).hexdigest()


def choose(mutants, count, seed):
    """@count of them, by @seed: at most one a line, each class of change with the same chance."""
    lines = {}
    for m in mutants:
        lines.setdefault((m.path, m.line), {}).setdefault(m.kind, []).append(m)
    picked = []
    for kinds in lines.values():
        # the hash of the class's first mutant decides, so that a line with nine constants and one check is fair
        kind = min(kinds, key=lambda k: rank(seed, k + kinds[k][0].name))
        picked.append(min(kinds[kind], key=lambda m: rank(seed, m.name)))
    picked.sort(key=lambda m: rank(seed, m.name))
    return sorted(picked[:count], key=lambda m: (m.path, m.start))
