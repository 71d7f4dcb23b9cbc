"""Files that are made to hurt: each ends in one clear line and in time; an importer that has to die dies alone."""
import socket
import ssl
import subprocess
import time

import pytest

import der
from cluster import BIN, SITE, certspan, eventually
from conftest import running
from pki import CA, Cert, key, openssl

PASS = "correct horse battery"
BLOCK = "-----BEGIN {0}-----\nMA==\n-----END {0}-----\n"


@pytest.fixture(scope="module")
def desk():
    """One primary that serves a certificate; its roles outlive every test here."""
    for c in running("h"):
        c.primary()
        c.ca = CA(c.root / "pki", "Desk CA")
        c.wild = c.ca.issue([f"*.{SITE}", SITE], label="wild")
        assert c.import_p12(c.wild.p12(c.root / "wild.p12", PASS), PASS).code == 0
        c.p1.ok("default", "set", c.wild.id)
        c.serving(SITE, c.wild.sha256)
        yield c


def ids(desk):
    return sorted(c["id"] for c in desk.p1.json("cert", "list")["certs"])


@pytest.fixture
def standing(desk):
    """After the test the same processes serve the same certificate, and no importer is left."""
    before, stored = desk.p1.roles(), ids(desk)
    yield desk
    eventually(lambda: desk.p1.roles() == before, what="the same roles, and they alone")
    assert desk.p1.served(SITE) == desk.wild.sha256
    assert ids(desk) == stored


@pytest.fixture(scope="module")
def good(desk):
    return desk.ca.issue([f"a.{SITE}"], label="good")


def inspect(path, passphrase=PASS, code=65):
    start = time.monotonic()
    r = certspan("-o", "json", "cert", "inspect", path, "--passphrase-file", "-", stdin=passphrase + "\n")
    assert r.code == code, r
    assert time.monotonic() - start < 10
    return r.json


def refused(desk, path, *words):
    """By import and by inspect alike, in one sentence that has WORDS."""
    r = desk.import_p12(path, PASS)
    text = (r.out + r.err).lower()
    assert r.code == 65 and all(w in text for w in words), r
    assert inspect(path)["error"]["text"]


MACS = [
    ({"iterations": 0}, "iteration"), ({"iterations": -1}, "iteration"), ({"iterations": 2**31 - 1}, "iteration"),
    ({"iterations": 2**40}, "iteration"), ({"iterations": -2**62}, "iteration"), ({"salt": bytes(1025)}, "salt"),
    ({"salt": bytes(700_000)}, "salt"), ({"digest": bytes.fromhex("2a0304")}, "digest"), ({"iterations": None}, "passphrase"),
]


@pytest.mark.parametrize("fields, word", MACS, ids=lambda v: str(v)[:40])
def test_a_mac_that_asks_too_much(standing, good, folder, fields, word):
    path = folder / "a.p12"
    path.write_bytes(der.change(good.p12(path, PASS).read_bytes(), **fields))
    start = time.monotonic()
    refused(standing, path, word)
    assert time.monotonic() - start < 3, "refused before anything is derived"


def test_one_round_is_taken_with_what_it_is(standing, good, folder):
    doc = inspect(good.p12(folder / "a.p12", PASS, "-iter", "1", "-maciter"), code=0)
    assert doc["has_key"] and doc["leaf_sha256"] == good.sha256


