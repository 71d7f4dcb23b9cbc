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
