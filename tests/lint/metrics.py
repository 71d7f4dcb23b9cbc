#!/usr/bin/python3
"""Sizes of files and functions, beside the aims of the style page: function median about 13 lines, 90th percentile about 40."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def functions(text):
    """(name, lines) of every function body that starts in column 0, kernel style."""
    lines, name, start = text.splitlines(), None, 0
    for i, line in enumerate(lines):
        if line == "{" and i:
            head = " ".join(lines[max(0, i - 4):i])
            found = re.findall(r"(\w+)\s*\([^()]*(?:\([^()]*\)[^()]*)*\)\s*$", head)
            name, start = (found[-1] if found else "?"), i
        elif line == "}" and name:
            yield name, i - start + 1
            name = None


def percentile(sizes, share):
    return sizes[min(len(sizes) - 1, int(len(sizes) * share))] if sizes else 0


def main():
    print(f"{'folder':12} {'files':>5} {'lines':>7} {'file med/max':>13} {'fn':>5} {'fn med/p90/max':>15}  longest")
    for folder in ["proto", "store", "replicator", "tls-edge", "node", "tests"]:
        texts = {p: p.read_text() for p in (ROOT / folder).rglob("*.c")}
        files = sorted(t.count("\n") for t in texts.values())
        found = sorted((n, name) for t in texts.values() for name, n in functions(t))
        sizes = [n for n, _ in found]
        if not files:
            continue
        spread = f"{percentile(sizes, .5)}/{percentile(sizes, .9)}/{sizes[-1] if sizes else 0}"
        print(f"{folder:12} {len(files):5} {sum(files):7} {percentile(files, .5):6}/{files[-1]:<6} {len(sizes):5} {spread:>15}  {found[-1][1] if found else ''}")


if __name__ == "__main__":
    main()
