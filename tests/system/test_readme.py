"""Every command of README.md, as it stands there: the tutorial in one shell, the two make targets by their programs."""
import os
import pathlib
import re
import shutil
import socket
import subprocess

import pytest

from cluster import BIN

ROOT = pathlib.Path(__file__).resolve().parents[2]
PORTS = [7441, 7442, 8441, 8442, 8443]


def blocks():
    return re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)


def test_the_two_commands_are_targets():
    first = [b.strip() for b in blocks()[:2]]
    assert first == ["make demo", "make test"]  # test_demo.py runs what the first runs; the second runs us
    for command in first:
        r = subprocess.run(["make", "-n", command.split()[1]], cwd=ROOT, capture_output=True, text=True, env=dict(os.environ, MAKEFLAGS=""))
        assert r.returncode == 0, r


def test_the_tutorial_works_as_it_stands():
    for port in PORTS:
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                pytest.skip(f"port {port} of the tutorial is in use here")
    folder = pathlib.Path("/tmp/certspan-try")
    if folder.exists():
        pytest.skip(f"{folder} is in use here")
    script = "set -e\n" + "\n".join(blocks()[2:])
    script = script.replace("build/release/bin", os.path.relpath(BIN, ROOT))
    # whatever fails, the nodes that the script started end with it
    script = "trap 'kill $(jobs -p) 2> /dev/null || :; wait' EXIT\n" + script
    try:
        r = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120, start_new_session=True, env=dict(os.environ, NO_COLOR="1"))
        logs = "".join(p.read_text(errors="replace")[-2000:] for p in folder.glob("*.log"))
        assert r.returncode == 0, f"{r.stdout}\n{r.stderr}\n{logs}"
        assert r.stdout.count("match") >= 4 and "CERTSPAN OK" in r.stdout, r.stdout
        assert "DNS:*.access.example.com" in r.stdout, r.stdout
    finally:
        shutil.rmtree(folder, ignore_errors=True)