def test_a_cut_file(standing, good, folder):
    raw = good.p12(folder / "a.p12", PASS).read_bytes()
    for n in (1, 2, 20, len(raw) // 2, len(raw) - 1):
        (folder / "a.p12").write_bytes(raw[:n])
        assert inspect(folder / "a.p12")["error"]["text"]
    refused(standing, folder / "a.p12")


def test_a_signed_pkcs12(standing, good, folder):
    pfx, _ = der.read(good.p12(folder / "a.p12", PASS).read_bytes())
    pfx[1][1][1][0][1] = bytes.fromhex("2a864886f70d010702")  # signedData instead of data
    (folder / "a.p12").write_bytes(der.write(pfx))
    refused(standing, folder / "a.p12")


def test_old_windows_exports_open_in_the_importer_alone(desk, good, folder):
    if "legacy" not in openssl("list", "-providers", "-provider", "legacy").decode():
        pytest.skip("no legacy provider in this OpenSSL")
    path = good.p12(folder / "old.p12", PASS, "-legacy")
    assert inspect(path, code=0)["has_key"]
    r = desk.import_p12(path, PASS)
    assert r.code == 0, r
    desk.p1.ok("cert", "delete", good.id, "--yes")


def test_work_without_end_kills_the_importer_alone(standing, good, folder):
    """Each file asks for what one may ask for; all of them together pass the processor time of an importer."""
    raw = der.change(good.p12(folder / "a.p12", PASS).read_bytes(), iterations=5_000_000)
    secret = folder / "secret"
    secret.write_text(PASS + "\n")
    secret.chmod(0o600)
    paths = []
    for i in range(40):
        paths.append(folder / f"{i}.p12")
        paths[-1].write_bytes(raw)
    upload = subprocess.Popen([BIN / "certspan", "--config", standing.p1.config, "cert", "import", *paths, "--passphrase-file", secret],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while upload.poll() is None:  # meanwhile the others go on
        assert standing.p1.served(SITE) == standing.wild.sha256
        assert standing.p1.cli("cert", "list").code == 0
        time.sleep(0.2)
    out, err = upload.communicate()
    assert upload.returncode != 0 and "5 s" in err and "nothing was imported" in err and "next:" in err, out + err
    line = eventually(lambda: [x for x in standing.p1.tail().splitlines() if "killed by signal" in x], what="a line in the log")
    assert "import" in line[-1] and "CPU" in line[-1] and "nothing of its upload was taken" in line[-1], line


def test_an_object_of_half_a_million_parts(standing, folder):
    """One MiB that takes some fifty times as much memory when it is decoded."""
    parts = b"\x31\x00" * 400_000
    name = der.write([0x30, parts])
    for shape in (der.write([0x30, [[0x06, bytes.fromhex("2a864886f70d010702")], [0xA0, [[0x30, [der.integer(1), [0x31, parts]]]]]]]),
                  der.write([0x30, [[0x30, [der.integer(1), [0x30, [[0x06, bytes.fromhex("2a864886f70d01010b")]]], [0x30, parts]]]]]), name):
        (folder / "wide.der").write_bytes(shape)
        r = standing.import_p12(folder / "wide.der", PASS)
        assert r.code == 65 and r.json["error"]["text"], r


def test_memory_is_bounded_for_sixty_files(standing, folder):
    secret = folder / "secret"
    secret.write_text(PASS + "\n")
    secret.chmod(0o600)
    paths = []
    for i in range(60):
        paths.append(folder / f"{i}.der")
        paths[-1].write_bytes(der.write([0x30, b"\x31\x00" * 30_000]))
    r = standing.p1.cli("-o", "json", "cert", "import", *paths, "--passphrase-file", secret)
    assert r.code == 65 and r.json["error"]["text"], r


@pytest.mark.parametrize("label", ["CERTIFICATE", "PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "EC PRIVATE KEY", "PKCS7", "EC PARAMETERS", "SOMETHING ELSE"])
def test_ten_thousand_objects_in_one_pem(standing, good, folder, label):
    path = folder / "many.pem"
    path.write_text(good.pem.read_text() + BLOCK.format(label) * 10_000 + good.key.read_text())
    harmless = label in ("EC PARAMETERS", "SOMETHING ELSE")
    doc = inspect(path, code=0 if harmless else 65)
    if harmless:
        assert doc["has_key"] and doc["leaf_sha256"] == good.sha256
    else:
        refused(standing, path)


def test_ten_thousand_begin_lines(standing, folder):
    path = folder / "begin.pem"
    path.write_text("-----BEGIN CERTIFICATE-----\n" * 10_000)
    refused(standing, path, "cut")


def test_two_keys_for_one_certificate(standing, good, folder):
    other = key(folder / "other.key")
    path = folder / "two.pem"
    path.write_bytes(good.pem.read_bytes() + good.key.read_bytes() + other.read_bytes())
    refused(standing, path, "key")
    path.write_bytes(good.pem.read_bytes() + good.key.read_bytes() * 2)
    assert inspect(path, code=0)["leaf_sha256"] == good.sha256, "the same key again is no second one"


def test_file_names_are_data(standing, good, folder):
    for name in ("a\nb.p12", "a\x1b[31m.p12", "$(touch pwned).p12", "%2e%2e%2f.p12", "-o.p12", "\U0001F600.p12"):
        path = folder / name
        path.write_bytes(b"no certificate")
        r = standing.import_p12(path, PASS)
        assert r.code == 65 and "\x1b" not in r.out + r.err, r
    assert not list(folder.glob("pwned"))
    log = standing.p1.tail(200)
    assert "\x1b" not in log and "\nb.p12" not in log


SHAPES = {
    "sha1": ("weak-hash", ["-sha1"], "P-256", []),
    "rsa-1024": ("weak-key", [], "RSA-1024", []),
    "ca": ("is-ca", [], "P-256", ["basicConstraints=critical,CA:TRUE"]),
    "no-server-auth": ("no-server-auth", [], "P-256", ["extendedKeyUsage=clientAuth"]),
    "no-san": ("no-san", [], "P-256", ["subjectAltName=email:a@a.test"]),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_weak_certificate_is_warned_of(folder, shape):
    code, more, kind, extensions = SHAPES[shape]
    private = key(folder / "k", kind)
    extensions = extensions if shape == "no-san" else [f"subjectAltName=DNS:a.{SITE}", *extensions]
    args = [x for e in extensions for x in ("-addext", e)]
    openssl("req", "-x509", "-new", "-key", private, "-subj", "/CN=weak", "-days", "30", "-out", folder / "c.pem", *more, *args)
    path = Cert(folder / "c.pem", private).bundle_pem(folder / "b.pem")
    doc = inspect(path, code=0)
    assert code in [w["code"] for w in doc["warnings"]], doc


def test_a_curve_given_by_its_numbers_is_refused(standing, folder):
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit", "-out", folder / "k")
    openssl("req", "-x509", "-new", "-key", folder / "k", "-subj", "/CN=explicit", "-days", "30", "-out", folder / "c.pem", "-addext", f"subjectAltName=DNS:a.{SITE}")
    r = standing.import_p12(Cert(folder / "c.pem", folder / "k").bundle_pem(folder / "b.pem"), PASS)
    assert r.code == 65 and "P-256" in r.err, r
    assert "weak-key" in [w["code"] for w in inspect(folder / "b.pem", code=0)["warnings"]]


def hello(alpn=("http/1.1",)):
    """The bytes of a ClientHello."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(list(alpn))
    sent = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname=SITE)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return sent.read()


def answer(port, data):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        try:
            return s.recv(65536)
        except ConnectionResetError:
            return b""


def test_cve_2024_5535_an_empty_list_of_protocols(standing):
    raw = hello(["h2"])
    whole = bytes.fromhex("0010000500030268") + b"2"
    assert raw.count(whole) == 1
    for list_n, name_n in ((0, 2), (3, 0), (3, 255), (65535, 2), (1, 0), (2, 0)):
        changed = raw.replace(whole, b"\x00\x10\x00\x05" + list_n.to_bytes(2, "big") + bytes([name_n]) + b"h2")
        got = answer(standing.p1.port, changed)
        assert got == b"" or got[0] in (0x15, 0x16), got[:20]
    assert answer(standing.p1.port, raw)[0] == 0x16


def test_a_hello_with_any_byte_changed(standing):
    raw = bytearray(hello())
    for i in range(0, len(raw), 5):
        changed = bytearray(raw)
        changed[i] ^= 1 << (i % 8)
        answer(standing.p1.port, bytes(changed))
    assert answer(standing.p1.port, bytes(raw))[0] == 0x16


def test_cve_2024_2511_sessions_do_not_grow(standing):
    edges = [pid for role, pid in standing.p1.roles().items() if role.startswith("edge")]

    def resident():
        return sum(int(line.split()[1]) for pid in edges for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS"))

    for _ in range(150):
        standing.p1.served(SITE)
    before = resident()
    for _ in range(400):
        standing.p1.served(SITE)
    assert resident() - before < 400 * 2, "under 2 KiB a handshake: no session is kept"
