"""Killed processes, full and read-only disks, hostile peers: what was served stays served, and it heals by itself."""
import os
import pathlib
import resource
import signal
import socket
import struct
import subprocess
import time

import pytest

from cluster import BIN, SITE, Node, certspan, eventually

PASS = "correct horse battery"


@pytest.fixture
def primary(cluster, ca):
    cluster.primary()
    cluster.cert = ca.issue([f"*.{SITE}", SITE])
    r = cluster.import_p12(cluster.cert.p12(cluster.root / "a.p12", PASS), PASS)
    assert r.code == 0, r
    cluster.p1.ok("default", "set", cluster.cert.id)
    cluster.serving(None, cluster.cert.sha256)
    return cluster


@pytest.mark.parametrize("role", ["keyd", "replicator", "edge0", "prober", "admin"])
def test_a_killed_role_comes_back(primary, role):
    node = primary.p1
    before = node.roles()
    os.kill(before[role], signal.SIGKILL)
    eventually(lambda: node.roles().get(role) not in (None, before[role]) or role.startswith("edge") and before[role] not in node.roles().values(), what=f"{role} is started again")
    primary.serving(SITE, primary.cert.sha256)
    after = node.roles()
    for other in before:
        if not other.startswith("edge") and other != role:
            assert after[other] == before[other], f"{other} had to die too"
    eventually(lambda: [r for r in node.json("status", "--local")["roles"] if r["restarts"] == 1], what="status tells of the restart")


