"""support bundle: facts and public certificates in a ZIP that never holds a key (S33-S35, S40)."""
import base64
import json
import os
import shutil
import stat
import subprocess
import zipfile

import pytest

from cluster import BIN, certspan
from pki import key, openssl

VOLATILE = {"host.json"}


def members(path):
    with zipfile.ZipFile(path) as z:
        assert z.testzip() is None
        assert all(i.date_time == (1980, 1, 1, 0, 0, 0) for i in z.infolist())
        return {i.filename: z.read(i) for i in z.infolist()}


def test_it_holds_facts_and_public_certificates(shared, folder):
    path = folder / "case.zip"
    doc = shared.p1.json("support", "bundle", path)
    got = members(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {m["name"] for m in doc["members"]} == set(got)
    for name in ("README.txt", "status.json", "nodes.json", "settings.json", "coverage.json", "sync.json", "default.json", "certs.json", "host.json",
                 "versions.json", "config.json", "sizes.json"):
        assert name in got and name.encode() in got["README.txt"], name
    status = json.loads(got["status.json"])
    assert {n["name"] for n in status["nodes"]} == {"p1", "b1", "t1"} and status["roles"]
    assert got[f"certs/{shared.wild.id}.cer"] == shared.wild.der
    pem = openssl("pkcs7", "-inform", "DER", "-print_certs", data=got[f"certs/{shared.wild.id}.p7b"])
    assert pem.count(b"BEGIN CERTIFICATE") == 2  # with its issuer
    assert not any(name.endswith((".p12", ".pfx", ".key")) for name in got)
    host = json.loads(got["host.json"])
    assert host["kernel"] == os.uname().release and len(host["load"]) == 3
    assert [m["what"] for m in doc["missing"]] == ["log.txt"]


def test_never_over_an_existing_file_unless_forced(shared, folder):
    path = folder / "case.zip"
    path.write_text("mine")
    r = shared.p1.cli("-o", "json", "support", "bundle", path)
    assert r.code == 73 and path.read_text() == "mine" and r.json["error"]["next"]
    assert shared.p1.ok("support", "bundle", path, "--force") and members(path)
    dry = folder / "dry.zip"
    assert shared.p1.ok("support", "bundle", dry, "--dry-run") and not dry.exists()
    assert os.listdir(folder) == ["case.zip"]  # nothing half is left


def forms(folder):
    """Keys of every form, as text or bytes that a log might hold."""
    rsa, ec = key(folder / "rsa.key", "RSA-2048"), key(folder / "ec.key")
    p8, ec8 = (openssl("pkey", "-in", k, "-outform", "DER") for k in (rsa, ec))
    traditional = openssl("rsa", "-in", rsa, "-traditional", "-outform", "DER")
    sec1 = openssl("ec", "-in", ec, "-outform", "DER")
    sealed = openssl("pkcs8", "-topk8", "-in", ec, "-outform", "DER", "-passout", "pass:x")
    openssl("req", "-x509", "-new", "-key", ec, "-subj", "/CN=x", "-out", folder / "x.pem")
    p12 = openssl("pkcs12", "-export", "-inkey", ec, "-in", folder / "x.pem", "-passout", "pass:x")
    b64 = lambda der: base64.b64encode(der)
    yield "pem", ec.read_bytes()
    yield "encrypted-pem", openssl("pkcs8", "-topk8", "-in", ec, "-passout", "pass:x")
    yield "json-pem", json.dumps({"x": ec.read_text()}).encode()
    for name, der in (("pkcs8", p8), ("ec-pkcs8", ec8), ("rsa", traditional), ("sec1", sec1), ("encrypted", sealed), ("p12", p12)):
        yield name, b"log line\n" + der + b"\nmore"
        yield name + "-base64", b"the key is " + b64(der)
        yield name + "-hex", b"dump: " + der.hex().encode()
    yield "base64-lines", b"\n".join(b64(p8)[i:i + 64] for i in range(0, len(b64(p8)), 64))
    yield "base64url", base64.urlsafe_b64encode(p8)
    yield "hex-colons", b":".join(b"%02x" % c for c in p8)
    yield "utf16", ec.read_text().encode("utf-16")
    yield "cut", b64(traditional)[:300]
    yield "token", b"certspan join certspan1." + base64.urlsafe_b64encode(os.urandom(60))
    yield "node-key-file", b"certspan keyd key 1\nseal-secret " + b"00" * 32


def test_nothing_is_written_when_there_is_a_key_in_it(shared, folder):
    made = folder / "forms"
    made.mkdir()
    for name, data in forms(made):
        log, path = folder / f"{name}.log", folder / f"{name}.zip"
        log.write_bytes(b"certspand: ready\n" + data + b"\n")
        r = shared.p1.cli("-o", "json", "support", "bundle", path, "--log", log)
        assert r.code == 65 and "log.txt" in r.json["error"]["text"], f"{name}: {r!r}"
        assert not path.exists(), name


def test_an_ordinary_log_is_no_key(shared, folder):
    cert = base64.b64encode(shared.wild.der).decode()
    log = folder / "good.log"
    log.write_text(f"no private key came with it\n{shared.wild.sha256}\n{cert}\n{shared.wild.pem.read_text()}\n{shared.p1.tail(200)}")
    shared.p1.ok("support", "bundle", folder / "good.zip", "--log", log)
    assert b"no private key came" in members(folder / "good.zip")["log.txt"]
    # the node's own log, as it is
    shared.p1.ok("support", "bundle", folder / "own.zip", "--log", shared.p1.log)


def test_without_the_daemon_it_says_what_is_missing(cluster, ca, folder):
    cluster.primary()
    leaf = ca.issue(["*.access.example.test", "access.example.test"])
    assert cluster.import_p12(leaf.p12(folder / "l.p12", "pw"), "pw").code == 0
    cluster.p1.stop()
    for name in ("one.zip", "two.zip"):
        doc = cluster.p1.json("support", "bundle", folder / name)
        assert any("no daemon answers" in m["why"] for m in doc["missing"]), doc["missing"]
    one, two = members(folder / "one.zip"), members(folder / "two.zip")
    assert one[f"certs/{leaf.id}.cer"] == leaf.der and f"certs/{leaf.id}.p7b" in one
    assert json.loads(one["nodes.json"])["nodes"][0]["name"] == "p1"
    assert b"no daemon answers" in one["README.txt"] and "config.json" in one
    assert {k: v for k, v in one.items() if k not in VOLATILE} == {k: v for k, v in two.items() if k not in VOLATILE}


def test_without_a_configuration_it_still_works(folder):
    doc = certspan("--config", folder / "none.yaml", "-o", "json", "support", "bundle", folder / "bare.zip").json
    assert "host.json" in members(folder / "bare.zip") and len(doc["missing"]) >= 3


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to become somebody else")
def test_a_user_who_may_not_read_the_store_is_told(cluster, folder):
    cluster.primary()
    cluster.p1.stop()
    folder.chmod(0o777)
    program = shutil.copy(BIN / "certspan", folder)  # that user may not be able to walk to the build
    r = subprocess.run([program, "--config", str(cluster.p1.config), "-o", "json", "support", "bundle", str(folder / "x.zip")],
                       text=True, capture_output=True, user=65534, group=65534, extra_groups=[])
    assert r.returncode == 0, r
    assert any("may not read" in m["why"] for m in json.loads(r.stdout)["missing"]), r.stdout
