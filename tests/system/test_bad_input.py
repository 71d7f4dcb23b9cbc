"""Each bad input: one clear line with a next step, the right exit code, nothing lost, what was served stays served."""
import json
import subprocess

import pytest

from cluster import SITE, certspan
from pki import CA, openssl

PASS = "correct horse battery"


@pytest.fixture(scope="module")
def desk(shared):
    """shared, with a guard: after every test all nodes still serve the shared certificate and nothing was added."""
    shared.before = sorted(c["id"] for c in shared.p1.json("cert", "list")["certs"])
    return shared


@pytest.fixture(autouse=True)
def nothing_lost(desk):
    yield
    assert sorted(c["id"] for c in desk.p1.json("cert", "list")["certs"]) == desk.before
    for node in desk.nodes.values():
        assert node.served(SITE) == desk.wild.sha256


def refused(desk, path, code, *words, passphrase=PASS, inspect=True):
    r = desk.import_p12(path, passphrase)
    assert r.code == code, r
    text = (r.out + r.err).lower()
    for word in words:
        assert word in text, f"{word!r} is not in {text}"
    assert len(r.err.splitlines()) <= 6, r.err
    if inspect:
        r = certspan("-o", "json", "cert", "inspect", path, "--passphrase-file", "-", stdin=passphrase + "\n")
        assert r.code == code, r
    return r


def test_wrong_passphrase(desk, ca, folder):
    path = ca.issue([f"a.{SITE}"]).p12(folder / "a.p12", "another passphrase")
    refused(desk, path, 65, "passphrase")


def test_no_mac(desk, ca, folder):
    path = ca.issue([f"a.{SITE}"]).p12(folder / "a.p12", PASS, "-nomac")
    refused(desk, path, 65, "mac")


def test_two_billion_iterations_are_refused_before_any_work(desk, ca, folder):
    path = ca.issue([f"a.{SITE}"]).p12(folder / "a.p12", PASS, "-iter", "2048")
    raw = path.read_bytes()
    at = raw.rindex(b"\x02\x02\x08\x00")  # the MAC's count, the last INTEGER 2048 of the file
    huge = bytearray(raw[:at] + b"\x02\x04\x7f\xff\xff\xff" + raw[at + 4:])
    # the lengths around it grow by two: outer SEQUENCE and macData
    assert huge[0] == 0x30 and huge[1] == 0x82
    huge[2:4] = (int.from_bytes(huge[2:4], "big") + 2).to_bytes(2, "big")
    mac = max(i for i in range(4, at) if huge[i] == 0x30 and huge[i + 1] == len(huge) - i - 2 - 2)
    huge[mac + 1] += 2
    path.write_bytes(huge)
    r = subprocess.run(["openssl", "asn1parse", "-inform", "DER", "-in", path], capture_output=True, text=True)
    assert "7FFFFFFF" in r.stdout, r.stdout + r.stderr
    refused(desk, path, 65, "iteration")


def test_trailing_bytes(desk, ca, folder):
    path = ca.issue([f"a.{SITE}"]).p12(folder / "a.p12", PASS)
    path.write_bytes(path.read_bytes() + bytes(100))
    refused(desk, path, 65, "after the end")


def test_key_of_another_certificate(desk, ca, folder):
    one, two = ca.issue([f"a.{SITE}"]), ca.issue([f"b.{SITE}"])
    path = folder / "mixed.pem"
    path.write_bytes(one.pem.read_bytes() + two.key.read_bytes())
    refused(desk, path, 65, "match")


def test_no_key(desk, ca, folder):
    r = desk.import_p12(ca.issue([f"a.{SITE}"]).pem, PASS)
    assert r.code == 65 and "key" in (r.out + r.err).lower(), r


def test_expired(desk, ca, folder):
    cert = ca.issue([f"a.{SITE}"], start="20240101000000Z", end="20240201000000Z")
    r = desk.import_p12(cert.p12(folder / "a.p12", PASS), PASS)
    assert r.code == 65 and "expired" in (r.out + r.err).lower(), r
    desk.p1.cli("cert", "delete", cert.id, "--yes")


def test_not_yet_valid(desk, ca, folder):
    cert = ca.issue([f"a.{SITE}"], start="20400101000000Z", end="20410101000000Z")
    r = desk.import_p12(cert.p12(folder / "a.p12", PASS), PASS)
    assert r.code == 65 and "not yet valid" in (r.out + r.err).lower(), r
    desk.p1.cli("cert", "delete", cert.id, "--yes")


def test_a_file_over_one_mebibyte(desk, folder):
    path = folder / "big.pem"
    path.write_bytes(b"x" * (1024 * 1024 + 1))
    refused(desk, path, 65, "1 mib")


def test_an_empty_file(desk, folder):
    path = folder / "empty.pem"
    path.write_bytes(b"")
    refused(desk, path, 65, "empty")


def test_a_missing_file_and_a_folder(desk, folder):
    assert desk.import_p12(folder / "nowhere.p12", PASS).code == 66
    assert desk.import_p12(folder, PASS).code in (65, 66)


def test_noise(desk, folder):
    path = folder / "noise.p12"
    path.write_bytes(bytes((i * 7919 + 13) & 255 for i in range(5000)))
    refused(desk, path, 65)


