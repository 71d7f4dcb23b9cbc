"""Requests and self-signed certificates: made by certspan, signed by a CA of the openssl command, finished after a restart."""
import pathlib
import subprocess

import pytest

from cluster import SITE, eventually
from pki import CA, openssl
from test_api import ask

SUBJECT = ["--country", "US", "--state", "MS", "--locality", "Ridgeland", "--organization", "The Example Company",
           "--unit", "Potato Peeling Division", "--common-name", SITE]


def sign(ca, pem, path, days=90):
    """What a CA does with a request: its own subject, key and names."""
    path = pathlib.Path(path)
    request = path.with_suffix(".csr")
    request.write_text(pem)
    assert b"verify OK" in subprocess.run(["openssl", "req", "-in", request, "-noout", "-verify"], capture_output=True).stderr
    openssl("x509", "-req", "-in", request, "-CA", ca.cert.pem, "-CAkey", ca.key, "-CAcreateserial", "-days", days, "-copy_extensions", "copyall", "-out", path)
    return path


def text_of(pem):
    return openssl("req", "-noout", "-text", "-subject", "-nameopt", "RFC2253", data=pem.encode()).decode()


def leaf_id(path):
    return openssl("x509", "-in", path, "-noout", "-fingerprint", "-sha256").decode().split("=")[1].strip().replace(":", "").lower()


@pytest.fixture
def issuer(cluster):
    return CA(cluster.root / "pki", "Request CA")


def test_a_request_is_finished_after_the_primary_restarted(cluster, issuer):
    p1 = cluster.primary()
    b1 = cluster.join("b1", "backup")
    cluster.in_sync()

    made = p1.json("csr", "create", "--name", "November", *SUBJECT, "--san", f"*.{SITE}", "--san", "bücher.example")
    request = made["request"]
    assert len(request["fingerprint"]) == 40 and request["server_type"] == "Apache / ModSSL" and request["key"] == "P-256"
    assert request["dns_names"] == [SITE, f"*.{SITE}", "xn--bcher-kva.example"], "the common name comes first, U-labels as A-labels"
    assert made["would_cover"]["covered"] == made["would_cover"]["total"] and {w["code"] for w in made["warnings"]} >= {"cn-first"}
    text = text_of(request["pem"])
    assert f"CN={SITE},OU=Potato Peeling Division,O=The Example Company,L=Ridgeland,ST=MS,C=US" in text and f"DNS:{SITE}, DNS:*.{SITE}" in text
    der = openssl("req", "-outform", "DER", data=request["pem"].encode())
    assert openssl("dgst", "-sha1", "-r", data=der).decode().split()[0] == request["fingerprint"]

    # the table, on the backup too
    eventually(lambda: [r["fingerprint"] for r in b1.json("csr", "list")["requests"]] == [request["fingerprint"]], what="the backup has the request")
    assert p1.ok("csr", "show", "November", "--pem").out == b1.ok("csr", "show", request["id"][:8], "--pem").out == request["pem"]
    refused = b1.cli("csr", "create", "--san", "x.example.com")
    assert refused.code == 77 and "p1" in refused.err, refused

    p1.stop()
    p1.start()
    leaf = sign(issuer, request["pem"], cluster.root / "reply.pem")
    # chain before leaf, as one DER and one PKCS#7 or PEM file: any order
    done = p1.json("csr", "install", request["id"][:10], issuer.cert.pem, leaf)
    sha = leaf_id(leaf)
    assert done["cert"]["id"] == sha[:16] and done["cert"]["name"] == "November" and done["verdict"] == "first" and done["activated"] is True, done
    assert done["request"]["id"] == request["id"] and p1.json("csr", "list")["requests"] == []
    cluster.serving(f"p1.{SITE}", sha)
    eventually(lambda: b1.json("csr", "list")["requests"] == [], what="the backup has no request left")

    # a re-key copies the fields; a bare certificate that answers a request is an import like any other
    more = p1.json("csr", "create", "--from", sha[:8], "--add-san", f"*.eu.{SITE}", "--dry-run")
    assert more["dry_run"] and more["request"] is None
    again = p1.json("csr", "create", "--from", sha[:8])["request"]
    assert again["dns_names"] == request["dns_names"] and again["subject"] == request["subject"]
    assert again["name"].startswith("November 20") and again["same_key"] is None
    other = p1.json("csr", "create", "--san", "other.example.com", "--name", "other")["request"]
    leaf = sign(issuer, again["pem"], cluster.root / "again.der.pem", days=91)
    wrong = p1.cli("csr", "install", "other", leaf)
    assert wrong.code == 65 and "another public key" in wrong.err, wrong
    done = p1.json("cert", "import", leaf, issuer.cert.pem)
    assert done["verdict"] == "re-key" and done["request"]["id"] == again["id"] and done["replaced"] == sha[:16] and done["activated"], done
    cluster.serving(SITE, leaf_id(leaf))

    # the same key: the request carries the certificate's public key, and its reply is a renewal
    kept = p1.json("csr", "create", "--same-key", done["cert"]["id"], "--name", "kept")["request"]
    public = openssl("req", "-noout", "-pubkey", data=kept["pem"].encode())
    assert public == openssl("x509", "-in", leaf, "-noout", "-pubkey") and kept["dns_names"] == again["dns_names"]
    leaf = sign(issuer, kept["pem"], cluster.root / "kept.pem", days=92)
    p7 = cluster.root / "kept.p7b"
    openssl("crl2pkcs7", "-nocrl", "-certfile", leaf, "-certfile", issuer.cert.pem, "-outform", "DER", "-out", p7)
    done = p1.cli("-o", "json", "csr", "install", "kept", p7)
    if "PKCS#7" in done.err:
        done = p1.cli("-o", "json", "csr", "install", "kept", leaf, issuer.cert.pem)
    assert done.code == 0 and done.json["verdict"] == "renewal" and done.json["activated"], done

    # cancelled: the reply finds no key any more
    leaf = sign(issuer, other["pem"], cluster.root / "other.pem")
    assert p1.cli("csr", "cancel", "other").code == 64, "never without being asked for"
    p1.ok("csr", "cancel", "other", "--dry-run")
    p1.ok("csr", "cancel", "other", "--yes")
    late = p1.cli("cert", "import", leaf)
    assert late.code == 65 and "open request" in late.err, late
    assert p1.cli("csr", "show", "other").code == 66


