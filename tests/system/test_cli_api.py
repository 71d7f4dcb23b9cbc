"""The command line against an API that answers as node/admin/README.md says: requests, tables, errors, exit codes."""
import http.server
import json
import os
import socketserver
import subprocess
import threading
import urllib.parse

import pytest

from cluster import BIN, certspan

OUTCOME = {"schema": "certspan.outcome/1", "seq": 9, "epoch": 1, "generation": 3, "acknowledged": "backup", "exit": 0, "text": "done", "next": "",
           "dry_run": False, "warnings": []}


def node(name, role, **more):
    served = [{"sni": "a.test", "kind": "sni", "result": "match", "sha256": "ab" * 32, "want": "ab" * 8, "age_s": 1, "error": None},
              {"sni": None, "kind": "no-sni", "result": "match", "sha256": "ab" * 32, "want": "ab" * 8, "age_s": 2, "error": None}]
    return dict({"name": name, "role": role, "version": "0.1.0", "state": "in-sync", "stored_seq": 9, "generation": 3, "lag_commits": 0, "lag_s": 0, "default": "ab" * 8,
                 "default_name": "wild", "not_after": "2099-01-01T00:00:00Z", "hosts": [{"host": "a.test", "covered": True, "by": "*.test"}], "served": served,
                 "self": name == "p1", "connected": True, "error": None}, **more)


def status(**more):
    return dict({"schema": "certspan.status/1", "cluster": "00" * 16, "site_hostnames": ["a.test"], "role": "primary", "primary": "p1", "epoch": 1, "seq": 9, "generation": 3,
                 "state": "in-sync", "action": "", "source": "live", "age_s": 0, "nodes": [node("p1", "primary"), node("b1", "backup")], "problems": [], "warnings": []}, **more)