@pytest.mark.parametrize("args", [["frobnicate"], ["cert", "imprt"], ["cert", "list", "--colour"], ["default", "set"], ["node", "token", "create"], ["-o", "xml", "status"], ["cert", "rename", "a"]])
def test_unknown_commands_and_flags(desk, args):
    r = desk.p1.cli(*args)
    assert r.code == 64 and r.err.startswith("certspan: "), r
    assert "next:" in r.err, r


def test_a_typo_is_answered_with_what_was_meant(desk):
    assert "import" in desk.p1.cli("cert", "imprt").err


def test_unknown_objects(desk):
    for args in (["cert", "show", "ffffffffffffffff"], ["default", "set", "ffffffffffffffff"], ["node", "show", "nobody"], ["setting", "get", "no.such"]):
        r = desk.p1.cli(*args)
        assert r.code == 66, f"{args}: {r!r}"


def test_a_default_that_leaves_a_hostname_uncovered_is_refused_by_name(cluster, ca):
    cluster.primary()
    other = ca.issue(["elsewhere.example"])
    r = cluster.import_p12(other.p12(cluster.root / "o.p12", PASS), PASS)
    r = cluster.p1.cli("default", "set", other.id)
    assert r.code == 65 and SITE in r.err and "--accept-uncovered" in r.err, r
    r = cluster.p1.cli("default", "set", other.id, "--accept-uncovered", SITE, "--accept-uncovered", f"p1.{SITE}")
    assert r.code == 0, r
    r = cluster.p1.cli("check")
    assert r.code == 2 and "CRITICAL" in r.out and SITE in r.out, r


def test_a_token_for_an_uncovered_node_is_refused_by_name(desk):
    r = desk.p1.cli("node", "token", "create", "--role", "traffic", "--name", "t9", "--public", "t9.elsewhere.example")
    assert r.code == 65 and "t9.elsewhere.example" in r.err, r


def test_a_taken_node_name(desk):
    r = desk.p1.cli("node", "token", "create", "--role", "traffic", "--name", "t1", "--public", f"t1.{SITE}")
    assert r.code == 73, r


def test_a_wrong_token_and_one_used_twice(cluster):
    cluster.primary()
    r = certspan("join", "-", "--config", cluster.root / "x.yaml", "--state", cluster.root / "x", stdin="certspan1.AW5vdCBhIHRva2Vu\n")
    assert r.code == 65, r
    node = cluster.join("t1", "traffic")
    from cluster import Node
    other = cluster.nodes["t2"] = Node(cluster.root, "t2", "traffic")
    token = cluster.token(other)
    # the right token with a changed secret: the last bytes of the base64 text stand for the names, the first for the secret
    spoiled = token[:25] + ("A" if token[25] != "A" else "B") + token[26:]
    r = certspan("join", "-", *other.places(), stdin=spoiled + "\n")
    assert r.code in (65, 77), r
    assert not other.config.exists() or not (other.state / "state").exists(), "a failed join leaves nothing"
    assert certspan("join", "-", *other.places(), stdin=token + "\n").code == 0
    third = Node(cluster.root, "t3", "traffic")
    r = certspan("join", "-", *third.places(), stdin=token + "\n")
    assert r.code == 77 and "used" in r.err, r
    cluster.nodes.pop("t2")
    assert node.name == "t1"


def test_init_twice(desk):
    r = certspan("init", "--site", SITE, "--name", "p1", "--public", f"p1.{SITE}", "--internal", "127.0.0.1:1", *desk.p1.places())
    assert r.code == 73, r


def test_a_config_with_a_typo(desk, folder):
    path = folder / "bad.yaml"
    text = desk.p1.config.read_text()
    path.write_text(text.replace("edge:", "egde:", 1))
    r = certspan("config", "check", path)
    assert r.code == 78 and f"{path}:" in r.err and "edge" in r.err, r
    from cluster import BIN
    r = subprocess.run([BIN / "certspand", "--config", path], capture_output=True, text=True, timeout=10)
    assert r.returncode == 78 and f"{path}:" in r.stderr, r


def test_no_daemon(folder):
    path = folder / "certspan.yaml"
    path.write_text(f"node:\n  name: p1\nruntime-directory: {folder}\nstore:\n  directory: {folder}/state\n")
    r = certspan("--config", path, "status")
    assert r.code == 69 and "next:" in r.err, r
    r = certspan("--config", path, "-o", "json", "status")
    assert r.code == 69 and json.loads(r.out)["error"]["exit"] == 69, r


def test_names_that_would_lead_elsewhere(desk):
    for name in ("../x", "a/b", "a b", "A", "", "x" * 80, "a\nb", "$(id)"):
        r = desk.p1.cli("node", "token", "create", "--role", "traffic", "--name", name, "--public", f"t9.{SITE}")
        assert r.code in (64, 65), f"{name!r}: {r!r}"


def test_control_bytes_in_a_certificate_are_shown_escaped(desk, folder):
    ca = CA(folder / "evil", "Evil \x1b[31m CA")
    cert = ca.issue([f"a.{SITE}"])
    r = certspan("cert", "inspect", cert.bundle_pem(folder / "evil.pem"))
    assert "\x1b[31m" not in r.out + r.err, r
    assert openssl("x509", "-in", cert.pem, "-noout", "-issuer")