def test_self_signed_goes_the_way_of_an_import(cluster):
    p1 = cluster.primary()
    dry = p1.ok("cert", "create", "--self-signed", "--san", f"*.{SITE}", "--dry-run")
    assert f"uncovered {SITE}" in dry.out and f"covers    p1.{SITE}" in dry.out and p1.json("cert", "list")["certs"] == []
    made = p1.json("cert", "create", "--self-signed", "--common-name", "First steps", "--san", SITE, "--san", f"*.{SITE}", "--days", "30", "--key", "rsa-2048")
    cert = made["cert"]
    assert made["activated"] and made["verdict"] == "first" and cert["key"] == "RSA" and cert["key_bits"] == 2048 and cert["name"] == "First steps", made
    assert "self-signed" in {w["code"] for w in made["warnings"]} and 28 <= cert["days_left"] <= 30
    details = p1.json("cert", "show", cert["id"])["cert"]
    text = openssl("x509", "-noout", "-text", data=details["pem"].encode()).decode()
    assert "CA:FALSE" in text and "TLS Web Server Authentication" in text and f"DNS:{SITE}, DNS:*.{SITE}" in text
    (cluster.root / "self.pem").write_text(details["pem"])
    openssl("verify", "-partial_chain", "-trusted", cluster.root / "self.pem", cluster.root / "self.pem")
    cluster.serving(SITE, details["sha256"])
    # other names without a flag stay Staged, as of an import
    lost = p1.cli("-o", "json", "cert", "create", "--self-signed", "--san", SITE, "--stage")
    assert lost.code in (0, 65) and lost.json["activated"] is False, lost
    assert p1.cli("cert", "create", "--san", SITE).code == 64


def test_what_a_subject_may_not_be(shared):
    def fails(exit_code, needle, **fields):
        status, document = ask(shared.p1, "POST", "/v1/requests", {"dry_run": True, "san": [SITE], **fields})
        assert status >= 400 and document["error"]["exit"] == exit_code and needle in document["error"]["text"], (fields, document)

    for country in ["U", "USA", "1A", "ÄÖ"]:
        fails(65, "country", country=country)
    fails(65, "64 characters", common_name="x" * 65)
    fails(65, "64 characters", organization="ü" * 65)
    fails(65, "128 characters", state="x" * 129)
    fails(64, "control", unit="a\tb")
    fails(64, "control", country="U\n")
    fails(65, "invisible", locality="a\u202eb")
    fails(65, "space", locality=" x")
    for san in ["", "a b.example.com", "*.com", "f*.example.com", "a.*.example.com", "-a.example.com", "x" * 64 + ".example.com", "a..example.com", "a/b.example.com", "1.2.3", "a_b.example.com",
                "\U0001f4a9\U0001f4a9.example.com" + "." + "ü" * 300]:
        fails(65, "san", san=[san])
    fails(65, "address", san=["192.0.2.1"])
    fails(64, "P-256", key="P-521")
    fails(65, "Ed25519", key="ed25519")
    fails(64, "not both", key="P-256", same_key=shared.wild.id)
    fails(66, "no certificate", **{"from": "nothing-like-it"})
    fails(65, "names no host", san=[])
    assert ask(shared.p1, "POST", "/v1/requests", {"dry_run": True, "san": [SITE], "common_name": "\u0000"})[0] == 400
    status, document = ask(shared.p1, "POST", "/v1/requests", {"dry_run": True, "san": ["*.co.uk", "*.github.io", "[::1]"], "allow_ip": True, "common_name": "\U0001f4a9 title", "country": "de"})
    assert status == 200 and [w["code"] for w in document["warnings"]] == ["public-suffix", "public-suffix"], document
    assert len(document["would_cover"]["rows"]) > 3 and document["would_cover"]["covered"] == 0
    assert ask(shared.p1, "GET", "/v1/requests")[1]["requests"] == []
    assert ask(shared.p1, "GET", "/v1/requests/abcd")[0] == 404
