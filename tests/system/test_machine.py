"""node show: what each node says of the machine under it (S40), for every node at the primary."""
import os
import platform

from cluster import eventually

TEXTS = ("version", "kernel", "arch", "zone", "time", "sandbox", "hypervisor")


def machine(node, name):
    doc = node.json("node", "show", name)["node"]["status"]["machine"]
    assert doc is not None, f"{name} has not said it yet"
    return doc


def test_the_primary_knows_the_machine_of_every_node(shared):
    for name in ("p1", "b1", "t1"):
        m = eventually(lambda: (m := machine(shared.p1, name)) and "keyd: seccomp" in m["sandbox"] and m, timeout=90, every=1, what=f"the machine of {name}")
        assert all(isinstance(m[key], str) for key in TEXTS), m
        assert m["kernel"] == os.uname().release and m["arch"] == platform.machine()
        assert len(m["load"]) == 3 and m["uptime_s"] > 0
        assert "keyd: seccomp" in m["sandbox"] and "edge: " in m["sandbox"] and "replicator: " in m["sandbox"], m["sandbox"]


def test_a_follower_knows_its_own(shared):
    assert machine(shared.t1, "t1")["kernel"] == os.uname().release


def test_the_system_id_is_not_the_machine_id(shared):
    m = machine(shared.p1, "p1")
    try:
        raw = open("/etc/machine-id").read().strip()
    except OSError:
        return
    assert not raw or m["system_id"] and m["system_id"] != raw and len(m["system_id"]) == 32


def test_people_read_it_too(shared):
    out = shared.p1.ok("node", "show", "t1").out
    for label in ("model", "hypervisor", "serial", "system id", "version", "kernel", "arch", "uptime", "load", "system time", "time zone", "sandbox"):
        assert f"\n{label} " in out, out
