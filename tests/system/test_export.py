"""cert export on real nodes: what leaves, under what, and whether others can read it."""
import base64
import os
import shutil
import stat
import subprocess

import pytest

from cluster import SITE, Cluster, certspan
from conftest import running
from pki import openssl

PASS = "correct horse battery"
UTF8 = "gr\u00fc\u00df Gott, \u4f60\u597d!"
NAME = "Gr\u00fc\u00dfe \u4e2d\u6587"


@pytest.fixture(scope="module")
def desk(ca):
    for c in running("x"):
        c.primary()
        c.join("b1", "backup")
        c.cert = ca.issue([f"*.{SITE}", SITE])
        r = c.import_p12(c.cert.p12(c.root / "a.p12", PASS), PASS, "--name", NAME)
        assert r.code == 0, r
        c.p1.ok("default", "set", c.cert.id)
        c.other = ca.issue([f"other.{SITE}"], kind="RSA-2048")
        assert c.import_p12(c.other.p12(c.root / "b.p12", PASS), PASS, "--allow", "name-loss").code == 0
        c.in_sync()
        yield c


def secret(folder, text):
    path = folder / "secret"
    path.write_text(text + "\n")
    return ["--passphrase-file", path]


def export(desk, out, *more, node=None, ids=None):
    return (node or desk.p1).cli("-o", "json", "cert", "export", *(ids or [desk.cert.id]), "--out", out, *more)


def private(path):
    return openssl("pkey", "-in", path, "-pubout")


def need(program):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def tool(*args, data=None, env=None):
    r = subprocess.run([str(a) for a in args], input=data, capture_output=True, env=dict(os.environ, LC_ALL="C.UTF-8", **(env or {})))
    assert r.returncode == 0, f"{args}: {r.stdout!r} {r.stderr!r}"
    return r.stdout


def test_one_certificate_is_der_and_a_follower_gives_it_too(desk, folder):
    for node in (desk.p1, desk.b1):
        r = export(desk, folder / f"{node.name}.cer", node=node)
        assert r.code == 0 and r.json["format"] == "der", r
        assert (folder / f"{node.name}.cer").read_bytes() == desk.cert.der
        assert stat.S_IMODE((folder / f"{node.name}.cer").stat().st_mode) == 0o600


def test_several_are_pkcs7_and_pem_on_demand(desk, folder):
    assert export(desk, folder / "a.p7b", "--include", "certificate,chain").json["format"] == "p7b"
    text = openssl("pkcs7", "-inform", "DER", "-in", folder / "a.p7b", "-print_certs")
    assert text.count(b"BEGIN CERTIFICATE") == 2
    assert export(desk, folder / "two.p7b", "--include", "certificate,chain", ids=[desk.cert.id, desk.other.id]).code == 0
    text = openssl("pkcs7", "-inform", "DER", "-in", folder / "two.p7b", "-print_certs")
    assert text.count(b"BEGIN CERTIFICATE") == 3, "the issuer that both share comes once"
    assert export(desk, folder / "a.pem", "--include", "certificate,chain", "--format", "pem").code == 0
    pem = (folder / "a.pem").read_bytes()
    assert pem.startswith(b"-----BEGIN CERTIFICATE-----") and b"PRIVATE" not in pem
    r = desk.p1.cli("cert", "export", desk.cert.id, "--out", "-", "--format", "pem")
    assert r.code == 0 and r.out == pem.decode()[:len(r.out)]


def test_a_key_alone_is_pkcs8_under_600000_rounds(desk, folder):
    r = export(desk, folder / "a.key", "--include", "key", *secret(folder, PASS))
    assert r.code == 0 and r.json["export"]["format"] == "p8", r
    text = openssl("asn1parse", "-inform", "DER", "-in", folder / "a.key").decode()
    assert "PBES2" in text and "aes-256-cbc" in text and "hmacWithSHA256" in text and f"{600000:06X}"[-5:] in text.upper()
    openssl("pkey", "-inform", "DER", "-in", folder / "a.key", "-passin", f"pass:{PASS}", "-out", folder / "open.key")
    assert private(folder / "open.key") == private(desk.cert.key)