class Api:
    def __init__(self, folder):
        self.folder, self.seen, self.answers = folder, [], {}
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                url = urllib.parse.urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                fields = json.loads(body) if body else dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
                api.seen.append((self.command, url.path, fields))
                code, doc = api.answers.get(f"{self.command} {url.path}", (404, {"schema": "certspan.error/1", "error": {
                    "code": "CS_ENOTFOUND", "exit": 66, "text": "no such object", "next": "certspan help"}}))
                if doc is None:  # hang up
                    self.close_connection = True
                    return
                text = json.dumps(doc).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = answer

            def log_message(self, *_):
                pass

            def address_string(self):
                return "local"

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True

        self.server = Server(str(folder / "api.sock"), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def cli(self, *words, **more):
        return certspan("--runtime", self.folder, *words, **more)


@pytest.fixture
def api(folder):
    a = Api(folder)
    yield a
    a.server.shutdown()
    a.server.server_close()


def test_status_is_a_table_with_problems_and_next_steps(api):
    bad = node("t1", "traffic", state="disconnected", lag_commits=3, lag_s=842)
    bad["served"][0]["result"] = "old"
    bad["hosts"] = [{"host": "t1.b.test", "covered": False, "by": ""}]
    doc = status(state="not-all-devices-synced", problems=[{"severity": "critical", "code": "x", "node": "t1", "text": "3 changes \x1b[31mwait", "next": "certspan node show t1"}])
    doc["nodes"].append(bad)
    api.answers["GET /v1/status"] = (200, doc)
    r = api.cli("status")
    assert r.code == 0, r
    for text in ("generation 3", "primary p1", "NOT ALL DEVICES SYNCED", "* p1", "match 2/2", "OLD 1/2", "0/1 UNCOVERED", "DISCONNECTED", "14m02s",
                 "!! t1", "next: certspan node show t1"):
        assert text in r.out, f"{text!r} is not in\n{r.out}"
    assert "\x1b" not in r.out
    assert all(len(line) <= 100 for line in r.out.splitlines()), r.out
    assert api.cli("status", "--exit-code").code == 2
    assert api.cli("-o", "json", "status").json == doc
    assert "VERSION" in api.cli("-o", "wide", "status").out
    api.cli("status", "--local")
    assert api.seen[-1][2] == {"local": "1"}


def test_watch_prints_json_lines_without_a_terminal(api):
    api.answers["GET /v1/status"] = (200, status())
    p = subprocess.Popen([BIN / "certspan", "--runtime", api.folder, "-o", "json", "status", "--watch=1"], stdout=subprocess.PIPE, text=True)
    lines = [json.loads(p.stdout.readline()) for _ in range(2)]
    p.terminate()
    p.wait(5)
    assert all(line["schema"] == "certspan.status/1" for line in lines)


@pytest.mark.parametrize("change, code, word", [
    ({}, 0, "OK - 2 nodes in sync"),
    ({"problems": [{"severity": "warning", "code": "x", "node": None, "text": "soon | late", "next": ""}]}, 1, "WARNING - soon   late"),
    ({"problems": [{"severity": "critical", "code": "x", "node": "b1", "text": "gone", "next": ""}]}, 2, "CRITICAL - b1: gone"),
    ({"nodes": [node("p1", "primary", not_after="2001-01-01T00:00:00Z")]}, 2, "CRITICAL"),
    ({"nodes": [node("p1", "primary", lag_s=900)]}, 2, "CRITICAL"),
])
def test_check_is_a_monitoring_plugin(api, change, code, word):
    api.answers["GET /v1/status"] = (200, status(**change))
    r = api.cli("check")
    assert r.code == code and r.out.startswith("CERTSPAN " + word) and r.out.count("|") == 1 and len(r.out.splitlines()) == 1, r
    assert "uncovered=" in r.out and "nodes=" in r.out


def test_check_takes_thresholds(api):
    import datetime
    soon = (datetime.datetime.utcnow() + datetime.timedelta(days=10, hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    api.answers["GET /v1/status"] = (200, status(nodes=[node("p1", "primary", not_after=soon)]))
    assert api.cli("check").code == 1
    assert api.cli("check", "-w", "9d").code == 0
    assert api.cli("check", "-c", "11d").code == 2


def test_a_write_carries_its_options_and_a_request_id(api):
    api.answers["PUT /v1/default"] = (200, dict(OUTCOME, cert="ab" * 8, node="t1"))
    r = api.cli("default", "set", "abab", "--node", "t1", "--accept-uncovered", "x.test", "--accept-uncovered", "y.test", "--ack", "all", "--timeout", "7", "--dry-run")
    assert r.code == 0, r
    fields = api.seen[-1][2]
    request = fields.pop("request")
    assert len(request) == 32 and int(request, 16) >= 0
    assert fields == {"id": "abab", "node": "t1", "accept_uncovered": ["x.test", "y.test"], "ack": "all", "timeout_ms": 7000, "dry_run": True}
    api.cli("default", "set", "abab", "--request", "0f" * 16)
    assert api.seen[-1][2]["request"] == "0f" * 16


def test_done_here_but_not_yet_there_ends_10(api):
    api.answers["PUT /v1/settings/site.hostname"] = (202, dict(OUTCOME, exit=10, text="committed here, not on the backup", next="certspan sync wait", acknowledged="local"))
    r = api.cli("setting", "set", "site.hostname", "a.test")
    assert r.code == 10 and "not on the backup" in r.err and "next: certspan sync wait" in r.err, r
    assert api.cli("-o", "json", "setting", "set", "site.hostname", "a.test").code == 10


def test_errors_of_the_api_pass_through(api):
    error = {"schema": "certspan.error/1", "error": {"code": "CS_EREFUSED", "exit": 65, "text": "it would leave 1 hostname uncovered", "next": "certspan default set X --accept-uncovered t1.test",
                                                     "uncovered": [{"host": "t1.test", "node": "t1", "text": "nothing covers it"}]}}
    api.answers["PUT /v1/default"] = (422, error)
    r = api.cli("default", "set", "abab")
    assert r.code == 65 and "t1.test" in r.err and "next: certspan default set" in r.err and r.out == "", r
    r = api.cli("-o", "json", "default", "set", "abab")
    assert r.code == 65 and r.json == error
    assert api.cli("cert", "show", "../../x").code == 66
    assert api.seen[-1][1] == "/v1/certs/..%2F..%2Fx"


def test_a_lost_answer_to_a_write_names_the_request_to_repeat(api):
    api.answers["PUT /v1/default"] = (200, None)
    r = api.cli("default", "set", "abab")
    assert r.code == 69 and "may have been done" in r.err and f"--request {api.seen[-1][2]['request']}" in r.err, r
    assert len(api.seen) == 1, "a write is never repeated by itself"


def test_deletes_carry_everything_in_the_query(api):
    api.answers["DELETE /v1/certs/abab"] = (200, dict(OUTCOME, cert="abab"))
    r = api.cli("cert", "delete", "abab", "--force", "--yes")
    assert r.code == 0 and api.seen[-1][2]["force"] == "1" and "request" in api.seen[-1][2], r


def test_a_token_is_one_line_on_standard_output(api):
    api.answers["POST /v1/tokens"] = (200, dict(OUTCOME, token="certspan1.abc", expires_at="2026-01-01T00:00:00Z", node={"name": "t1"}, warnings=[{"code": "uncovered", "text": "nothing covers it"}]))
    r = api.cli("node", "token", "create", "--role", "traffic", "--name", "t1", "--public", "t1.test", "--hostname", "u.test")
    assert r.out == "certspan1.abc\n" and "warning: nothing covers it" in r.err and "certspan join" in r.err, r
    assert api.seen[-1][2]["hostnames"] == ["u.test"]
    assert api.cli("node", "token", "create", "--role", "traffic", "--name", "t1").code == 64


def test_lists_are_tables(api):
    cert = {"id": "ab" * 8, "name": "wild", "state": "active", "validity": "valid", "subject": "CN=x", "issuer": "CN=CA", "dns_names": ["*.test", "test"], "key": "P-256", "key_bits": 256,
            "not_before": "2026-01-01T00:00:00Z", "not_after": "2099-01-01T00:00:00Z", "default_for": ["*"], "verdict": "first", "warnings": []}
    api.answers["GET /v1/certs"] = (200, {"schema": "certspan.certs/1", "seq": 1, "generation": 1, "total": 1, "next": None, "certs": [cert]})
    api.answers["GET /v1/nodes"] = (200, {"schema": "certspan.nodes/1", "nodes": [{"name": "p1", "role": "primary", "public": "p1.test", "internal": "10.0.0.1:7443", "hostnames": [], "enrolled": True, "enrolled_at": "2026"}]})
    api.answers["GET /v1/settings"] = (200, {"schema": "certspan.settings/1", "settings": [{"name": "site.hostname", "type": "hosts", "value": ["a.test", "b.test"], "default": [], "set": True, "help": "what users visit"}]})
    assert "*.test, test" in api.cli("cert", "list").out
    assert "10.0.0.1:7443" in api.cli("node", "list").out
    assert "a.test,b.test" in api.cli("setting", "list").out


def test_all_pages_of_a_long_list_are_fetched(api):
    pages = iter([{"certs": [{"id": "a"}], "next": "a"}, {"certs": [{"id": "b"}], "next": None}])

    class Paging(dict):
        def get(self, key, default):
            return (200, dict({"schema": "certspan.certs/1"}, **next(pages))) if key == "GET /v1/certs" else default
    api.answers = Paging()
    r = api.cli("-o", "json", "cert", "list")
    assert [c["id"] for c in r.json["certs"]] == ["a", "b"] and api.seen[1][2]["after"] == "a", r


def test_an_answer_that_is_no_json_is_no_crash(api):
    api.answers["GET /v1/nodes"] = (200, ["not", "an", "object"])
    r = api.cli("node", "list")
    assert r.code == 65 and "no JSON" in r.err, r
    assert os.path.exists(api.folder / "api.sock")