@pytest.mark.parametrize("role", ["keyd", "replicator", "prober", "admin"])
def test_an_open_connection_survives_a_killed_role(primary, role):
    import ssl
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    node = primary.p1
    with socket.create_connection(("127.0.0.1", node.port), timeout=10) as raw, context.wrap_socket(raw, server_hostname=SITE) as tls:
        tls.sendall(b"GET /hold?seconds=3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        body = tls.recv(65536)
        os.kill(node.roles()[role], signal.SIGKILL)
        while more := tls.recv(65536):
            body += more
    assert b"200 OK" in body and body.rstrip().endswith(b"0"), body[-100:]


def test_the_roles_end_with_the_supervisor(primary):
    node = primary.p1
    pids = list(node.roles().values())
    os.kill(node.process.pid, signal.SIGKILL)
    node.process.wait(5)
    node.process = None
    eventually(lambda: not [p for p in pids if pathlib.Path(f"/proc/{p}").exists() and "Z" not in pathlib.Path(f"/proc/{p}/stat").read_text().split(")")[1][:3]], timeout=5, what="all roles are gone")
    node.start()
    primary.serving(SITE, primary.cert.sha256)


def test_sigterm_stops_within_five_seconds(primary):
    start = time.monotonic()
    assert primary.p1.stop() == 0
    assert time.monotonic() - start < 5.5


def test_a_port_in_use_is_named(cluster):
    node = Node(cluster.root, "p1", "primary").init()
    with socket.socket() as s:
        s.bind(("127.0.0.1", node.port))
        s.listen()
        r = subprocess.run([BIN / "certspand", "--config", node.config], capture_output=True, text=True, timeout=10)
    assert r.returncode != 0 and str(node.port) in r.stderr and "next:" in r.stderr, r


def test_a_second_instance_is_refused(primary):
    r = subprocess.run([BIN / "certspand", "--config", primary.p1.config], capture_output=True, text=True, timeout=10)
    assert r.returncode != 0 and "runs" in r.stderr, r
    primary.serving(SITE, primary.cert.sha256)


def test_a_folder_that_cannot_be_written(cluster, folder):
    blocker = folder / "file"
    blocker.write_text("not a folder")
    node = Node(cluster.root, "p1", "primary")
    r = certspan("init", "--site", SITE, "--name", "p1", "--public", node.public, "--internal", node.internal, "--config", node.config, "--state", blocker / "state", "--runtime", node.runtime, "--edge-listen", f"127.0.0.1:{node.port}")
    assert r.code in (73, 74, 77) and "next:" in r.err, r


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts roles under other users")
def test_a_store_below_a_private_folder_is_refused_by_name(cluster, folder):
    node = Node(folder, "p1", "primary").init()
    folder.chmod(0o700)
    r = subprocess.run([BIN / "certspand", "--config", node.config], capture_output=True, text=True, timeout=10)
    assert r.returncode == 77 and f"next: chmod o+x {folder}" in r.stderr, r
    folder.chmod(0o711)
    node.start()
    assert node.stop() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small tmpfs needs root")
def test_a_full_disk_refuses_the_write_and_loses_nothing(cluster, ca):
    node = cluster.nodes["p1"] = Node(cluster.root, "p1", "primary")
    node.state.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m,mode=0711", "certspan-test", node.state], capture_output=True).returncode != 0:
        pytest.skip("no permission to mount a tmpfs")
    try:
        node.init().start()
        cert = ca.issue([f"*.{SITE}", SITE])
        assert cluster.import_p12(cert.p12(cluster.root / "a.p12", PASS), PASS).code == 0
        cluster.serving(SITE, cert.sha256)
        filler = node.state / "filler"
        with open(filler, "wb", buffering=0) as f:
            try:
                while True:
                    f.write(bytes(4096))
            except OSError:
                pass
        failed = 0
        for i in range(12):
            more = ca.issue([f"h{i}.{SITE}"], label=f"full{i}")
            r = cluster.import_p12(more.p12(cluster.root / f"b{i}.p12", PASS), PASS)
            if r.code != 0:
                failed += 1
                assert r.code in (74, 69, 75), r
                break
        assert failed, "a full disk takes no commit for ever"
        assert node.served(SITE) == cert.sha256
        filler.unlink()
        after = ca.issue([f"after.{SITE}"])
        eventually(lambda: cluster.import_p12(after.p12(cluster.root / "after.p12", PASS), PASS).code == 0, timeout=20, every=0.5, what="it heals once there is room")
        cluster.serving(f"after.{SITE}", after.sha256)
        assert node.served(SITE) == cert.sha256
    finally:
        cluster.close()
        subprocess.run(["umount", node.state], check=False)


def test_a_client_that_stalls_is_closed_and_others_are_served(primary):
    node = primary.p1
    stalled = []
    for _ in range(200):
        s = socket.create_connection(("127.0.0.1", node.port), timeout=20)
        s.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a ClientHello
        stalled.append(s)
    start = time.monotonic()
    assert node.served(SITE) == primary.cert.sha256
    assert time.monotonic() - start < 2
    stalled[0].settimeout(15)
    try:
        while stalled[0].recv(4096):
            pass
    except ConnectionError:
        pass
    assert 5 < time.monotonic() - start < 13
    for s in stalled:
        s.close()


def resident(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def test_a_gigabyte_announced_on_the_replication_port_costs_nothing(primary):
    node = primary.p1
    pid = node.roles()["replicator"]
    before = resident(pid)
    host, port = node.internal.rsplit(":", 1)
    for _ in range(20):
        with socket.create_connection((host, int(port)), timeout=5) as s:
            s.sendall(b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00CURVE" + bytes(15) + b"\x00" + bytes(31))
            s.sendall(b"\x06" + struct.pack(">Q", 1 << 30) + b"\x05HELLO" + bytes(60000))
            time.sleep(0.01)
    time.sleep(0.3)
    assert node.roles()["replicator"] == pid, "the replicator did not survive"
    assert resident(pid) - before < 8 << 20
    primary.join("t1", "traffic")
    primary.in_sync()


def test_an_unknown_curve_key_is_never_heard(primary, folder):
    """A stranger with a correct CURVE client, written here against libzmq's own library, gets no answer and changes nothing."""
    code = folder / "stranger.c"
    code.write_text(r'''
#include <stdio.h>
#include <string.h>
#include <zmq.h>
int main(int argc, char **argv)
{
	char pub[41], sec[41], buf[64];
	void *ctx = zmq_ctx_new(), *s = zmq_socket(ctx, ZMQ_DEALER);
	int zero = 0, wait = 1500;
	if (argc != 3 || zmq_curve_keypair(pub, sec) != 0)
		return 2;
	zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, argv[2], 40);
	zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, pub, 40);
	zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, sec, 40);
	zmq_setsockopt(s, ZMQ_LINGER, &zero, sizeof(zero));
	zmq_setsockopt(s, ZMQ_RCVTIMEO, &wait, sizeof(wait));
	zmq_connect(s, argv[1]);
	for (int i = 1; i < 20; i++) {
		char junk[8] = { (char)i, 8, 1 };
		zmq_send(s, junk, 3, ZMQ_DONTWAIT);
	}
	const int n = zmq_recv(s, buf, sizeof(buf), 0);
	printf("%d\n", n);
	zmq_close(s);
	zmq_ctx_term(ctx);
	return n >= 0;
}
''')
    tool = folder / "stranger"
    subprocess.run(["gcc", "-o", tool, code, "-lzmq"], check=True)
    node = primary.p1
    key = bytes.fromhex(node.json("node", "show", "p1")["node"]["curve_key"])
    chars = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    z85 = ""
    for i in range(0, 32, 4):
        value, part = int.from_bytes(key[i:i + 4], "big"), ""
        for _ in range(5):
            part, value = chars[value % 85] + part, value // 85
        z85 += part
    seq = node.json("status")["seq"]
    r = subprocess.run([tool, f"tcp://{node.internal}", z85], capture_output=True, text=True, timeout=20)
    assert r.returncode == 0, "the stranger was answered: " + r.stdout
    assert node.json("status")["seq"] == seq


def test_backup_away_ends_with_exit_10_and_heals(cluster, ca):
    cluster.primary()
    cluster.join("b1", "backup")
    cluster.in_sync()
    cluster.b1.stop()
    cert = ca.issue([f"*.{SITE}", SITE])
    r = cluster.import_p12(cert.p12(cluster.root / "a.p12", PASS), PASS)
    assert r.code in (0, 10), r
    assert r.code == 10 or "backup" in r.out, r
    cluster.serving(SITE, cert.sha256, [cluster.p1])
    assert cluster.p1.cli("check").code in (1, 2)
    cluster.b1.start()
    cluster.in_sync()
    cluster.serving(SITE, cert.sha256)
    again = ca.issue([f"x.{SITE}"])
    r = cluster.import_p12(again.p12(cluster.root / "b.p12", PASS), PASS)
    assert r.code == 0 and r.json["acknowledged"] == "backup", r