@pytest.mark.parametrize("passphrase", [PASS, UTF8])
def test_pkcs12_for_openssl(desk, folder, passphrase):
    r = export(desk, folder / "a.p12", "--include", "certificate,key,chain", *secret(folder, passphrase))
    assert r.code == 0 and r.json["export"]["format"] == "p12", r
    assert stat.S_IMODE((folder / "a.p12").stat().st_mode) == 0o600
    about = subprocess.run(["openssl", "pkcs12", "-info", "-in", folder / "a.p12", "-nodes", "-passin", f"pass:{passphrase}"], capture_output=True)
    assert about.returncode == 0, about
    said = about.stderr.decode()
    assert "MAC: sha256, Iteration 600000" in said and "PBES2, PBKDF2, AES-256-CBC, Iteration 600000, PRF hmacWithSHA256" in said, said
    assert about.stdout.count(b"BEGIN CERTIFICATE") == 2 and b"friendlyName: " in about.stdout
    (folder / "all.pem").write_bytes(about.stdout)
    assert private(folder / "all.pem") == private(desk.cert.key)
    assert any("keytool" in w["text"] for w in r.json["warnings"]) == (passphrase == UTF8)
    alone = export(desk, folder / "b.p12", "--include", "certificate,key", *secret(folder, passphrase))
    assert alone.code == 0
    assert openssl("pkcs12", "-in", folder / "b.p12", "-nokeys", "-passin", f"pass:{passphrase}").count(b"BEGIN CERTIFICATE") == 1


def test_pem_with_its_key(desk, folder):
    assert export(desk, folder / "a.pem", "--include", "certificate,key,chain", "--format", "pem", *secret(folder, PASS)).code == 0
    text = (folder / "a.pem").read_text()
    assert text.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----") and text.count("BEGIN CERTIFICATE") == 2


def test_legacy_is_3des_and_sha1_and_says_so(desk, folder):
    r = export(desk, folder / "old.p12", "--include", "certificate,key,chain", "--compat", "legacy", *secret(folder, PASS))
    assert r.code == 0 and "3DES" in r.err and r.json["export"]["protection"] == "legacy", r
    about = subprocess.run(["openssl", "pkcs12", "-info", "-in", folder / "old.p12", "-noout", "-passin", f"pass:{PASS}"], capture_output=True)
    assert about.returncode == 0 and b"MAC: sha1" in about.stderr and b"pbeWithSHA1And3-KeyTripleDES-CBC" in about.stderr, about


@pytest.mark.parametrize("more, passphrase", [([], PASS), ([], UTF8), (["--compat", "legacy"], PASS)])
def test_gnutls_reads_it(desk, folder, more, passphrase):
    need("certtool")
    assert export(desk, folder / "a.p12", "--include", "certificate,key,chain", *more, *secret(folder, passphrase)).code == 0
    out = tool("certtool", "--p12-info", "--inder", "--infile", folder / "a.p12", "--password", passphrase)
    assert b"PRIVATE KEY" in out and out.count(b"BEGIN CERTIFICATE") == 2, out


@pytest.mark.parametrize("more", [[], ["--compat", "legacy"]])
def test_keytool_reads_it(desk, folder, more):
    need("keytool")
    assert export(desk, folder / "a.p12", "--include", "certificate,key,chain", *more, *secret(folder, PASS)).code == 0
    out = tool("keytool", "-list", "-v", "-storetype", "PKCS12", "-keystore", folder / "a.p12", "-storepass", PASS)
    assert b"PrivateKeyEntry" in out and b"chain length: 2" in out, out


@pytest.mark.parametrize("more, passphrase", [([], PASS), ([], UTF8), (["--compat", "legacy"], PASS)])
def test_nss_reads_it(desk, folder, more, passphrase):
    need("pk12util")
    assert export(desk, folder / "a.p12", "--include", "certificate,key,chain", *more, *secret(folder, passphrase)).code == 0
    tool("certutil", "-N", "-d", f"sql:{folder}", "--empty-password")
    tool("pk12util", "-i", folder / "a.p12", "-d", f"sql:{folder}", "-W", passphrase)
    assert b"u,u,u" in tool("certutil", "-L", "-d", f"sql:{folder}")


def test_what_was_exported_is_what_an_import_takes(desk, folder):
    assert export(desk, folder / "a.p12", "--include", "certificate,key,chain", *secret(folder, UTF8)).code == 0
    r = desk.p1.cli("-o", "json", "cert", "import", folder / "a.p12", *secret(folder, UTF8))
    assert r.code == 0 and r.json["verdict"] == "same", r


