"""The table of certificates on a real node: list, sort, filter, rename, twins, retire, delete; what a file would change."""
import json
import shutil

import pytest

from cluster import SITE, Cluster
from conftest import scratch
from pki import CA

PASS = "correct horse battery"


@pytest.fixture(scope="module")
def desk():
    path = scratch("d")
    c = Cluster(path)
    c.answers = {}
    try:
        c.primary()
        c.ca = CA(path / "pki", "Desk CA")
        c.ec = c.ca.issue([SITE, f"p1.{SITE}"], cn=SITE, label="ec")
        c.rsa = c.ca.issue([SITE], cn=SITE, kind="RSA-2048", label="rsa")
        c.other = c.ca.issue(["other.example.test"], cn="other", label="other", days=20)
        for cert in (c.ec, c.rsa, c.other):
            r = c.import_p12(cert.p12(path / f"{cert.id}.p12", PASS), PASS)
            assert r.code == 0, f"{r!r}\n{c.p1.tail()}"
            c.answers[cert.id] = r.json
        assert c.p1.cli("cert", "import", c.ca.cert.pem).code == 0
        c.p1.ok("default", "set", c.ec.id)
        yield c
    finally:
        c.close()
        shutil.rmtree(path, ignore_errors=True)


def ids(doc):
    return [c["id"] for c in doc["certs"]]


def test_twins_serve_side_by_side(desk):
    answer = desk.answers[desk.rsa.id]
    assert answer["verdict"] == "twin" and answer["activated"] and answer["twin"] == desk.ec.id and answer["names_lost"] == []
    states = {c["id"]: c["state"] for c in desk.p1.json("cert", "list")["certs"] if c["has_key"]}
    assert states[desk.ec.id] == states[desk.rsa.id] == "active"


def test_the_table_has_what_the_guide_has(desk):
    rows = {c["id"]: c for c in desk.p1.json("cert", "list")["certs"]}
    leaf, ca = rows[desk.ec.id], rows[desk.ca.cert.id]
    assert leaf["kind"] == "leaf" and leaf["issued_to"] == SITE and leaf["issued_by"] == "Desk CA" and leaf["default_for"] == ["*"]
    assert ca["kind"] == "root" and not ca["has_key"] and ca["dns_names"] == []
    out = desk.p1.ok("cert", "list").out
    assert "No Supported Names" in out and "ISSUED TO" in out and "UTC, in 89 d" in out
    assert [c["kind"] for c in desk.p1.json("cert", "list", "--kind", "ca")["certs"]] == ["root"]


def test_sorted_and_filtered(desk):
    ends = [c["not_after"] for c in desk.p1.json("cert", "list", "--sort", "expires")["certs"]]
    assert ends == sorted(ends) and len(ends) == 4
    assert ids(desk.p1.json("cert", "list", "--expires-within", "30d")) == [desk.other.id]
    assert ids(desk.p1.json("cert", "list", "--host", "other.example.test")) == [desk.other.id]
    assert ids(desk.p1.json("cert", "list", "--default")) == [desk.ec.id]
    assert len(ids(desk.p1.json("cert", "list", "--issuer", "desk"))) == 4 and ids(desk.p1.json("cert", "list", "--issuer", "nobody")) == []
    assert desk.p1.cli("cert", "list", "--sort", "colour").code == 64


def test_details_of_several(desk):
    certs = desk.p1.json("cert", "show", desk.ec.id, desk.ca.cert.id)["certs"]
    assert ids({"certs": certs}) == [desk.ec.id, desk.ca.cert.id]
    one = certs[0]
    assert int(one["serial_decimal"]) == int(one["serial"], 16) and one["chain"][0]["subject"] == "CN=Desk CA"
    assert one["scts"] == {"count": 0, "logs": []} and one["aia"]["issuers"] == []
    assert all(w["text"] and w["next"] and w["severity"] for w in one["warnings"])


def test_names_are_unique(desk):
    assert desk.p1.json("cert", "rename", desk.ec.id, "Winter 2026")["cert"]["name"] == "Winter 2026"
    assert desk.p1.json("cert", "show", "Winter 2026")["cert"]["id"] == desk.ec.id
    taken = desk.p1.cli("cert", "rename", desk.rsa.id, "Winter 2026")
    assert taken.code == 73 and "already" in taken.err and "next:" in taken.err
    assert desk.p1.cli("cert", "rename", desk.rsa.id, "a\x07b").code == 64
    assert desk.p1.cli("cert", "rename", desk.rsa.id, "x" * 257).code == 64
    assert desk.p1.json("cert", "rename", desk.rsa.id, "dry", "--dry-run")["dry_run"]
    assert desk.p1.cli("cert", "show", "dry").code == 66


def test_what_a_file_would_change(desk):
    fewer = desk.ca.issue([SITE], kind="P-384", label="fewer")
    change = desk.p1.json("cert", "inspect", fewer.pem, "--against", desk.ec.id)["change"]
    assert change["verdict"] == "re-issue" and change["names_lost"] == [f"p1.{SITE}"] and change["key_change"] == "P-256 to P-384"
    assert desk.p1.json("cert", "inspect", desk.rsa.pem, "--against", desk.ec.pem)["change"]["twin"]
    assert desk.p1.cli("cert", "inspect", fewer.pem, "--against", "ffffffffffff").code == 66


def test_what_is_needed_stays(desk):
    r = desk.p1.cli("cert", "delete", desk.ec.id, "--yes")
    assert r.code == 65 and "default" in r.err and "next:" in r.err
    r = desk.p1.cli("cert", "delete", desk.ca.cert.id, "--yes", "-o", "json")
    assert r.code == 65 and {n["cert"] for n in json.loads(r.out)["error"]["needed_by"]} == {desk.ec.id, desk.rsa.id, desk.other.id}


def test_many_go_in_one_commit(desk):
    before = desk.p1.json("status")["seq"]
    done = desk.p1.json("cert", "retire", desk.rsa.id, desk.other.id)
    assert len(done["certs"]) == 2 and desk.p1.json("status")["seq"] == before + 1
    gone = desk.p1.json("cert", "list", "--state", "retired")["certs"]
    assert {c["id"] for c in gone} == {desk.rsa.id, desk.other.id} and all(c["goes_at"] for c in gone)
    assert ", goes 20" in desk.p1.ok("cert", "list", "--state", "retired").out
    done = desk.p1.json("cert", "delete", desk.rsa.id, desk.other.id, "--yes")
    assert len(done["certs"]) == 2 and desk.p1.json("status")["seq"] == before + 2
    assert ids(desk.p1.json("cert", "list", "--kind", "leaf")) == [desk.ec.id]
