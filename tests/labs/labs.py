#!/usr/bin/env python3
"""labs.py - run the labs of docs/labs as they are printed.

    labs.py check  LABS BUILD [LAB...]   what comes out is what the lab says
    labs.py update LABS BUILD [LAB...]   write what comes out into the labs, in both languages

A lab is a Markdown file, LAB.md in English and LAB.zh.md in Chinese. Its blocks

    ```console
    $ command
    what it prints
    ```

are typed into one bash, one command after another, in an empty folder; `stackd --netns -- bash` opens the
shell inside, as it does for a reader. What comes out must be what is printed there, but for times, the
client's port numbers, numbers of frames and hardware addresses. A lab has three tries.

A block below `<!-- numbers differ -->` is compared by its words, a ladder below `<!-- states count -->`
by the states that either end goes through (whether an ACK travels alone is the scheduler's choice), one
below `<!-- any output -->` not at all. A line `...` stands for any lines.

    <!-- picture NAME.svg: command -->

makes a picture beside the lab from what the command prints; it must not have changed, likewise, unless it
is `any picture`, like a plot over time.
"""

import os
import re
import select
import subprocess
import sys
import tempfile
import time

PATIENCE = 60  # seconds for one command
TRIES = 3  # two hosts share the processors: an ACK may come before or after the answer
MARK = "\x01"
BLOCK = re.compile(r"(?:^<!-- (?P<mode>numbers differ|states count|any output) -->\n)?^```console\n(?P<text>.*?)^```$",
                   re.M | re.S)
PICTURE = re.compile(r"^<!-- (?:any )?picture (?P<name>\S+\.svg): (?P<command>.*) -->$", re.M)


class Wrong(Exception):
    pass


class Shell:
    """A bash that is typed into."""

    def __init__(self, build, folder):
        env = dict(os.environ, LC_ALL="C.UTF-8", NO_COLOR="1", COLUMNS="100", HISTFILE="/dev/null",
                   PATH=os.path.join(os.path.abspath(build), "bin") + ":" + os.environ["PATH"])
        env.pop("BASH_ENV", None)
        # A process namespace, so that nothing outlives the lab.
        outer = ["unshare", "--fork", "--kill-child"]
        outer += ["--pid", "--mount-proc"] if os.getuid() == 0 else ["--user", "--map-root-user", "--pid"]
        self.bash = subprocess.Popen(outer + ["bash", "--norc", "--noprofile"], cwd=folder, env=env,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, bufsize=0)

    def run(self, command):
        """Type the command. Return: what came out, and its status."""
        self.bash.stdin.write(("%s\nprintf '\\n%s%%d\\n' $?\n" % (command, MARK)).encode())
        out, until = b"", time.monotonic() + PATIENCE
        end = re.compile(rb"\n?" + MARK.encode() + rb"(\d+)\n")
        while not end.search(out):
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.bash.stdout], [], [], left)[0]:
                raise Wrong("`%s` did not end in %d s; so far:\n%s" % (command, PATIENCE, out.decode(errors="replace")))
            piece = os.read(self.bash.stdout.fileno(), 65536)
            if not piece:
                raise Wrong("the shell ended at `%s`:\n%s" % (command, out.decode(errors="replace")))
            out += piece
        found = end.search(out)
        return (out[:found.start()] + out[found.end():]).decode(errors="replace"), int(found.group(1))

    def close(self):
        self.bash.stdin.close()
        self.bash.kill()
        self.bash.wait()


def commands(text):
    """The commands of a block, each with the lines printed below it."""
    found = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line.startswith("> ") and found and not found[-1][1]:
            found[-1] = (found[-1][0] + "\n" + line[2:], [])
        elif found:
            found[-1][1].append(line)
    return found


def plain(line, numbers=False):
    """A line without what differs from run to run."""
    line = re.sub(r"\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b", "MAC", line)
    line = re.sub(r"(10\.0\.\d+\.\d+):\d{5}\b", r"\1:PORT", line)
    line = re.sub(r"\d+\.\d{3,}(e[+-]\d+)?", "TIME", line)
    line = re.sub(r"\b\d+(\.\d+)? ?(ns|us|ms|s|milliseconds)\b", "TIME", line)
    line = re.sub(r"\d\d:\d\d:\d\d", "CLOCK", line)
    line = re.sub(r"#\d+", "#FRAME", line)
    if numbers:
        line = re.sub(r"\b(0x[0-9a-f]+|[0-9a-f]{2}|[0-9a-f]{4}|\S*\d\S*)\b", "#", line)
        line = re.sub(r"[^A-Za-z]+", " ", line)
    return re.sub(r"\s+", " ", line).strip()


def states(lines):
    """The states that the two sides of a ladder go through."""
    sides = [], []
    for line in lines:
        m = re.match(r" *\(?([A-Z_0-9]*)\)? *│.*│ *\(?([A-Z_0-9]*)", line)
        for side, state in zip(sides, m.groups() if m else ()):
            if state:
                side.append(state)
    return sides


def same(got, want, mode):
    if mode == "any output":
        return True
    if mode == "states count":
        return states(got) == states(want) and states(got) != ([], [])
    numbers = mode == "numbers differ"
    parts = [re.escape(plain(w, numbers)) if w != "..." else None for w in want]
    pattern = "".join("(?:.*\n)*" if p is None else p + "\n" for p in parts)
    return re.fullmatch(pattern, "".join(plain(g, numbers) + "\n" for g in got)) is not None