def test_a_generated_passphrase_is_shown_once_or_put_into_a_file(desk, folder):
    r = export(desk, folder / "a.p12", "--include", "certificate,key", "--generate-passphrase")
    assert r.code == 0
    shown = r.err.split("shown this once: ")[1].split()[0]
    openssl("pkcs12", "-in", folder / "a.p12", "-noout", "-passin", f"pass:{shown}")
    assert shown not in r.out
    r = export(desk, folder / "b.p12", "--include", "certificate,key", "--passphrase-out", folder / "b.txt")
    assert r.code == 0 and "shown" not in r.err
    assert stat.S_IMODE((folder / "b.txt").stat().st_mode) == 0o600
    openssl("pkcs12", "-in", folder / "b.p12", "-noout", "-passin", f"file:{folder / 'b.txt'}")


def test_without_protection_only_when_asked_and_with_a_warning(desk, folder):
    r = export(desk, folder / "a.key", "--include", "key")
    assert r.code == 65 and "--generate-passphrase" in r.err and not (folder / "a.key").exists(), r
    r = export(desk, folder / "a.key", "--include", "key", *secret(folder, "too short"))
    assert r.code == 64 and "12 characters" in r.err, r
    r = export(desk, folder / "a.key", "--include", "key", "--unencrypted")
    assert r.code == 0 and "NOT encrypted" in r.err, r
    openssl("pkey", "-inform", "DER", "-in", folder / "a.key", "-out", folder / "open.key")
    assert private(folder / "open.key") == private(desk.cert.key)
    assert export(desk, folder / "x.p12", "--include", "certificate,key", "--unencrypted").code == 64


def test_never_over_a_file_unless_forced(desk, folder):
    (folder / "a.cer").write_text("mine")
    r = export(desk, folder / "a.cer")
    assert r.code == 73 and (folder / "a.cer").read_text() == "mine", r
    assert export(desk, folder / "a.cer", "--force").code == 0
    assert (folder / "a.cer").read_bytes() == desk.cert.der
    assert sorted(p.name for p in folder.iterdir()) == ["a.cer"], "no temporary file stays"
    (folder / "link").symlink_to(folder / "a.cer")
    assert export(desk, folder / "link", "--force").code == 73


@pytest.mark.parametrize("words", [
    ["--include", "certificate,keys"], ["--include", "key,key"], ["--format", "der", "--include", "certificate,chain"], ["--format", "p12"],
    ["--format", "p7b", "--include", "certificate,key"], ["--format", "gif"], ["--compat", "legacy"], ["--include", "key", "--compat", "new"]])
def test_what_cannot_be_ends_64(desk, folder, words):
    r = export(desk, folder / "x", *words)
    assert r.code == 64 and "next:" in r.err and not (folder / "x").exists(), r


def test_every_key_that_leaves_is_recorded_and_a_follower_gives_none(desk, folder):
    before = desk.p1.json("cert", "exports")["exports"]
    r = export(desk, folder / "a.p12", "--include", "certificate,key", *secret(folder, PASS), node=desk.b1)
    assert r.code == 77 and not (folder / "a.p12").exists(), r
    r = export(desk, folder / "a.p12", "--include", "certificate,key", "--dry-run", *secret(folder, PASS))
    assert r.code == 0 and r.json["dry_run"] and not (folder / "a.p12").exists(), r
    assert desk.p1.json("cert", "exports")["exports"] == before
    r = export(desk, folder / "a.p12", "--include", "certificate,key", *secret(folder, PASS))
    assert r.code == 0
    record = desk.b1.json("cert", "exports", desk.cert.id)["exports"][0]
    assert record["record"] == r.json["export"]["record"] and record["actor"] == f"uid:{os.geteuid()}"
    assert (record["cert"], record["node"], record["format"], record["include"], record["protection"]) == (desk.cert.id, "p1", "p12", "certificate,key", "pbes2")
    assert desk.p1.cli("cert", "exports").out.count(desk.cert.id) >= 1
    assert export(desk, folder / "none", "--include", "key", *secret(folder, PASS), ids=["ffffffffffff"]).code == 66


def test_a_record_lets_a_key_out_once(desk, folder):
    """The same request again: committed once, and keyd gives nothing a second time."""
    request = os.urandom(16).hex()
    words = ["--include", "key", "--request", request, *secret(folder, PASS)]
    assert export(desk, folder / "a.key", *words).code == 0
    r = export(desk, folder / "b.key", *words)
    assert r.code == 77 and not (folder / "b.key").exists(), r
