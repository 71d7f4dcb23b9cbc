"""deploy/openapi.yaml against the server's route table and against what the running server answers."""
import json
import pathlib
import re
import subprocess

import pytest

yaml = pytest.importorskip("yaml")
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SPEC = yaml.safe_load((ROOT / "deploy/openapi.yaml").read_text())
METHODS = ("get", "put", "post", "patch", "delete")
KINDS = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}


def resolve(node):
    while "$ref" in node:
        at = SPEC
        for part in node["$ref"].removeprefix("#/").split("/"):
            at = at[part]
        node = at
    return node


def complaints(value, schema, where="$"):
    schema = resolve(schema)
    if value is None and (schema.get("nullable") or not schema):
        return
    for part in schema.get("allOf", ()):
        yield from complaints(value, part, where)
    kind = schema.get("type")
    if kind and (not isinstance(value, KINDS[kind]) or kind != "boolean" and isinstance(value, bool)):
        yield f"{where}: {value!r} is no {kind}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where}: {value!r} is none of {schema['enum']}"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{where}: {value!r} does not fit {schema['pattern']}"
    if isinstance(value, dict):
        yield from (f"{where}: no {key}" for key in schema.get("required", ()) if key not in value)
        for key, inner in schema.get("properties", {}).items():
            if key in value:
                yield from complaints(value[key], inner, f"{where}.{key}")
    if isinstance(value, list) and "items" in schema:
        for i, item in enumerate(value):
            yield from complaints(item, schema["items"], f"{where}[{i}]")


def call(node, method, path, body=None):
    args = ["curl", "-sS", "--max-time", "20", "--unix-socket", str(node.runtime / "api.sock"), "-X", method, "-w", "\n%{http_code}"]
    args += ["-d", json.dumps(body)] if body is not None else []
    out = subprocess.run([*args, "http://localhost" + path], text=True, capture_output=True, check=True).stdout
    text, _, code = out.rpartition("\n")
    return int(code), json.loads(text)


def schema_of(path, method, code):
    responses = SPEC["paths"][path][method]["responses"]
    return resolve(responses.get(str(code), responses["default"]))["content"]["application/json"]["schema"]


def described():
    return {(m.upper(), re.sub(r"\{\w+\}", "*", path)) for path, item in SPEC["paths"].items() for m in METHODS if m in item}


def test_every_route_of_the_server_is_described_and_no_other():
    routes = set()
    for source in (ROOT / "node/admin").glob("routes*.c"):
        routes |= set(re.findall(r'\{\s*"(GET|PUT|POST|PATCH|DELETE)",\s*"(/v1/[^"]*)"', source.read_text()))
    assert len(routes) > 20
    assert routes - described() == set(), "routes without a description"
    assert described() - routes == set(), "descriptions without a route"


def test_every_reference_leads_somewhere():
    def walk(node):
        if isinstance(node, dict):
            resolve(node)
            for v in node.values():
                walk(v)
        elif isinstance(node, list):
            for v in node:
                walk(v)
    walk(SPEC)


# what fills a path, and a body that changes nothing (a dry run)
NAMES = {"/v1/nodes/{name}": "t1", "/v1/settings/{name}": "ack.mode"}
BODIES = {("/v1/default", "put"): {"id": "@wild", "dry_run": True}, ("/v1/nodes/{name}", "patch"): {"hostnames": [], "dry_run": True},
          ("/v1/tokens", "post"): {"name": "t9", "role": "traffic", "public": "t9.access.example.test", "dry_run": True},
          ("/v1/settings/{name}", "put"): {"value": "auto", "dry_run": True}, ("/v1/certs/{id}/activate", "post"): {"dry_run": True},
          ("/v1/certs/{id}", "patch"): {"name": "other", "dry_run": True}, ("/v1/certs/delete", "post"): {"ids": ["@wild"], "dry_run": True, "force": True},
          ("/v1/certs/retire", "post"): {"ids": ["@wild"], "dry_run": True, "force": True}, ("/v1/sync/wait", "post"): {"timeout_s": 5}, ("/v1/probe", "post"): {"timeout_s": 10}}
QUERIES = {("/v1/export", "get"): "?ids=@wild", ("/v1/default", "delete"): "?node=t1&dry_run=1", ("/v1/explain", "get"): "?host=access.example.test"}


@pytest.mark.parametrize("path,method", [(p, m) for p, item in SPEC["paths"].items() for m in METHODS if m in item])
def test_the_server_answers_as_described(shared, path, method):
    real = path.replace("{id}", shared.wild.id).replace("{name}", NAMES.get(path, ""))
    query = QUERIES.get((path, method), "?dry_run=1" if method == "delete" else "").replace("@wild", shared.wild.id)
    body = json.loads(json.dumps(BODIES.get((path, method), {})).replace("@wild", shared.wild.id)) if method in ("put", "post", "patch") else None
    code, doc = call(shared.p1, method.upper(), real + query, body)
    assert list(complaints(doc, schema_of(path, method, code))) == [], doc
    if method == "get":
        assert code == (404 if "{request}" in path else 200), doc  # no request is open in this cluster


def test_errors_are_described_too(shared):
    for method, path, code in (("GET", "/v1/certs/ffffffffffffffff", 404), ("GET", "/v1/nodes/nobody", 404), ("GET", "/v1/nothing", 404), ("GET", "/v1/status?x=1", 400)):
        got, doc = call(shared.p1, method, path)
        assert got == code, doc
        assert list(complaints(doc, SPEC["components"]["schemas"]["Error"])) == []


@pytest.mark.parametrize("path", SPEC["paths"])
def test_other_methods_are_405(shared, path):
    real = path.replace("{id}", shared.wild.id).replace("{name}", NAMES.get(path, "x"))
    taken = {m for p, item in SPEC["paths"].items() if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", p), real) for m in item}
    unknown = next(m for m in ("PATCH", "POST", "PUT") if m.lower() not in taken)
    code, doc = call(shared.p1, unknown, real, {})
    assert code == 405 and list(complaints(doc, SPEC["components"]["schemas"]["Error"])) == [], doc


def test_the_validator_sees_what_is_wrong():
    schema = SPEC["components"]["schemas"]["Version"]
    good = {"schema": "certspan.version/1", "version": "1", "api": 1, "node": "p1"}
    assert list(complaints(good, schema)) == []
    for bad in ({**good, "api": "1"}, {**good, "schema": "x"}, {k: v for k, v in good.items() if k != "node"}, {**good, "api": True}):
        assert len(list(complaints(bad, schema))) == 1
