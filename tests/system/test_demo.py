"""`certspan demo`, as `make demo` runs it."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import pytest

from cluster import BIN


def ours():
    """Processes that run a program of this build."""
    found = set()
    for p in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(p / "exe").startswith(str(BIN)):
                found.add(int(p.name))
        except OSError:
            pass
    return found


def test_the_demo_shows_everything_and_leaves_nothing():
    before = ours()
    start = time.monotonic()
    r = subprocess.run([BIN / "certspan", "demo"], capture_output=True, text=True, timeout=120, start_new_session=True)
    took = time.monotonic() - start
    assert r.returncode == 0, r.stdout + r.stderr
    for word in ("p1", "b1", "t1", "import", "default", "match", "kill -9", "renewal", "in sync"):
        assert word in r.stdout.lower(), f"{word!r} is not in:\n{r.stdout}"
    assert r.stdout.count("match") >= 3
    assert "next" in r.stdout.lower() or "try" in r.stdout.lower()
    assert not ours() - before, "the demo left processes behind"
    print(f"demo took {took:.1f} s")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts roles under other users")
def test_the_roles_start_from_a_folder_that_their_users_cannot_enter():
    """A clone below /root: the supervisor opens the programs, the roles run them by descriptor."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="certspan-private-"))
    try:
        shutil.copytree(BIN, folder / "bin")
        r = subprocess.run([folder / "bin/certspan", "demo"], capture_output=True, text=True, timeout=120, start_new_session=True)
        assert r.returncode == 0, r.stdout + r.stderr
    finally:
        shutil.rmtree(folder)


def test_an_interrupted_demo_cleans_up():
    before = ours()
    p = subprocess.Popen([BIN / "certspan", "demo"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    seen = ""
    for line in p.stdout:
        seen += line
        if "b1" in line:
            break
    p.send_signal(2)
    rest, _ = p.communicate(timeout=30)
    assert p.returncode != 0
    folder = re.search(r"/tmp/certspan-demo[-\w]+", seen + rest)
    assert folder is None or not pathlib.Path(folder.group(0)).exists(), folder
    time.sleep(0.5)
    assert not ours() - before, "the interrupted demo left processes behind"
