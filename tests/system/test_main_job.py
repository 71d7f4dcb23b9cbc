"""The main job: one import on the primary, and every node serves it to real clients."""
import ssl
import time

import pytest

from cluster import SITE, eventually

PASS = "correct horse battery"


def import_(cluster, cert, *more, label="up"):
    r = cluster.import_p12(cert.p12(cluster.root / f"{label}.p12", PASS), PASS, *more)
    assert r.code == 0, f"{r!r}\n{cluster.p1.tail()}"
    return r.json


def test_every_node_serves_what_was_imported(shared):
    for node in shared.nodes.values():
        assert node.served(SITE) == shared.wild.sha256
        assert node.served(node.public) == shared.wild.sha256
        assert node.served(None) == shared.wild.sha256
        assert node.served("unrelated.example") == shared.wild.sha256


def test_names_are_found_in_any_case_and_with_a_trailing_dot(shared):
    for sni in (SITE.upper(), "WwW." + SITE):
        assert shared.t1.served(sni) == shared.wild.sha256
    # Python refuses to send a trailing dot; the openssl client sends what it is told
    import subprocess
    r = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{shared.t1.port}", "-servername", SITE + ".", "-brief"], input="", text=True, capture_output=True, timeout=10)
    assert "leaf" in r.stderr or SITE in r.stderr, r.stderr


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_tls_versions(shared, version):
    assert shared.b1.served(SITE, version=version) == shared.wild.sha256


def test_old_tls_is_refused(shared):
    with pytest.raises(OSError):
        shared.b1.served(SITE, version=ssl.TLSVersion.TLSv1_1, ciphers="ALL:@SECLEVEL=0")


def test_status_proves_it_by_handshakes(shared):
    status = shared.in_sync()
    assert status["schema"] == "certspan.status/1" and status["primary"] == "p1"
    assert [n["name"] for n in status["nodes"]] == ["p1", "b1", "t1"]
    for node in status["nodes"]:
        kinds = {s["kind"] for s in node["served"]}
        assert kinds == {"sni", "no-sni", "unmatched-sni"}, node
        assert all(s["result"] == "match" for s in node["served"]), node
        assert all(h["covered"] for h in node["hosts"]), node


def test_a_follower_refuses_to_write_and_names_the_primary(shared):
    r = shared.t1.cli("-o", "json", "default", "set", shared.wild.id)
    assert r.code == 77 and "p1" in r.out, r


def test_a_renewal_activates_itself_and_the_default_follows(cluster, ca):
    cluster.three()
    old = ca.issue([f"*.{SITE}", SITE], days=20, cn="site")
    import_(cluster, old)
    cluster.p1.ok("default", "set", old.id)
    cluster.serving(None, old.sha256)
    new = ca.issue([f"*.{SITE}", SITE], days=90, cn="site", same_key=old.key)
    answer = import_(cluster, new, label="renewal")
    assert answer["verdict"] == "renewal" and answer["activated"] and answer["default_moved"], answer
    assert answer["replaced"] == old.id
    for sni in (SITE, None, "unrelated.example"):
        cluster.serving(sni, new.sha256)
    again = import_(cluster, new, label="again")
    assert again["verdict"] == "same"


def test_a_lost_primary_stops_nobody(cluster, ca):
    cluster.three()
    cert = ca.issue([f"*.{SITE}", SITE])
    import_(cluster, cert)
    cluster.p1.ok("default", "set", cert.id)
    cluster.serving(None, cert.sha256)
    cluster.p1.kill9()
    followers = [cluster.b1, cluster.t1]
    for node in followers:
        assert node.served(SITE) == cert.sha256 and node.served(None) == cert.sha256
    for node in followers:  # nor does their own restart while it is away
        assert node.stop() == 0
        node.start()
    cluster.serving(SITE, cert.sha256, followers)
    cluster.serving(None, cert.sha256, followers)
    status = cluster.t1.json("status", "--local")
    assert status["nodes"] or status["source"], status
    cluster.p1.start()
    cluster.in_sync()


def test_a_node_that_was_away_catches_up(cluster, ca):
    cluster.three()
    cluster.t1.stop()
    certs = [ca.issue([f"host{i}.{SITE}"]) for i in range(5)]
    for i, cert in enumerate(certs):
        import_(cluster, cert, label=f"c{i}")
    cluster.t1.start()
    for i, cert in enumerate(certs):
        cluster.serving(f"host{i}.{SITE}", cert.sha256, [cluster.t1])
    cluster.in_sync()


def test_exact_goes_before_wildcard_and_ecdsa_before_rsa(cluster, ca):
    cluster.primary()
    wild = ca.issue([f"*.{SITE}"])
    exact = ca.issue([f"www.{SITE}"])
    rsa = ca.issue([f"www.{SITE}"], kind="RSA-2048")
    for i, cert in enumerate((wild, exact)):
        import_(cluster, cert, label=f"c{i}")
    node = cluster.p1
    eventually(lambda: node.served(f"www.{SITE}") == exact.sha256, what="exact is served")
    assert node.served(f"other.{SITE}") == wild.sha256
    r = cluster.import_p12(rsa.p12(cluster.root / "rsa.p12", PASS), PASS, "--allow", "replacement")
    assert r.code in (0, 65), r


def test_no_connection_is_dropped_by_a_change(cluster, ca):
    cluster.primary()
    first = ca.issue([SITE], cn="site")
    import_(cluster, first)
    cluster.serving(SITE, first.sha256)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    import socket
    with socket.create_connection(("127.0.0.1", cluster.p1.port), timeout=10) as raw, context.wrap_socket(raw, server_hostname=SITE) as tls:
        tls.sendall(b"GET /hold?seconds=4 HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % SITE.encode())
        body = tls.recv(65536)
        second = ca.issue([SITE], cn="site", same_key=first.key, days=120)
        import_(cluster, second, label="second")
        cluster.serving(SITE, second.sha256)
        end = time.monotonic() + 10
        while (more := tls.recv(65536)) and time.monotonic() < end:
            body += more
    assert b"200 OK" in body and body.rstrip().endswith(b"0"), body[-80:]
