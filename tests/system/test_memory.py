"""The memory of every process that meets the network holds no private key, no secret and no passphrase."""
import os
import pathlib
import re
import subprocess

import pytest

from cluster import BIN, SITE, eventually
from pki import openssl

PASS = "a passphrase that nobody else uses"
EXPORT_PASS = "one for what leaves, found nowhere"


def memory_of(pid):
    """Every readable byte of a process."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
            begin, end = (int(x, 16) for x in line.split()[0].split("-"))
            if "r" not in line.split()[1] or "[vvar]" in line or "[vsyscall]" in line or ".mdb" in line and (end - begin) > (1 << 30):
                continue
            try:
                mem.seek(begin)
                yield mem.read(end - begin)
            except (OSError, OverflowError, ValueError):
                continue


def mapped_store(pid):
    """LMDB maps gigabytes of address space; what is behind it are the files themselves."""
    return {line.split()[-1] for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines() if line.endswith("data.mdb")}


def private_numbers(key):
    text = openssl("pkey", "-in", key, "-noout", "-text").decode()
    wanted = {}
    for label in ("prime1", "prime2", "privateExponent", "priv"):
        found = re.search(rf"^{label}:\s*\n((?:\s+[0-9a-f:]+\n)+)", text, re.M)
        if found:
            raw = bytes.fromhex(re.sub(r"[\s:]", "", found.group(1))).lstrip(b"\0")
            wanted[label] = raw
            wanted[label + " reversed"] = raw[::-1]  # little-endian limbs, as bignums lie in memory
    assert wanted, text
    return wanted


@pytest.mark.skipif(os.geteuid() != 0, reason="reading another process's memory needs root: they are not dumpable")
def test_no_secret_in_edge_replicator_admin_prober(cluster, ca):
    cluster.primary()
    cluster.join("b1", "backup")
    ec = ca.issue([f"*.{SITE}", SITE])
    rsa = ca.issue([f"rsa.{SITE}"], kind="RSA-2048")
    r = cluster.import_p12(ec.p12(cluster.root / "ec.p12", PASS), PASS)
    assert r.code == 0, r
    r = cluster.p1.cli("-o", "json", "cert", "import", rsa.bundle_pem(cluster.root / "rsa.pem"), "--allow", "name-loss")
    assert r.code == 0, r
    cluster.p1.ok("default", "set", ec.id)
    secret = cluster.root / "export"
    secret.write_text(EXPORT_PASS + "\n")
    cluster.p1.ok("cert", "export", ec.id, "--include", "certificate,key", "--out", cluster.root / "out.p12", "--passphrase-file", secret)
    cluster.p1.ok("key", "recovery", "--out", cluster.root / "recovery", "--passphrase-file", secret)
    cluster.in_sync()
    wanted = {f"EC {k}": v for k, v in private_numbers(ec.key).items()} | {f"RSA {k}": v for k, v in private_numbers(rsa.key).items()}
    wanted["passphrase"] = PASS.encode()
    wanted["passphrase of an export"] = EXPORT_PASS.encode()
    wanted["EC pkcs8"] = openssl("pkcs8", "-topk8", "-nocrypt", "-in", ec.key, "-outform", "DER")[-100:-70]
    for node in (cluster.p1, cluster.b1):
        for name in (SITE, f"rsa.{SITE}", None):
            for _ in range(20):
                eventually(lambda: node.served(name), what="a handshake")
        keyd_seen = set()
        for role, pid in node.roles().items():
            hits = {what for chunk in memory_of(pid) for what, needle in wanted.items() if needle in chunk}
            if role == "keyd":
                keyd_seen = hits
                continue
            assert not hits, f"{node.name} {role} holds {sorted(hits)}"
            for store in mapped_store(pid):
                data = pathlib.Path(store).read_bytes()
                assert not [what for what, needle in wanted.items() if needle in data], f"{store} has a key in clear"
        assert keyd_seen, "the search finds nothing even in keyd, so it proves nothing"


@pytest.mark.skipif(os.geteuid() != 0, reason="reading another process's memory needs root: they are not dumpable")
def test_the_cluster_secret_stays_in_keyd(cluster, ca):
    """The bundle passphrase opens the sealed bundle with the plain openssl command; nobody but keyd can know it."""
    cluster.primary()
    cert = ca.issue([f"*.{SITE}", SITE])
    assert cluster.import_p12(cert.p12(cluster.root / "a.p12", PASS), PASS).code == 0
    node = cluster.p1
    r = subprocess.run([BIN.parent / "tests/tools/sealed", node.state, node.name], text=True, capture_output=True)
    assert r.returncode == 0, r
    secret_hex, passphrase, sealed = r.stdout.split()
    path = cluster.root / "sealed.p12"
    path.write_bytes(bytes.fromhex(sealed))
    text = openssl("pkcs12", "-in", path, "-passin", f"pass:{passphrase}", "-nodes").decode()
    assert "BEGIN PRIVATE KEY" in text and "BEGIN CERTIFICATE" in text
    needles = {"secret": bytes.fromhex(secret_hex), "bundle passphrase": passphrase.encode()}
    for role, pid in node.roles().items():
        hits = {what for chunk in memory_of(pid) for what, needle in needles.items() if needle in chunk}
        assert not hits or role == "keyd", f"{role} holds {hits}"
