#!/usr/bin/env python3
"""test_mutants.py - the mutants of a small file: which there are, which not, and that names last."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import mutants # pylint: disable=wrong-import-position

CODE = '''/* if (a < b) return true; */
#define LIMIT 3
static const struct row rows[] = {
    {ONE, TWO},
};

static bool small(struct tcp *t, const uint8_t *p, uint32_t n)
{
    NET_ASSERT(n < 7 && p != NULL);
    trace_on(t, n == 4);
    t->stats.seen++;
    const char *text = "a && b < 3"; /* n > 1 */
    if (n > LIMIT && !p) {
        t->last = n;
        seq_lt(a, b);
        return false;
    }
    for (uint32_t i = 0; i < n; i++)
        use(&text, i & 1);
    return n == 12;
}
'''

failed = 0


def check(name, right):
    global failed
    if not right:
        print("FAIL " + name)
        failed += 1


found = mutants.find("x.c", CODE)
words = {(m.line, m.kind, m.old, m.new) for m in found}
lines = CODE.split("\n")


def line(text):
    return next(i for i, l in enumerate(lines, 1) if text in l)


for where in ("/* if", "#define", "NET_ASSERT", "trace_on", "stats", "const char"):
    check("nothing in: " + where, not any(m.line == line(where) for m in found))
at = line("if (n > LIMIT")
for want in ((at, "relation", ">", ">="), (at, "relation", ">", "<="), (at, "logic", "&&", "||"),
             (at, "logic", "!", ""), (at, "check", "n > LIMIT && !p", "false"),
             (at, "check", "n > LIMIT && !p", "true"), (at + 1, "statement", "t->last = n", ""),
             (at + 2, "sequence", "seq_lt", "seq_leq"), (at + 3, "logic", "false", "true"),
             (line("for ("), "arithmetic", "++", "--"), (line("for ("), "constant", "0", "1"),
             (line("use("), "bits", "&", "|"), (line("use("), "statement", "use(&text, i & 1)", ""),
             (line("n == 12"), "constant", "12", "13"), (line("n == 12"), "constant", "12", "11"),
             (line("{ONE"), "statement", "{ONE, TWO},", "")):
    check("there is no %s" % (want,), want in words)
check("the & of &text is no operator", sum(m.kind == "bits" for m in found) == 1)
check("every name is another", len({m.name for m in found}) == len(found))
check("lines keep their numbers", all(m.apply(CODE).count("\n") == CODE.count("\n") for m in found))
check("a mutant differs", all(m.apply(CODE) != CODE for m in found))
moved = mutants.find("x.c", CODE.replace("static bool", "static int other(void)\n{\n    return 1;\n}\n\nstatic bool"))
check("names last when lines are added", {m.name for m in found} <= {m.name for m in moved})
few = mutants.choose(found, 6, 1)
check("as many as asked for", len(few) == 6)
check("at most one a line", len({m.line for m in few}) == 6)
check("a seed decides", [m.name for m in few] == [m.name for m in mutants.choose(found, 6, 1)])
check("another seed, others", any([m.name for m in few] != [m.name for m in mutants.choose(found, 6, s)] for s in range(2, 9)))

print("mutants: %d failed" % failed)
sys.exit(1 if failed else 0)
