"""What chain a real client is sent, in each of the three modes, on the primary and on a follower."""
import hashlib
import re
import ssl
import subprocess

import pytest

from cluster import SITE, certspan, eventually
from pki import CA, SubCA, openssl

URL = "http://ca.example.test/i1.crt"


def sent(port, host):
    """SHA-256 of every certificate that comes with a handshake, in order."""
    r = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", host, "-showcerts"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10)
    pems = re.findall("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", r.stdout.split("Server certificate")[0], re.S)
    return [hashlib.sha256(ssl.PEM_cert_to_DER_cert(p)).hexdigest() for p in pems]


class World:
    def __init__(self, cluster):
        self.c, self.path = cluster, cluster.root / "pki"
        cluster.primary()
        cluster.join("t1", "traffic")
        cluster.in_sync()
        self.r1, self.r2 = CA(self.path / "r1", "Root One"), CA(self.path / "r2", "Root Two")
        self.i1 = SubCA(self.path / "i1", self.r1, "Issuing CA")
        self.x1 = SubCA(self.path / "x1", self.r2, twin=self.i1)

    def everywhere(self, host, *certs):
        want = [c.sha256 for c in certs]
        for node in (self.c.p1, self.c.t1):
            eventually(lambda: sent(node.port, host) == want, what=f"{node.name} sends {len(want)} certificates for {host}")

    def import_(self, cert, *issuers, name):
        path = self.path / f"{name}.pem"
        path.write_bytes(cert.pem.read_bytes() + cert.key.read_bytes() + b"".join(i.pem.read_bytes() for i in issuers))
        return self.c.p1.cli("-o", "json", "cert", "import", path, "--name", name)

    def file(self, name, *certs):
        path = self.path / name
        path.write_bytes(b"".join(c.pem.read_bytes() for c in certs))
        return path


@pytest.fixture
def world(cluster):
    return World(cluster)


def test_each_mode_sends_its_chain_on_every_node(world):
    p1, leaf = world.c.p1, world.i1.issue([SITE], label="leaf", aia=URL)
    r = world.import_(leaf, name="alone")
    assert r.code == 0, r
    # by default: nothing leads up from it, so it stays as it came, and the answer says what is missing
    missing = [w["text"] for w in r.json["warnings"] if w["code"] == "chain-incomplete"]
    assert len(missing) == 1 and "Issuing CA" in missing[0] and URL in missing[0], r.json["warnings"]
    world.everywhere(SITE, leaf)
    shown = p1.json("chain", "show", "alone")
    assert (shown["mode"], shown["complete"], shown["chosen"]) == ("current", False, False)
    assert shown["missing"]["url"] == URL and "Issuing CA" in shown["missing"]["issuer"]

    # the CA certificate alone is enough for clients, but the root is not known here
    assert p1.cli("cert", "import", world.i1.cert.pem).code == 0
    p1.ok("chain", "set", "alone", "--auto")
    world.everywhere(SITE, leaf, world.i1.cert)
    codes = [w["code"] for w in p1.json("cert", "show", "alone")["cert"]["warnings"]]
    assert "root-missing" in codes and "chain-incomplete" not in codes

    # the root is never served, but makes it whole
    assert p1.cli("cert", "import", world.r1.cert.pem).code == 0
    shown = p1.json("chain", "show", "alone")
    assert (shown["mode"], shown["complete"], shown["missing"]) == ("automatic", True, None)
    assert [m["sha256"] for m in shown["chain"]] == [world.i1.cert.sha256, world.r1.cert.sha256]
    world.everywhere(SITE, leaf, world.i1.cert)

    p1.ok("chain", "set", "alone", "--current")
    world.everywhere(SITE, leaf)

    # by hand, out of order and with the root and the leaf in the file: served in order, without them
    p1.ok("chain", "set", "alone", "--file", world.file("by-hand.pem", world.r2.cert, leaf, world.x1.cert))
    world.everywhere(SITE, leaf, world.x1.cert)
    assert p1.json("chain", "show", "alone")["mode"] == "manual"

    # the successor of a renewal inherits what was chosen
    renewed = world.i1.issue([SITE], label="renewed", same_key=leaf.key)
    r = world.import_(renewed, name="renewed")
    assert r.code == 0 and r.json["verdict"] == "renewal", r
    world.everywhere(SITE, renewed, world.x1.cert)
    assert p1.json("chain", "show", renewed.id)["mode"] == "manual"
    world.c.t1.stop()
    world.c.t1.start()
    world.everywhere(SITE, renewed, world.x1.cert)


