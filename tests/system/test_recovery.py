"""The recovery file and the lock, on real nodes."""
import pathlib
import stat

import pytest

from cluster import SITE, Node, certspan, eventually, free_port

PASS = "a recovery passphrase"


def secret(folder, text=PASS, name="secret"):
    path = folder / name
    path.write_text(text + "\n")
    return path


def init(folder, *more):
    return certspan("init", "--site", SITE, "--name", "p1", "--public", f"p1.{SITE}", "--internal", f"127.0.0.1:{free_port()}",
                    "--config", folder / "certspan.yaml", "--state", folder / "state", "--runtime", folder / "run", *more)


def warnings(node):
    return {w["code"] for w in node.json("status")["warnings"]}


def test_init_leaves_a_recovery_file_and_shows_its_passphrase_once(folder):
    r = init(folder, "-o", "json")
    assert r.code == 0, r
    path = pathlib.Path(r.json["recovery"])
    assert path == folder / f"certspan-recovery-{r.json['cluster']}.txt" and stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    assert text.startswith("certspan recovery file 1\ncluster " + r.json["cluster"])
    shown = r.err.split("shown this once: ")[1].split()[0]
    assert shown not in text and shown not in r.out


def test_init_takes_the_admins_passphrase_and_leaves_nothing_when_it_cannot_write(folder):
    short = secret(folder, "short", "short")
    r = init(folder, "--recovery-passphrase-file", short)
    assert r.code == 64 and "12 characters" in r.err and not (folder / "state").exists(), r
    r = init(folder, "--recovery", folder / "none" / "file", "--recovery-passphrase-out", folder / "out")
    assert r.code != 0 and not (folder / "state").exists() and not (folder / "out").exists() and not (folder / "certspan.yaml").exists(), r
    r = init(folder, "--recovery-passphrase-file", secret(folder), "--recovery", folder / "rescue.txt")
    assert r.code == 0 and "shown" not in r.err and (folder / "rescue.txt").exists(), r


def one(cluster, folder):
    """A primary whose recovery file has a known passphrase."""
    node = cluster.nodes["p1"] = Node(cluster.root, "p1", "primary")
    r = certspan("init", "--site", SITE, "--name", "p1", "--public", node.public, "--internal", node.internal, *node.places(),
                 "--recovery", folder / "r.txt", "--recovery-passphrase-file", secret(folder))
    assert r.code == 0, r
    return node.start()


def test_verify_new_file_and_status(cluster, folder, ca):
    node = one(cluster, folder)
    cluster.join("b1", "backup")
    assert "recovery-unverified" in warnings(node) and "recovery file" in node.cli("status").out
    assert all(p["code"] != "recovery-unverified" for p in node.json("status")["problems"])
    assert not node.json("key", "status")["recovery_verified"]
    bad = node.cli("key", "recovery", "--verify", folder / "r.txt", "--passphrase-file", secret(folder, "another passphrase", "wrong"))
    assert bad.code == 65 and "wrong passphrase" in bad.err, bad
    cut = folder / "cut.txt"
    cut.write_bytes((folder / "r.txt").read_bytes()[:-1])
    bad = node.cli("key", "recovery", "--verify", cut, "--passphrase-file", folder / "secret")
    assert bad.code == 65 and "changed or lost" in bad.err, bad
    assert "recovery-unverified" in warnings(node)
    foreign = folder / "other"
    foreign.mkdir()
    assert init(foreign, "--recovery", foreign / "r.txt", "--recovery-passphrase-file", folder / "secret").code == 0
    bad = node.cli("key", "recovery", "--verify", foreign / "r.txt", "--passphrase-file", folder / "secret")
    assert bad.code == 65 and "another cluster" in bad.err, bad
    node.ok("key", "recovery", "--verify", folder / "r.txt", "--passphrase-file", folder / "secret")
    assert "recovery-unverified" not in warnings(node)
    status = node.json("key", "status")
    assert status["unlocked"] and status["secret_epoch"] == 1 and status["recovery"]["epoch"] == 1 and status["recovery_verified"], status
    r = node.cli("-o", "json", "key", "recovery", "--out", folder / "new.txt", "--passphrase-out", folder / "new.pass")
    assert r.code == 0 and stat.S_IMODE((folder / "new.txt").stat().st_mode) == 0o600, r
    node.ok("key", "recovery", "--verify", folder / "new.txt", "--passphrase-file", folder / "new.pass")
    assert node.json("cert", "exports")["exports"][0]["format"] == "recovery"
    assert node.cli("key", "recovery", "--out", folder / "new.txt", "--generate-passphrase").code == 73
    refused = cluster.b1.cli("key", "recovery", "--out", folder / "b1.txt", "--generate-passphrase")
    assert refused.code == 77 and not (folder / "b1.txt").exists(), refused
    assert node.cli("key", "recovery").code == 64


def test_lock_drops_the_keys_and_both_unlocks_bring_them_back(cluster, folder, ca):
    node = one(cluster, folder)
    cert = ca.issue([f"*.{SITE}", SITE])
    assert cluster.import_p12(cert.p12(cluster.root / "a.p12", PASS), PASS).code == 0
    node.ok("default", "set", cert.id)
    eventually(lambda: node.served(SITE) == cert.sha256, what="served")
    assert node.cli("key", "lock").code == 64, "without a terminal only with --yes"
    assert node.ok("--dry-run", "key", "lock").out.startswith("dry run") and node.json("key", "status")["unlocked"]
    for words in ([], ["--recovery", folder / "r.txt", "--passphrase-file", folder / "secret"]):
        node.ok("--yes", "key", "lock")
        eventually(lambda: not node.json("key", "status")["unlocked"], what="locked")
        with pytest.raises(OSError):
            node.served(SITE)
        r = node.cli("cert", "export", cert.id, "--include", "key", "--out", folder / "x", "--generate-passphrase")
        assert r.code == 75 and "locked" in r.err, r
        assert node.json("key", "status")["cached"] == 0
        node.ok("key", "unlock", *words)
        eventually(lambda: node.served(SITE) == cert.sha256, what=f"served after unlock {words}")
    renewed = ca.issue([f"*.{SITE}", SITE])
    assert cluster.import_p12(renewed.p12(cluster.root / "b.p12", PASS), PASS).code == 0
    eventually(lambda: node.served(SITE) == renewed.sha256, what="a key imported after the unlock")


def test_a_foreign_recovery_file_unlocks_nothing(cluster, folder, ca):
    node = one(cluster, folder)
    other = folder / "other"
    other.mkdir()
    assert init(other, "--recovery", other / "r.txt", "--recovery-passphrase-file", folder / "secret").code == 0
    node.ok("--yes", "key", "lock")
    eventually(lambda: not node.json("key", "status")["unlocked"], what="status tells of the lock")
    r = node.cli("key", "unlock", "--recovery", other / "r.txt", "--passphrase-file", folder / "secret")
    assert r.code == 65 and not node.json("key", "status")["unlocked"], r
    node.ok("key", "unlock")
