"""The command line by itself: parsing, help, offline verbs, init. No daemon runs here."""
import pathlib
import subprocess

import pytest

from cluster import BIN, certspan, free_port

def one_line_and_next(run):
    lines = run.err.strip().splitlines()
    assert lines[0].startswith("certspan: "), run
    assert any(line.startswith("next: ") for line in lines), run


@pytest.mark.parametrize("words, hint", [
    (["stauts"], "certspan status"),
    (["cert", "imprt"], "certspan cert import"),
    (["node", "list", "--otuput", "json"], "--output"),
    (["cert"], "needs a verb"),
    (["cert", "show"], "needs: ID"),
    (["version", "extra"], "takes no"),
    (["node", "list", "-o", "yaml"], "table"),
])
def test_a_mistake_ends_64_and_names_what_was_meant(words, hint):
    r = certspan(*words)
    assert r.code == 64 and hint in r.err
    one_line_and_next(r)
    j = certspan("-o", "json", *[w for w in words if w not in ("-o", "yaml")])
    if "yaml" not in words:
        assert j.code == 64 and j.json["schema"] == "certspan.error/1" and j.json["error"]["exit"] == 64


def test_help_names_every_command_and_each_has_its_page():
    text = certspan("help").out
    for command in ("init", "cert import", "node token create", "coverage match", "sync wait", "demo"):
        assert f"  {command}" in text
        page = certspan("help", *command.split())
        assert page.code == 0 and page.out.startswith(f"certspan {command}")
        assert certspan(*command.split(), "--help").out == page.out
    assert certspan("help", "nonsense").code == 64
    assert certspan().code == 64


def test_version_in_both_forms():
    assert certspan("version").out.startswith("certspan ")
    assert certspan("version", "-o", "json").json["schema"] == "certspan.version/1"


def test_without_a_daemon_verbs_end_69_and_say_how_to_start_it(folder):
    for words in (["status"], ["cert", "list"], ["node", "list"], ["setting", "list"], ["coverage", "matrix"], ["explain", "x.example"]):
        r = certspan("--runtime", folder, *words)
        assert r.code == 69 and "certspand --config" in r.err, r
    r = certspan("--runtime", folder, "check")
    assert r.code == 3 and r.out.startswith("CERTSPAN UNKNOWN - ")
    assert certspan("--runtime", folder, "status", "--exit-code").code == 3


def test_without_a_configuration_verbs_end_78(folder):
    r = certspan("--config", folder / "none.yaml", "status")
    assert r.code == 78
    one_line_and_next(r)


def test_the_example_configuration_is_in_order(folder):
    path = folder / "certspan.yaml"
    path.write_text(certspan("config", "example").out)
    assert certspan("config", "check", path).code == 0
    path.write_text(path.read_text().replace("interval-s", "intervall-s"))
    r = certspan("config", "check", path)
    assert r.code == 78 and "did you mean" in r.err and ":" in r.err


def test_a_destructive_verb_without_a_terminal_needs_yes(folder):
    r = certspan("--runtime", folder, "cert", "delete", "0123456789abcdef")
    assert r.code == 64 and "--yes" in r.err


def init(folder, *more, config=None):
    return certspan("init", "--site", "access.example.test", "--name", "p1", "--public", "p1.access.example.test", "--internal", f"127.0.0.1:{free_port()}",
                    "--config", config or folder / "certspan.yaml", "--state", folder / "state", "--runtime", folder / "run",
                    "--edge-listen", f"127.0.0.1:{free_port()}", *more)


def test_init_makes_configuration_keys_and_store_once(folder):
    r = init(folder, "-o", "json")
    assert r.code == 0 and len(r.json["cluster"]) == 32, r
    for key in ("replicator.key", "keyd.key"):
        assert (folder / "state" / key).stat().st_mode & 0o777 == 0o600
    assert (folder / "state" / "state" / "data.mdb").stat().st_size > 0
    assert certspan("--config", folder / "certspan.yaml", "config", "show", "-o", "json").code == 0
    before = (folder / "state" / "replicator.key").read_bytes()
    again = init(folder)
    assert again.code == 73 and before == (folder / "state" / "replicator.key").read_bytes(), again
    one_line_and_next(again)


