"""Verdicts of public suites, where their files are: names by `coverage match`, uploads by `cert inspect`, chains by `chain build`."""
import csv
import datetime
import os
import pathlib
import urllib.parse

import pytest

from cluster import certspan

VECTORS = pathlib.Path(os.environ.get("CERTSPAN_VECTORS", pathlib.Path(__file__).resolve().parents[3] / "shared/vectors"))
if not VECTORS.exists():
    VECTORS = pathlib.Path(__file__).resolve().parents[2].parent / "shared/vectors"


def rows(name):
    path = VECTORS / name
    if not path.exists():
        pytest.skip(f"no {name} beside the repository")
    with open(path, newline="") as f:
        return list(csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_names_agree():
    by_pem, wrong, scored = {}, [], 0
    for row in rows("names/cases.tsv"):
        by_pem.setdefault(row["pem"], []).append(row)
    for pem, cases in by_pem.items():
        hosts = [urllib.parse.unquote_to_bytes(c["hostname"]) for c in cases]
        args = [b"-o", b"json", b"coverage", b"match", b"--cert", os.fsencode(VECTORS / "names" / pem), b"--", *hosts]
        if any(b"\0" in h for h in hosts):  # no argument can carry a NUL
            continue
        import subprocess
        from cluster import BIN
        r = subprocess.run([BIN / "certspan", *args], capture_output=True)
        assert r.returncode in (0, 65), (pem, r)
        import json
        matches = json.loads(r.stdout.decode("utf-8", "replace")).get("matches") if r.returncode == 0 else None
        for i, case in enumerate(cases):
            got = "no" if matches is None else "yes" if matches[i]["covered"] else "no"
            if case["expected"] == "either":
                continue
            scored += 1
            if got != case["expected"]:
                wrong.append(f"{case['id']} {pem} {case['hostname']!r}: {got}, expected {case['expected']}")
    assert scored > 100
    assert not wrong, f"{len(wrong)} of {scored} differ:\n" + "\n".join(wrong)


def test_core_uploads_are_judged_as_expected(folder):
    wrong, scored = [], 0
    for row in rows("import/manifest.tsv"):
        if row["tier"] != "core" or row["expected"] == "either" or row["format"] not in ("pkcs12", "pem", "der"):
            continue
        path = VECTORS / "import/files" / row["file"]
        args = ["-o", "json", "cert", "inspect", path]
        if row["passphrase"] != "-":
            secret = folder / "p"
            secret.write_bytes(urllib.parse.unquote_to_bytes(row["passphrase"]) + b"\n")
            args += ["--passphrase-file", secret]
        r = certspan(*args)
        got = "reject" if r.code == 65 else "accept" if r.code == 0 else f"exit {r.code}"
        want = "reject" if row["expected"] == "reject" else "accept"
        scored += 1
        if got != want:
            wrong.append(f"{row['file']}: {got}, expected {row['expected']} ({row['reason']})")
    assert scored > 20
    # what issue 3 deepens (old algorithms of every vintage) is scored there in full; here: no file may crash the parser
    assert not [w for w in wrong if "exit" in w], "\n".join(wrong)
    assert len(wrong) <= scored // 10, f"{len(wrong)} of {scored} differ:\n" + "\n".join(wrong)


def test_chains_are_found_as_expected():
    """Also the rows where OpenSSL's own builder, which does not backtrack, finds nothing."""
    wrong, scored = [], 0
    for row in rows("chains/cases.tsv"):
        files = {k: VECTORS / "chains" / row[k] for k in ("leaf", "pool", "roots")}
        at = datetime.datetime.fromtimestamp(int(row["time"]), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        r = certspan("-o", "json", "chain", "build", "--leaf", files["leaf"], "--pool", files["pool"], "--roots", files["roots"], "--at", at)
        assert r.code == 0, (row["id"], r)
        got = r.json["chain"] if r.json["complete"] else "incomplete"
        if row["expected"].startswith("either"):
            continue
        ways = ["incomplete"] if row["expected"] == "incomplete" else [w.split(",") for w in row["expected"].split("|")]
        scored += 1
        if got not in ways and got[:-1] not in ways:  # the root may be left out
            wrong.append(f"{row['id']} ({row['tier']}, {row['note']}): {got} {r.json['missing']}, expected {row['expected']}")
    assert scored > 40
    assert not wrong, f"{len(wrong)} of {scored} differ:\n" + "\n".join(wrong)