def test_a_ca_certificate_completes_what_waits_for_it(world):
    p1 = world.c.p1
    leaves = [world.i1.issue([f"h{i}.{SITE}"], label=f"h{i}") for i in range(3)]
    for i, leaf in enumerate(leaves):
        assert world.import_(leaf, name=f"h{i}").code == 0
    whole = world.i1.issue([SITE], label="whole")
    assert world.import_(whole, world.i1.cert, world.r1.cert, name="whole").code == 0
    assert p1.json("chain", "show", "whole")["mode"] == "automatic"
    world.everywhere(SITE, whole, world.i1.cert)
    before = p1.json("sync", "status")["seq"]
    assert p1.cli("cert", "import", world.file("cas.pem", world.i1.cert, world.r1.cert)).code == 0
    assert p1.json("sync", "status")["seq"] == before + 1, "all of it is one commit"
    for i, leaf in enumerate(leaves):
        world.everywhere(f"h{i}.{SITE}", leaf, world.i1.cert)
        assert p1.json("chain", "show", f"h{i}")["mode"] == "automatic"


def test_what_is_no_chain_is_refused(world):
    p1, leaf = world.c.p1, world.i1.issue([SITE], label="leaf")
    assert world.import_(leaf, world.i1.cert, world.r1.cert, name="site").code == 0
    bad = world.path / "bad.pem"
    cases = [
        (64, ["site"]),
        (64, ["site", "--auto", "--current"]),
        (66, ["nothing", "--auto"]),
        (66, ["site", "--file", world.path / "absent"]),
        (65, ["site", "--file", world.r2.cert.pem]),  # did not issue it
        (65, ["site", "--file", world.file("two.pem", world.i1.cert, world.r2.cert)]),
        (65, ["site", "--file", leaf.key]),
        (65, ["site", "--file", bad]),
    ]
    bad.write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    for code, args in cases:
        r = p1.cli("chain", "set", *args)
        assert r.code == code and "next:" in r.err, (args, r)
    assert world.c.t1.cli("chain", "set", "site", "--auto").code == 77
    r = p1.ok("-o", "json", "chain", "set", "site", "--current", "--dry-run")
    assert r.json["dry_run"] and r.json["chain"]["mode"] == "current"
    assert p1.json("chain", "show", "site")["mode"] == "automatic"
    world.everywhere(SITE, leaf, world.i1.cert)


def test_build_needs_no_daemon(folder):
    root, other = CA(folder / "r"), CA(folder / "o", "Other")
    sub = SubCA(folder / "i", root)
    leaf = sub.issue(["a.test"], aia=URL)
    pool, none = folder / "pool.pem", folder / "none.pem"
    pool.write_bytes(other.cert.pem.read_bytes() + sub.cert.pem.read_bytes())
    none.write_text("")
    r = certspan("-o", "json", "chain", "build", "--leaf", leaf.pem, "--pool", pool, "--roots", root.cert.pem)
    assert r.code == 0 and r.json["complete"] and r.json["missing"] is None
    assert r.json["chain"] == [c.sha256 for c in (leaf, sub.cert, root.cert)]
    r = certspan("-o", "json", "chain", "build", "--leaf", leaf.pem, "--pool", none, "--exit-code")
    assert r.code == 1 and not r.json["complete"] and r.json["missing"]["url"] == URL
    r = certspan("chain", "build", "--leaf", leaf.pem, "--pool", pool, "--pool", root.cert.pem, "--at", "2100-01-01T00:00:00+01:00")
    assert r.code == 0 and "expired" in r.out
    for code, args in [(64, []), (64, ["--leaf", leaf.pem, "--at", "yesterday"]), (66, ["--leaf", folder / "absent"]), (65, ["--leaf", none])]:
        r = certspan("chain", "build", *args)
        assert r.code == code and "next:" in r.err, (args, r)


def test_inspect_tells_whose_root_it_is(folder):
    root = CA(folder / "r", "Some Root")
    sub = SubCA(folder / "i", root)
    leaf = sub.issue(["a.test"], days=900)
    pile = folder / "pile.pem"
    pile.write_bytes(b"".join(c.pem.read_bytes() for c in (leaf, sub.cert, root.cert)))

    def warned(store):
        r = certspan("-o", "json", "cert", "inspect", pile, env={"SSL_CERT_FILE": str(store)})
        assert r.code == 0, r
        return {w["code"]: w.get("severity") for w in r.json["warnings"]}

    public = warned(root.cert.pem)
    assert "private-ca" not in public and public["no-scts"] == "warning" and public["long-lifetime"] == "warning", public
    private = warned(CA(folder / "o", "Other").cert.pem)
    assert private["private-ca"] == "warning" and "no-scts" not in private and private["long-lifetime"] == "info", private
    unknown = warned(folder / "absent")  # no trust store: nothing is said
    assert "private-ca" not in unknown and "no-scts" not in unknown, unknown