@pytest.mark.parametrize("change, hint", [
    (("--name", "P_1"), "node name"),
    (("--public", "*.example.test"), "hostname"),
    (("--internal", "nowhere"), "HOST:PORT"),
    (("--edge-listen", "127.0.0.1:70000"), "edge.listen"),
])
def test_init_refuses_what_cannot_be_and_leaves_nothing(folder, change, hint):
    r = init(folder, *change)
    assert r.code == 64 and hint in r.err, r
    assert not (folder / "state").exists() and not (folder / "certspan.yaml").exists()


@pytest.mark.skipif(not pathlib.Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_no_success():
    with open("/dev/full", "w") as full:
        assert subprocess.run([str(BIN / "certspan"), "help"], stdout=full, stderr=subprocess.DEVNULL).returncode == 74


def test_a_bad_join_token_is_refused_before_anything_is_written(folder):
    for text in ("", "hello", "certspan1.AAAA", "certspan1." + "A" * 300):
        r = certspan("join", "-", "--config", folder / "c.yaml", "--state", folder / "state", stdin=text + "\n")
        assert r.code == 65, r
        one_line_and_next(r)
    assert certspan("join", "certspan9.AAAA").code == 78
    assert list(folder.iterdir()) == []


def test_inspect_says_what_is_in_the_files(folder, ca):
    wild = ca.issue(["*.example.test", "example.test"], label="inspect")
    p12 = wild.p12(folder / "w.p12", "long enough secret")
    (folder / "right").write_text("long enough secret\n")
    (folder / "wrong").write_text("something else entirely\n")
    r = certspan("-o", "json", "cert", "inspect", p12, "--passphrase-file", folder / "right")
    assert r.code == 0 and r.json["leaf_sha256"] == wild.sha256 and r.json["has_key"], r
    assert "*.example.test" in r.json["certificates"][0]["dns_names"]
    assert certspan("cert", "inspect", p12, "--passphrase-file", "-", stdin="long enough secret\n").code == 0
    bad = certspan("-o", "json", "cert", "inspect", p12, "--passphrase-file", folder / "wrong")
    assert bad.code == 65 and bad.json["error"]["code"] == "CS_EPASSPHRASE", bad
    cut = folder / "cut.p12"
    cut.write_bytes(pathlib.Path(p12).read_bytes()[:-40])
    assert certspan("cert", "inspect", cut, "--passphrase-file", folder / "right").code == 65


def test_files_that_cannot_be_an_upload_are_refused_by_name(folder):
    (folder / "big").write_bytes(b"x" * (1 << 20) + b"y")
    (folder / "empty").write_bytes(b"")
    for name, code, hint in (("big", 65, "larger than"), ("empty", 65, "empty"), ("none", 66, "no such file"), (".", 65, "no regular file")):
        r = certspan("cert", "inspect", folder / name)
        assert r.code == code and hint in r.err, r
        one_line_and_next(r)


def test_coverage_match_takes_any_host(folder, ca):
    cert = ca.issue(["*.example.test"], label="match")
    r = certspan("-o", "json", "coverage", "match", "--cert", cert.pem, "--",
                 "a.example.test", "", "--yes", "a.b.example.test", "A.EXAMPLE.test.")
    assert [m["covered"] for m in r.json["matches"]] == [True, False, False, False, True], r
    raw = subprocess.run([str(BIN / "certspan"), "-o", "json", "coverage", "match", "--cert", str(cert.pem), "--",
                          b"\xff\xfe.example.test"], capture_output=True)
    assert raw.returncode == 0 and b'"covered": false' in raw.stdout
