"""The edge as clients meet it: which certificate for which name, the page, the relay, deadlines."""
import contextlib
import hashlib
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

from cluster import SITE, eventually

PASS = "correct horse battery"


@contextlib.contextmanager
def dial(port, sni, session=None, context=None, timeout=10):
    if context is None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as raw, context.wrap_socket(raw, server_hostname=sni, session=session) as tls:
        yield tls


def whole(tls, request):
    tls.sendall(request)
    data = b""
    while more := tls.recv(65536):
        data += more
    return data


def page(port, sni, **more):
    with dial(port, sni, **more) as tls:
        head, body = whole(tls, b"GET / HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nConnection: close\r\n\r\n").split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 200 "), head
    return json.loads(body)


def s_client(port, *args):
    """Leaf's SHA-256 as the openssl client gets it, for server names that Python refuses to send; None without a handshake."""
    r = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *args], input=b"", capture_output=True, timeout=15)
    pem = r.stdout.partition(b"-----BEGIN CERTIFICATE-----")[2].partition(b"-----END CERTIFICATE-----")[0]
    if not pem:
        return None
    import base64
    return hashlib.sha256(base64.b64decode(pem)).hexdigest()


@pytest.mark.parametrize("sni, why", [(SITE, "name"), (f"x.{SITE}", "name"), (f"a.b.{SITE}", "unmatched-sni"), ("nowhere.invalid", "unmatched-sni"),
                                      (None, "no-sni"), ("127.0.0.1", "no-sni")])
def test_the_page_says_why_this_certificate(shared, sni, why):
    # Python, like every browser, sends no SNI for an address
    said = page(shared.p1.port, sni)
    assert said["schema"] == "certspan.page/1" and said["node"] == "p1"
    assert (said["certificate"], said["why"]) == (shared.wild.id, why)
    assert said["sni"] == (None if why == "no-sni" else sni)


@pytest.mark.parametrize("sni", ["127.0.0.1", "::1", SITE + ".", "UPPER." + SITE.upper(), "-x." + SITE, "x" * 64 + "." + SITE, "." + SITE, "a..b"])
def test_odd_server_names_get_a_certificate(shared, sni):
    for version in ("-tls1_2", "-tls1_3"):
        assert s_client(shared.p1.port, version, "-servername", sni) == shared.wild.sha256


def test_the_html_page_escapes_what_it_was_asked(shared):
    r = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{shared.p1.port}", "-servername", "<script>", "-quiet", "-ign_eof"],
                       input=b"GET / HTTP/1.0\r\n\r\n", capture_output=True, timeout=15)
    assert b"&#60;script&#62;" in r.stdout and b"<script" not in r.stdout


def test_a_ticket_resumes_under_its_name_only(shared):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    port = shared.p1.port
    with dial(port, SITE, context=context) as tls:
        whole(tls, b"GET / HTTP/1.0\r\n\r\n")
        session = tls.session
    # each worker has its own ticket keys until the cluster shares them: ask until the same one answers
    assert eventually(lambda: page(port, SITE, context=context, session=session)["resumed"], what="a resumed session")
    assert not any(page(port, f"x.{SITE}", context=context, session=session)["resumed"] for _ in range(8))


def test_only_modern_ciphers_are_spoken(shared):
    for args in (["-tls1_1"], ["-tls1_2", "-cipher", "AES128-GCM-SHA256"], ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"], ["-tls1_3", "-groups", "P-521"]):
        assert s_client(shared.p1.port, *args, "-servername", SITE) is None


def test_a_stalled_hello_is_closed_at_the_deadline_and_holds_nobody_up(shared):
    stalled = [socket.create_connection(("127.0.0.1", shared.p1.port), timeout=15) for _ in range(50)]
    start = time.monotonic()
    for s in stalled:
        s.sendall(b"\x16\x03\x01\x02\x00\x01")
    assert shared.p1.served(SITE, timeout=2) == shared.wild.sha256
    for s in stalled:
        assert s.recv(1) == b""
        s.close()
    assert 9 < time.monotonic() - start < 12


def test_the_key_type_follows_what_the_client_verifies(cluster, ca):
    cluster.primary()
    ec, rsa = ca.issue([f"*.{SITE}", SITE]), ca.issue([f"rsa.{SITE}"], kind="RSA-2048")
    for i, cert in enumerate((ec, rsa)):
        r = cluster.import_p12(cert.p12(cluster.root / f"{i}.p12", PASS), PASS)
        assert r.code == 0, r
    port, name = cluster.p1.port, f"rsa.{SITE}"
    cluster.serving(name, rsa.sha256)
    for scheme in ("rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512"):
        for version in ("-tls1_2", "-tls1_3"):
            assert s_client(port, version, "-servername", name, "-sigalgs", scheme) == rsa.sha256
    for scheme in ("RSA+SHA256", "RSA+SHA384", "RSA+SHA512"):
        assert s_client(port, "-tls1_2", "-servername", name, "-sigalgs", scheme) == rsa.sha256
    # who cannot verify RSA gets the wildcard, which is ECDSA
    assert s_client(port, "-servername", name, "-sigalgs", "ecdsa_secp256r1_sha256") == ec.sha256
    for args in (["-sigalgs", "ECDSA+SHA384"], ["-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"]):
        assert s_client(port, "-tls1_2", "-servername", name, *args) == ec.sha256


class Echo:
    """A backend that sends back what it gets, and ends when the client has."""

    def __init__(self, family, address):
        self.listener = socket.socket(family)
        self.listener.bind(address)
        self.listener.listen(16)
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # close alone leaves it open under the thread that accepts
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=(self.listener.accept()[0],), daemon=True).start()

    def serve(self, conn):
        with conn, contextlib.suppress(OSError):
            while data := conn.recv(65536):
                conn.sendall(data)


def echoed(port, data):
    def send(tls):
        with contextlib.suppress(OSError):
            tls.sendall(data)

    with dial(port, SITE) as tls:
        threading.Thread(target=send, args=(tls,), daemon=True).start()
        got = b""
        while len(got) < len(data):
            more = tls.recv(65536)
            assert more, f"ended after {len(got)} bytes"
            got += more
        return got == data


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_an_upstream_is_relayed_to_and_a_reload_changes_it(cluster, ca, kind):
    node = cluster.primary()
    cert = ca.issue([f"*.{SITE}", SITE])
    assert cluster.import_p12(cert.p12(cluster.root / "a.p12", PASS), PASS).code == 0
    cluster.serving(SITE, cert.sha256)
    if kind == "tcp":
        echo = Echo(socket.AF_INET, ("127.0.0.1", 0))
        upstream = "tcp:127.0.0.1:%d" % echo.listener.getsockname()[1]
    else:
        path = str(cluster.root / "up.sock")
        echo = Echo(socket.AF_UNIX, path)
        os.chmod(path, 0o777)
        upstream = f"unix:{path}"
    text = node.config.read_text()
    assert '  upstream: ""' in text, text
    node.config.write_text(text.replace('  upstream: ""', f'  upstream: "{upstream}"'))
    node.process.send_signal(signal.SIGHUP)
    # each worker reloads for itself, and a new connection may land on any
    eventually(lambda: all([echoed(node.port, b"hello") for _ in range(12)]), what="the upstream answers at every worker")
    assert echoed(node.port, os.urandom(3 << 20))
    echo.close()
    with pytest.raises((OSError, AssertionError)):
        echoed(node.port, b"hello")
