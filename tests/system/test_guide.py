"""The guide's certificates page, walked in its order with certspan alone (rows S02-S24, S33-S35, S37-S41, B11)."""
import json
import subprocess
import zipfile

import pytest

from cluster import SITE, certspan, eventually
from pki import CA, SubCA, openssl
from test_chains import sent
from test_csr import SUBJECT, leaf_id, sign

@pytest.fixture(scope="module")
def site():
    from conftest import running
    for c in running("g"):
        c.three()
        c.ca = CA(c.root / "pki", "Guide CA")
        c.names = [f"*.{SITE}", SITE]
        yield c


def table(site, id):
    return next(c for c in site.p1.json("cert", "list")["certs"] if c["id"] == id)


def bring(site, leaf, label, *more):
    r = site.import_p12(leaf.p12(site.root / f"{label}.p12", "correct horse battery"), "correct horse battery", "--name", label, *more)
    assert r.code == 0, r
    return r.json


def test_a_self_signed_certificate_is_for_tests_and_says_so(site):  # S05-S09, S34
    made = site.p1.json("cert", "create", "--self-signed", "--name", "For tests", *SUBJECT[:-1], "test.example.test", "--days", "30")
    cert = made["cert"]
    assert made["activated"] and cert["key"] == "P-256" and cert["dns_names"] == ["test.example.test"], made
    assert any(w["code"] == "self-signed" and "until their software is updated" in w["text"] for w in made["warnings"]), made
    assert "OU=Potato Peeling Division" in site.p1.json("cert", "show", "For tests")["cert"]["subject"]
    site.serving("test.example.test", site.p1.json("cert", "show", cert["id"])["cert"]["sha256"])


def test_import_links_key_and_certificate_and_serves_it(site):  # S02, S03, S12, S13
    site.first = site.ca.issue(site.names, label="first", days=60)
    doc = bring(site, site.first, "November")
    assert doc["verdict"] == "first" and doc["activated"], doc
    site.serving(SITE, site.first.sha256)


def test_each_format_is_read(site):  # S13
    leaf, folder = site.first, site.root
    (folder / "x.der").write_bytes(leaf.der)
    openssl("crl2pkcs7", "-nocrl", "-certfile", leaf.pem, "-outform", "DER", "-out", folder / "x.p7b")
    for name in (leaf.pem, folder / "x.der"):
        doc = certspan("-o", "json", "cert", "inspect", name).json
        assert doc["leaf_sha256"] == leaf.sha256 and not doc["has_key"]
    again = site.p1.json("cert", "import", leaf.bundle_pem(folder / "x.pem"))
    assert again["verdict"] == "same"  # stored already: no error
    r = certspan("-o", "json", "cert", "inspect", folder / "x.p7b")
    assert r.code == 0 and r.json["leaf_sha256"] == leaf.sha256


def test_the_table_and_the_details(site):  # S06, S16-S18
    row = table(site, site.first.id)
    assert row["name"] == "November" and row["has_key"] and row["state"] == "active"
    assert row["dns_names"] == site.names and "Guide CA" in row["issuer"] and row["not_after"].endswith("Z")
    c = site.p1.json("cert", "show", "November")["cert"]
    assert int(c["serial_decimal"]) == int(c["serial"].replace(":", ""), 16) and c["signature"] and c["sha256"] == site.first.sha256
    warnings = {w["code"]: w for w in c["warnings"]}
    assert c["chain"] and "mobile and Linux" in warnings["private-ca"]["text"] and "no-scts" not in warnings  # S04, S34
    assert "private-ca" in row["warnings"]


def test_the_chain_is_chosen(site):  # S14, S15, S19
    def chain(*mode):
        return site.p1.json("chain", "set", "November", *mode)["chain"]

    def served(*certs):
        want = [c.sha256 for c in certs]
        for node in site.nodes.values():
            eventually(lambda: sent(node.port, SITE) == want, what=f"{node.name} sends {len(want)} certificates")

    automatic = chain("--auto")  # over what is stored: its root is known, and never sent
    assert automatic["mode"] == "automatic" and automatic["complete"] and automatic["chain"][-1]["sha256"] == site.ca.cert.sha256, automatic
    served(site.first)
    assert chain("--current")["mode"] == "current"
    root = CA(site.root / "sub-root", "Guide Root")
    sub = SubCA(site.root / "sub", root, "Guide Issuing CA")
    leaf = sub.issue(["chained.example.test"], label="chained")
    assert site.p1.cli("cert", "import", leaf.bundle_pem(site.root / "chained.pem"), "--name", "Chained").code == 0
    both = site.root / "issuers.pem"
    both.write_bytes(root.cert.pem.read_bytes() + sub.cert.pem.read_bytes())
    manual = site.p1.json("chain", "set", "Chained", "--file", both)["chain"]
    assert manual["mode"] == "manual" and [m["sha256"] for m in manual["chain"]][:1] == [sub.cert.sha256], manual
    for node in site.nodes.values():
        eventually(lambda: sent(node.port, "chained.example.test") == [leaf.sha256, sub.cert.sha256], what=f"{node.name} sends the issuer too")
    assert site.p1.json("chain", "set", "November", "--auto")["chain"]["mode"] == "automatic"


def test_the_default_is_for_no_sni_and_for_unknown_names(site):  # S24
    site.p1.ok("default", "set", site.first.id)
    site.serving(None, site.first.sha256)
    site.serving("nobody.invalid", site.first.sha256)
    assert "*" in table(site, site.first.id)["default_for"]


