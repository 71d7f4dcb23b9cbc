"""The HTTP API of a node, asked as any client would: over its unix socket, without the command line."""
import http.client
import json
import socket

import pytest

from cluster import SITE

PASS = "correct horse battery"


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(node, method, path, body=None):
    """(HTTP status, document)"""
    connection = Unix(node.runtime / "api.sock")
    connection.request(method, path, None if body is None else json.dumps(body))
    answer = connection.getresponse()
    document = json.loads(answer.read())
    connection.close()
    return answer.status, document


def raw(node, request):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(str(node.runtime / "api.sock"))
        s.sendall(request)
        return int(s.recv(65536).split()[1])


READING = ["version", "status", "status?local=1", "certs", "certs?limit=1&state=active", "default", "coverage", f"coverage?host=x.{SITE}", "explain", f"explain?host={SITE}&node=t1",
           "nodes", "nodes/b1", "settings", "settings/site.hostname", "sync"]


@pytest.mark.parametrize("path", READING)
def test_every_node_answers_every_reading_route(shared, path):
    for node in shared.nodes.values():
        status, document = ask(node, "GET", f"/v1/{path}")
        assert status == 200 and document["schema"].startswith("certspan."), document


def test_coverage_of_all_names(shared):
    document = ask(shared.p1, "GET", "/v1/coverage")[1]
    assert document["covered"] == document["total"] and not document["uncovered"]
    assert {(r["host"], r["node"]) for r in document["rows"]} >= {(SITE, None), (shared.t1.public, "t1")}
    assert all(r["default"]["cover"] != "none" for r in document["rows"]), document


def test_explain_says_what_is_served(shared):
    document = ask(shared.t1, "GET", f"/v1/explain?host=WWW.{SITE}.")[1]
    assert document["reason"] == "name" and document["chosen"]["cert"] == shared.wild.id and document["chosen"]["cover"] == "wildcard"
    assert ask(shared.t1, "GET", "/v1/explain?host=unrelated.example")[1]["reason"] == "unmatched-sni"
    assert ask(shared.t1, "GET", "/v1/explain")[1]["reason"] == "no-sni"


def test_a_follower_names_the_primary(shared):
    status, document = ask(shared.t1, "PUT", "/v1/settings/ack.mode", {"value": "local"})
    assert status == 403 and document["error"]["code"] == "CS_ENOTPRIMARY" and document["error"]["exit"] == 77 and document["error"]["primary"] == "p1"


def test_a_dry_run_writes_nothing(shared):
    before = ask(shared.p1, "GET", "/v1/sync")[1]["seq"]
    for method, path, body in (("PUT", "/v1/settings/ack.mode", {"value": "local", "dry_run": True}), ("DELETE", f"/v1/certs/{shared.wild.id}?force=1&dry_run=1", None),
                               ("POST", "/v1/tokens", {"name": "dry", "role": "traffic", "public": f"dry.{SITE}", "dry_run": True})):
        status, document = ask(shared.p1, method, path, body)
        assert status == 200 and document["dry_run"] and document["acknowledged"] == "none", document
        assert "token" not in document
    assert ask(shared.p1, "GET", "/v1/sync")[1]["seq"] == before


def test_the_default_is_not_deleted_by_accident(shared):
    status, document = ask(shared.p1, "DELETE", f"/v1/certs/{shared.wild.id}")
    assert status == 422 and document["error"]["exit"] == 65 and SITE in json.dumps(document["error"]["uncovered"])


def test_probe_and_wait(shared):
    status, document = ask(shared.p1, "POST", "/v1/probe", {})
    assert status == 200 and document["served"] and all(s["result"] == "match" for s in document["served"]), document
    status, document = ask(shared.p1, "POST", "/v1/sync/wait", {"for": "served", "timeout_s": 10})
    assert status == 200 and document["exit"] == 0, document


@pytest.mark.parametrize("request_, status", [
    (b"GET /v1/nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    (b"POST /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 405),
    (b"GET /v1/status?unknown=1 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET /v1/status HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
    (b"PUT /v1/default HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400),
    (b"PUT /v1/default HTTP/1.1\r\nHost: x\r\nContent-Length: 131073\r\n\r\n", 413),
    (b"PUT /v1/default HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\n\r\n{\"nonsense\":1}", 400),
])
def test_what_the_socket_refuses(shared, request_, status):
    assert raw(shared.p1, request_) == status


def test_staged_then_activated_then_deleted(cluster, ca):
    p1 = cluster.primary()
    first = ca.issue([f"*.{SITE}", SITE], label="first")
    r = cluster.import_p12(first.p12(cluster.root / "first.p12", PASS), PASS, "--stage")
    assert r.code == 0 and not r.json["activated"] and r.json["cert"]["state"] == "staged", r
    status, document = ask(p1, "PUT", "/v1/default", {"id": first.id})
    assert status == 422 and "activate" in document["error"]["next"], document
    status, document = ask(p1, "POST", f"/v1/certs/{first.id[:8]}/activate", {})
    assert status == 200 and document["activated"] and document["cert"]["state"] == "active", document
    generation = document["generation"]
    status, document = ask(p1, "PUT", "/v1/default", {"id": first.id, "ack": "all"})
    assert status == 200 and document["generation"] == generation + 1 and document["acknowledged"] == "all", document
    assert p1.served(None) == first.sha256 and p1.served(SITE) == first.sha256  # "all" means that it is served
    status, document = ask(p1, "DELETE", f"/v1/certs/{first.id}?force=1&ack=all")
    assert status == 200, document
    with pytest.raises(OSError):
        p1.served(SITE)
    assert any(p["code"] == "site-uncovered" for p in ask(p1, "GET", "/v1/status")[1]["problems"])


def test_the_registry(cluster):
    p1 = cluster.primary()
    status, document = ask(p1, "POST", "/v1/tokens", {"name": "t1", "role": "traffic", "public": f"T1.{SITE}."})
    assert status == 200 and document["node"]["public"] == f"t1.{SITE}" and document["token"].startswith("certspan1."), document
    assert ask(p1, "POST", "/v1/tokens", {"name": "t1", "role": "traffic"})[0] == 409
    assert ask(p1, "GET", "/v1/status")[1]["state"] == "awaiting-initial-sync"
    status, document = ask(p1, "PATCH", "/v1/nodes/t1", {"hostnames": [f"www.{SITE}"]})
    assert status == 200 and document["node"]["hostnames"] == [f"www.{SITE}"], document
    assert ask(p1, "DELETE", "/v1/nodes/p1")[0] == 422
    assert ask(p1, "DELETE", "/v1/nodes/t1")[0] == 200
    assert [n["name"] for n in ask(p1, "GET", "/v1/nodes")[1]["nodes"]] == ["p1"]
    assert ask(p1, "GET", "/v1/status")[1]["state"] == "standalone"
