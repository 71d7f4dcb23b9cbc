#!/usr/bin/python3
"""House rules that a tool can see: format, banned calls, file and name rules. The last line sums up."""
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BANNED = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|system|popen|alloca|strtok|mktemp|tmpnam|rand|srand)\s*\(")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b")
MACHINE_PATH = re.compile(r"(?<![\w.])/(work|farm)/")
LONGEST_FILE = 600
PRODUCT = ("proto/", "store/", "replicator/", "tls-edge/", "node/")


def files():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True, capture_output=True, check=True).stdout
    return [f for f in listed.splitlines() if (ROOT / f).is_file()]


def code_lines(text):
    """The text without comments and string literals, line structure kept."""
    keep = lambda m: re.sub(r"[^\n]", " ", m.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', keep, text, flags=re.S)


def check_text(name, text):
    for number, line in enumerate(text.splitlines(), 1):
        if UNFINISHED.search(line) and name != "tests/lint/lint.py":
            yield f"{name}:{number}: unfinished work"
        if MACHINE_PATH.search(line) and name != "tests/lint/lint.py":
            yield f"{name}:{number}: a path of one machine"
        if line != line.rstrip() and not name.endswith(".md"):
            yield f"{name}:{number}: space at the end of the line"


def check_code(name, text):
    for number, line in enumerate(code_lines(text).splitlines(), 1):
        if BANNED.search(line) and not (name.startswith("tests/") and "atol" in line):
            yield f"{name}:{number}: banned call: {line.strip()}"
        if name.startswith(PRODUCT) and re.search(r"\bgoto\b", line):
            yield f"{name}:{number}: goto"
    if name.startswith(PRODUCT) and text.count("\n") > LONGEST_FILE:
        yield f"{name}: {text.count(chr(10))} lines; split it"
    if name.endswith(".h") and "#pragma once" not in text:
        yield f"{name}: no #pragma once"


def check_format(names):
    tool = shutil.which("clang-format")
    if tool is None or not names:
        return
    r = subprocess.run([tool, "--dry-run", "-Werror", "--ferror-limit=1", *names], cwd=ROOT, text=True, capture_output=True)
    for line in r.stderr.splitlines():
        if "error:" in line:
            yield line.replace("code should be clang-formatted [-Wclang-format-violations]", "not formatted; run make format")


def main():
    bad, names = [], files()
    for name in names:
        try:
            text = (ROOT / name).read_text()
        except UnicodeDecodeError:
            continue
        bad += check_text(name, text)
        if name.endswith((".c", ".h")):
            bad += check_code(name, text)
    bad += check_format([n for n in names if n.endswith((".c", ".h"))])
    for script in [n for n in names if n.endswith(".sh") or n == ".ci/run"]:
        if subprocess.run(["sh" if n_is_posix(script) else "bash", "-n", script], cwd=ROOT).returncode != 0:
            bad.append(f"{script}: syntax")
    print("\n".join(bad + [f"{len(names)} files, {len(bad)} complaints"]))
    sys.exit(1 if bad else 0)


def n_is_posix(script):
    return (ROOT / script).read_text().startswith("#!/bin/sh")


if __name__ == "__main__":
    main()
