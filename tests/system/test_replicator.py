"""The replicator among real nodes: joining, the sync set, kills, a stranger's key, what a follower answers."""
import os
import signal
import socket
import struct
import time

from cluster import certspan, eventually


def held(cluster, name):
    """STORED of one node as the primary sees it, and the head."""
    s = cluster.p1.json("status")
    row = next(n for n in s["nodes"] if n["name"] == name)
    return row["stored_seq"], s["seq"]


def test_three_nodes_hold_the_same_and_a_killed_replicator_returns(cluster):
    cluster.three()
    for node in ("p1", "b1", "t1"):
        os.kill(cluster.nodes[node].roles()["replicator"], signal.SIGKILL)
        cluster.in_sync()
    cluster.p1.ok("setting", "set", "ack.timeout", "4000")
    eventually(lambda: held(cluster, "t1")[0] == held(cluster, "t1")[1], what="t1 holds the change")


def test_a_change_without_its_backup_says_so(cluster):
    cluster.three()
    cluster.b1.kill9()
    begin = time.monotonic()
    r = cluster.p1.cli("-o", "json", "setting", "set", "ack.timeout", "5000")
    assert r.code == 10, r
    assert time.monotonic() - begin < 9
    cluster.b1.start()
    cluster.in_sync()
    assert cluster.p1.cli("setting", "set", "ack.timeout", "6000").code == 0


def test_followers_restart_without_the_primary(cluster):
    cluster.three()
    cluster.p1.kill9()
    cluster.t1.kill9()
    cluster.t1.start()
    r = cluster.t1.cli("-o", "json", "setting", "set", "ack.timeout", "7000")
    assert r.code == 77 and "p1" in r.err + r.out, r
    cluster.p1.start()
    cluster.in_sync()


def test_a_token_works_once_and_a_wrong_one_never(cluster):
    from cluster import Node

    cluster.primary()
    first = cluster.nodes["t1"] = Node(cluster.root, "t1", "traffic")
    token = cluster.token(first)
    assert certspan("join", "-", *first.places(), stdin=token + "\n").code == 0
    (cluster.root / "again").mkdir()
    second = Node(cluster.root / "again", "t1", "traffic")
    assert certspan("join", "-", *second.places(), stdin=token + "\n").code == 77
    cluster.nodes["t1"].start()
    cluster.in_sync()


def test_an_announced_gigabyte_reserves_nothing(cluster):
    cluster.primary()
    host, port = cluster.p1.internal.split(":")
    pid = cluster.p1.roles()["replicator"]

    def rss():
        with open(f"/proc/{pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))

    before = rss()
    with socket.create_connection((host, int(port))) as s:
        s.sendall(b"\xff" + b"\0" * 8 + b"\x7f" + b"\3\1" + b"CURVE" + b"\0" * 15 + b"\0" * 32)
        s.sendall(b"\6" + struct.pack(">Q", 1 << 30) + b"\5HELLO" + b"\0" * 65536)
        time.sleep(0.5)
    assert rss() - before < 8 * 1024
    assert cluster.p1.cli("status").code == 0