class Lab:
    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.path = os.path.join(folder, name + ".md")
        with open(self.path, encoding="utf-8") as f:
            self.text = f.read()

    def play(self, build, update):
        """Run the lab. Return: its text with what came out; complaints; pictures by name."""
        complaints, pictures, pieces, at = [], {}, [], 0
        with tempfile.TemporaryDirectory() as folder:
            shell = Shell(build, folder)
            try:
                for block in sorted([*BLOCK.finditer(self.text), *PICTURE.finditer(self.text)],
                                    key=lambda m: m.start()):
                    if block.re is PICTURE:
                        out, status = shell.run(block["command"])
                        if status != 0:
                            complaints.append("picture %s: status %d: %s" % (block["name"], status, out))
                        pictures[block["name"]] = (out, block[0].startswith("<!-- any "))
                        continue
                    lines = []
                    for command, want in commands(block["text"]):
                        out, _ = shell.run(command)
                        got = out.rstrip("\n").split("\n") if out.strip("\n") else []
                        got = [line.rstrip() for line in got]
                        if not update and not same(got, want, block["mode"]):
                            complaints.append("$ %s\nprinted\n%s\nnot\n%s" %
                                              (command, "\n".join(got), "\n".join(want)))
                        kept = want if "..." in want and same(got, want, block["mode"]) else got
                        lines += ["$ " + command.replace("\n", "\n> "), *kept]
                    pieces += [self.text[at:block.start("text")], "\n".join(lines) + "\n"]
                    at = block.end("text")
            finally:
                shell.close()
        return "".join(pieces) + self.text[at:], complaints, pictures


    def play_through(self, build, update):
        """play(), and what comes of the pictures. Return: the text; complaints."""
        try:
            text, complaints, pictures = self.play(build, update)
        except Wrong as e:
            return self.text, [str(e)]
        for name, (got, is_free) in pictures.items():
            path = os.path.join(self.folder, name)
            if update:
                with open(path, "w", encoding="utf-8") as f:
                    f.write(got)
            elif not os.path.exists(path) or not (is_free or same_picture(got, path)):
                complaints.append("%s is not what comes out now" % name)
        return text, complaints


def blocks(text):
    return [m[0] for m in sorted([*BLOCK.finditer(text), *PICTURE.finditer(text)], key=lambda m: m.start())]


def update_translation(path, english):
    """The blocks of a translation are those of the English text."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    old, new = blocks(text), blocks(english)
    if len(old) != len(new):
        raise Wrong("%s has %d blocks, the English text %d" % (path, len(old), len(new)))
    pieces, at = [], 0
    for was, now in zip(old, new):
        begin = text.index(was, at)
        pieces += [text[at:begin], now]
        at = begin + len(was)
    with open(path, "w", encoding="utf-8") as f:
        f.write("".join(pieces) + text[at:])


def check_document(path, english):
    """What every lab has, in either language. Return: complaints."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    found = []
    if blocks(text) != blocks(english):
        found.append("%s: its blocks are not those of the English text" % path)
    questions, answers = len(re.findall(r"^\d\. ", text, re.M)), text.count("<details>")
    if questions != 3 or answers != 3 or text.count("</details>") != 3:
        found.append("%s: %d questions and %d answers, three of each are due" % (path, questions, answers))
    for name in re.findall(r"!\[[^]]*\]\(([^)]*)\)", text):
        if not os.path.exists(os.path.join(os.path.dirname(path), name)):
            found.append("%s: there is no picture %s" % (path, name))
    return found


STATE = re.compile(r">\(?(CLOSED|LISTEN|SYN_[A-Z]+|ESTABLISHED|FIN_WAIT_[12]|CLOS[EI][A-Z_]+|LAST_ACK|TIME_WAIT)\b")


def same_picture(got, path):
    """A ladder shows the same states; another picture the same words, wherever its lines are broken."""
    with open(path, encoding="utf-8") as f:
        want = f.read()
    if STATE.search(want):
        return sorted(STATE.findall(got)) == sorted(STATE.findall(want))
    return words(got) == words(want)


def words(svg):
    return plain(" ".join(re.sub(r"<style>.*?</style>|<[^>]*>", " ", svg, flags=re.S).split()), True)


def main(argv):
    if len(argv) < 4 or argv[1] not in ("check", "update"):
        sys.exit(__doc__)
    update, folder, build = argv[1] == "update", argv[2], argv[3]
    names = argv[4:] or sorted(f[:-6] for f in os.listdir(folder) if f.endswith(".zh.md") and f[0].isdigit())
    passed = failed = 0
    for name in names:
        lab, translation = Lab(folder, name), os.path.join(folder, name + ".zh.md")
        for _ in range(1 if update else TRIES):
            text, complaints = lab.play_through(build, update)
            if not complaints:
                break
        if update and not complaints:
            with open(lab.path, "w", encoding="utf-8") as f:
                f.write(text)
            update_translation(translation, text)
        english = text if update else lab.text
        complaints += check_document(lab.path, english) + check_document(translation, english)
        print("%s   lab %s" % ("FAIL" if complaints else "ok", name))
        for c in complaints:
            print("     " + c.replace("\n", "\n     "))
        passed, failed = passed + (not complaints), failed + bool(complaints)
    print("labs: %d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv))
    except Wrong as e:
        sys.exit("labs.py: %s" % e)
