#!/usr/bin/python3
"""Runs the tests of one build and ends with one summary line.

usage: run.py [--build DIR] [lint] [layers] [unit] [sim] [system] [fuzz]     (default: lint layers unit sim system)

Units are cmocka programs (TAP), sim is the simulator of tests/sim (SIM_RUNS random runs, its scenarios, and one run
without each rule, which must fail), system tests are pytest over the real binaries of DIR/bin, fuzz runs every target of
DIR/tests/fuzz (or those named in FUZZ="pem wire") for FUZZ_SECONDS each, from DIR/seeds. What was skipped is named with its reason and counted.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parent.parent
KINDS = ["lint", "layers", "unit", "sim", "system", "fuzz"]


class Tally:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], []

    def line(self, good, name, detail=""):
        print(f"  {'ok  ' if good else 'FAIL'}  {name}{'  ' + detail if detail else ''}", flush=True)


def tool(tally, name):
    """One of our own checkers: exit 0 = one passed test, 77 = skipped with its last line as the reason."""
    r = subprocess.run([sys.executable, ROOT / f"tests/lint/{name}.py"], cwd=ROOT, text=True, capture_output=True)
    if r.returncode == 77:
        tally.skipped.append(f"{name}: {r.stdout.strip().splitlines()[-1]}")
        return
    tally.line(r.returncode == 0, name, r.stdout.strip().splitlines()[-1] if r.stdout.strip() else "")
    if r.returncode == 0:
        tally.passed += 1
    else:
        print(r.stdout + r.stderr)
        tally.failed.append(name)


def unit(tally, build):
    programs = sorted(p for p in (build / "tests/unit").glob("*/test_*") if p.suffix == "" and os.access(p, os.X_OK))
    for program in programs:
        name = f"{program.parent.name}/{program.name}"
        env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP", CERTSPAN_BIN=str(build / "bin"))
        try:
            r = subprocess.run([program], cwd=ROOT, text=True, errors="replace", capture_output=True, env=env, timeout=600)
        except subprocess.TimeoutExpired:
            tally.line(False, name, "no end after 600 s")
            tally.failed.append(name)
            continue
        rows = re.findall(r"^(not ok|ok) \d+ (?:- )?(# SKIP )?(.*)$", r.stdout, re.M)
        skipped = [row for row in rows if row[1]]  # cmocka writes "not ok 1 # SKIP name"
        bad = [row for row in rows if row[0] == "not ok" and not row[1]]
        good = r.returncode == 0 and not bad and rows
        tally.line(good, name, f"{len(rows) - len(bad) - len(skipped)} tests")
        tally.passed += len(rows) - len(bad) - len(skipped)
        tally.skipped += [f"{name}: {row[2]}: {(r.stderr.strip().splitlines() or ['no reason given'])[-1]}" for row in skipped]
        if not good:
            tally.failed += [f"{name}: {row[2]}" for row in bad] or [f"{name}: ended with {r.returncode}"]
            print(r.stdout[-6000:] + r.stderr[-6000:])


def sim_case(tally, name, command, good):
    r = subprocess.run(command, cwd=ROOT, text=True, errors="replace", capture_output=True)
    fine = good(r)
    tally.line(fine, f"sim/{name}", r.stdout.strip().splitlines()[-1] if r.stdout.strip() else f"ended with {r.returncode}")
    if fine:
        tally.passed += 1
    else:
        tally.failed.append(f"sim/{name}")
        print(r.stdout[-6000:] + r.stderr[-2000:])


def sim(tally, build):
    runs = os.environ.get("SIM_RUNS", "500")
    program = build / "tests/sim/sim"
    for scenario in sorted((ROOT / "tests/sim/scenarios").iterdir()):
        sim_case(tally, scenario.name, [program, scenario], lambda r: r.returncode == 0)
    sim_case(tally, f"{runs} random runs", [program, "-s", "1", "-r", runs], lambda r: r.returncode == 0)
    for program in sorted(build.glob("tests/sim/without_*")):
        # the fault must be found, by a verdict and not by a crash
        sim_case(tally, program.name, [program, "-1", "-s", "1", "-r", "5000"], lambda r: r.returncode == 1 and "FAIL seed" in r.stdout)


def system(tally, build):
    report = build / "system.xml"
    env = dict(os.environ, CERTSPAN_BIN=str((build / "bin").resolve()), PYTHONDONTWRITEBYTECODE="1")
    extra = os.environ.get("PYTEST_ARGS", "").split()
    subprocess.run(["/usr/bin/python3", "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", f"--junitxml={report}", "tests/system", *extra], cwd=ROOT, env=env)
    if not report.exists():
        tally.failed.append("system: pytest did not run")
        return
    for case in xml.parse(report).getroot().iter("testcase"):
        name = f"{case.get('classname').split('.')[-1]}::{case.get('name')}"
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            tally.failed.append(name)
        elif skip is not None:
            tally.skipped.append(f"{name}: {skip.get('message')}")
        else:
            tally.passed += 1


def fuzz(tally, build):
    seconds = int(os.environ.get("FUZZ_SECONDS", "20"))
    wanted = os.environ.get("FUZZ", "").split()
    for target in sorted(p for p in (build / "tests/fuzz").glob("fuzz_*") if p.suffix == "" and (not wanted or p.name[5:] in wanted)):
        scratch = build / "fuzz" / target.name
        scratch.mkdir(parents=True, exist_ok=True)
        command = [target.resolve(), f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={scratch}/", scratch]
        seeds = build / "seeds" / target.name
        command += [seeds] if seeds.is_dir() else []
        r = subprocess.run(command, cwd=ROOT, text=True, errors="replace", capture_output=True)
        runs = re.search(r"number_of_executed_units: (\d+)", r.stderr)
        tally.line(r.returncode == 0, target.name, f"{runs.group(1)} runs" if runs else "")
        if r.returncode == 0:
            tally.passed += 1
        else:
            tally.failed.append(target.name)
            print(r.stderr[-4000:])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build/release")
    parser.add_argument("kinds", nargs="*", choices=KINDS + [[]])
    args = parser.parse_args()
    build, tally, start = pathlib.Path(args.build), Tally(), time.monotonic()
    for kind in args.kinds or KINDS[:5]:
        print(f"== {kind}", flush=True)
        if kind in ("lint", "layers"):
            tool(tally, kind)
        else:
            globals()[kind](tally, build)
    for line in tally.skipped:
        print(f"skipped: {line}")
    for line in tally.failed:
        print(f"FAILED: {line}")
    print(f"{time.monotonic() - start:.0f} s")
    print(f"certspan: {tally.passed} passed, {len(tally.failed)} failed, {len(tally.skipped)} skipped")
    sys.exit(1 if tally.failed or tally.passed == 0 else 0)


if __name__ == "__main__":
    main()
