"""keyd and the door of a real node: confined, and not impressed by hostile uploads."""
import json
import os
import pathlib
import re
import signal
import socket
import struct

import pytest

from cluster import BIN, SITE, eventually
from conftest import running

PASS = "correct horse battery"


@pytest.fixture(scope="module")
def node(ca):
    for c in running("k"):
        c.primary()
        c.cert = ca.issue([f"*.{SITE}", SITE])
        r = c.import_p12(c.cert.p12(c.root / "a.p12", PASS), PASS)
        assert r.code == 0, r
        c.serving(SITE, c.cert.sha256)
        yield c


def status_of(pid):
    return dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())


def door(node, data, timeout=10):
    """What the door answers to raw bytes: (status, JSON), or None when it just closes."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(timeout)
        s.connect(str(node.runtime / "door.sock"))
        s.sendall(data)
        answer = b""
        while chunk := s.recv(65536):
            answer += chunk
            if len(answer) >= 4 and len(answer) == 4 + struct.unpack(">I", answer[:4])[0]:
                break
    if not answer:
        return None
    assert answer[4] == 81, answer  # DOOR_REPLY
    return json.loads(answer[answer.index(b"{"):])


def test_keyd_is_confined(node):
    pid = node.p1.roles()["keyd"]
    if "/asan/" in str(BIN):
        pytest.skip("a sanitizer's build has no seccomp")
    status = status_of(pid)
    assert status["Seccomp"].strip() == "2" and status["NoNewPrivs"].strip() == "1", status
    if os.geteuid() != 0:
        return  # keyd is not dumpable: only root may look at its descriptors
    inodes = {m[1] for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir() if (m := re.match(r"socket:\[(\d+)\]", os.readlink(fd)))}
    for table in ("tcp", "tcp6", "udp", "udp6"):
        lines = pathlib.Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
        assert not inodes & {line.split()[9] for line in lines}, f"keyd has a {table} socket"


def test_status_names_the_sandbox(node):
    if "/asan/" in str(BIN):
        pytest.skip("a sanitizer's build has no seccomp")
    roles = {r["role"]: r for r in node.p1.json("status")["roles"]}
    assert "seccomp" in roles["keyd"]["note"].split(), roles["keyd"]


@pytest.mark.parametrize("data", [struct.pack(">I", 1 << 30), struct.pack(">I", 0), struct.pack(">I", 5) + b"\xffabcd",
                                  struct.pack(">I", 6) + b"\x50\x0a\x03foo", struct.pack(">I", 100) + b"\x50" + b"\xff" * 99],
                         ids=["one GiB announced", "empty", "unknown packet", "unknown verb", "noise"])
def test_a_hostile_client_of_the_door_gets_one_clear_line(node, data):
    error = door(node.p1, data)["error"]
    assert error["code"].startswith("CS_E") and error["exit"] in (65, 70) and error["text"], error


def test_a_stalled_upload_holds_up_nobody(node, ca):
    stalled = [socket.socket(socket.AF_UNIX) for _ in range(3)]
    for s in stalled:
        s.connect(str(node.p1.runtime / "door.sock"))
        s.sendall(struct.pack(">I", 1000) + b"\x50")
    other = ca.issue([f"*.{SITE}", SITE])
    r = node.import_p12(other.p12(node.root / "b.p12", PASS), PASS, "--stage")
    assert r.code == 0, r
    for s in stalled:
        s.close()
    node.p1.cli("cert", "delete", other.id, "--yes")


def test_importers_are_gone_after_their_upload(node):
    eventually(lambda: "import" not in node.p1.roles(), what="no importer is left")


def test_keys_come_back_by_themselves_after_keyd_was_killed(node):
    before = node.p1.roles()["keyd"]
    os.kill(before, signal.SIGKILL)
    eventually(lambda: node.p1.roles().get("keyd") not in (None, before), what="keyd is started again")
    node.serving(SITE, node.cert.sha256)