def test_sni_selects_any_stored_certificate(site):  # S23
    other = site.ca.issue(["extra.example.test"], label="extra")
    doc = bring(site, other, "Extra")
    assert doc["verdict"] in ("first", "additional") and doc["activated"] and not doc["replaced"], doc  # first: of its names
    site.serving("extra.example.test", other.sha256)
    site.serving(SITE, site.first.sha256)


def test_a_renewal_is_recognised_and_takes_over(site):  # S37, S36
    site.renewed = site.ca.issue(site.names, label="renewed", days=90, same_key=site.first.key)
    doc = bring(site, site.renewed, "February")
    assert doc["verdict"] in ("renewal", "re-issue") and doc["activated"], doc
    site.serving(SITE, site.renewed.sha256)
    site.serving(None, site.renewed.sha256)


def test_a_name_means_the_one_that_serves(site):  # S06: the old one is kept for rollback, under its name
    older = site.ca.issue(["named.example.test"], label="older", days=60)
    newer = site.ca.issue(["named.example.test"], label="newer", days=90, same_key=older.key)
    bring(site, older, "Named")
    doc = bring(site, newer, "Named")
    assert doc["activated"] and doc["replaced"] == older.id, doc
    assert site.p1.json("cert", "show", "Named")["cert"]["id"] == newer.id
    assert site.p1.json("chain", "show", "Named")["cert"] == newer.id
    assert site.p1.json("cert", "show", older.id)["cert"]["state"] == "retired"


def test_a_re_key_keeps_the_fields_and_has_a_new_name(site):  # B11
    site.rekeyed = site.ca.issue(site.names, label="rekeyed", days=120)
    doc = bring(site, site.rekeyed, "March")
    assert doc["verdict"] == "re-key" and doc["activated"], doc
    site.serving(SITE, site.rekeyed.sha256)


def test_a_replacement_waits_to_be_allowed(site):  # S38: clients must be prepared first
    other = CA(site.root / "other", "Another CA")
    site.replacement = other.issue(site.names, label="replacement", days=300)
    r = site.import_p12(site.replacement.p12(site.root / "r.p12", "pw of another ca"), "pw of another ca", "--name", "Replacement")
    assert r.code == 65 and r.json["verdict"] == "replacement" and not r.json["activated"], r
    site.serving(SITE, site.rekeyed.sha256)
    site.p1.ok("activate", site.replacement.id, "--allow", "replacement")
    site.serving(SITE, site.replacement.sha256)


def test_only_then_may_the_old_one_go(site):  # S39
    r = site.p1.cli("-o", "json", "cert", "delete", site.replacement.id, "--yes")
    assert r.code == 65 and r.json["error"]["next"], r
    site.p1.ok("cert", "delete", site.first.id, "--yes")
    site.in_sync()
    assert site.first.id not in {c["id"] for c in site.p1.json("cert", "list")["certs"]}


def test_export_by_what_is_included(site):  # S20-S22
    out, secret = site.root / "out.p12", site.root / "out.pass"
    secret.write_text("a long enough passphrase\n")
    secret.chmod(0o600)
    site.p1.ok("cert", "export", site.replacement.id, "--include", "certificate", "--out", site.root / "out.cer")
    assert (site.root / "out.cer").read_bytes() == site.replacement.der
    site.p1.ok("cert", "export", site.replacement.id, "--include", "certificate,key,chain", "--passphrase-file", secret, "--out", out)
    pem = openssl("pkcs12", "-in", out, "-passin", f"file:{secret}", "-nodes")
    assert b"PRIVATE KEY" in pem and pem.count(b"BEGIN CERTIFICATE") == 2
    assert site.replacement.id in {c["id"] for c in site.p1.json("cert", "list")["certs"]}  # export never removes


def test_a_request_is_answered_by_its_certificate(site):  # S10, S11
    request = site.p1.json("csr", "create", "--name", "Ordered", *SUBJECT[:-1], "ordered.example.test", "--key", "P-384")["request"]
    assert request["key"] == "P-384" and request["server_type"] == "Apache / ModSSL" and len(request["fingerprint"]) == 40
    assert [r["id"] for r in site.p1.json("csr", "list")["requests"]] == [request["id"]]
    reply = sign(site.ca, site.p1.ok("csr", "show", "Ordered", "--pem").out, site.root / "ordered.pem")
    done = site.p1.json("csr", "install", "Ordered", reply, site.ca.cert.pem)
    assert done["activated"] and done["cert"]["name"] == "Ordered" and done["cert"]["id"] == leaf_id(reply)[:16], done
    assert done["request"]["id"] == request["id"] and site.p1.json("csr", "list")["requests"] == []
    site.serving("ordered.example.test", leaf_id(reply))


def test_copies_go_to_every_node_by_themselves(site):  # S29-S31, S35
    s = site.in_sync()
    assert {n["name"] for n in s["nodes"]} == {"p1", "b1", "t1"}
    assert all(n["default"] == s["default"] for n in s["nodes"]) and len({n["generation"] for n in s["nodes"]}) == 1


def test_the_support_bundle_has_certificates_and_no_key(site):  # S33, S34, S40
    path = site.root / "case.zip"
    site.p1.ok("support", "bundle", path)
    with zipfile.ZipFile(path) as z:
        names = z.namelist()
        assert z.read(f"certs/{site.replacement.id}.cer") == site.replacement.der
        assert json.loads(z.read("status.json"))["nodes"][0]["machine"]["kernel"]
        assert not any(b"PRIVATE KEY" in z.read(n) for n in names)


def test_custody_of_the_keys(site):  # S41
    doc = site.p1.json("key", "status")
    assert doc["unlocked"]
