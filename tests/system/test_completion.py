"""completion and manual pages: both come from the command table."""
import os
import pathlib
import shutil
import subprocess

import pytest

from cluster import BIN, certspan

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def shell(words, **env):
    """What bash would offer for the last of WORDS."""
    script = f"""source <(certspan completion bash)
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _certspan; printf '%s\\n' "${{COMPREPLY[@]}}" """
    r = subprocess.run(["bash", "-c", script, "bash", "certspan", *words], text=True, capture_output=True, start_new_session=True,
                       env=dict(os.environ, PATH=f"{BIN}:{os.environ['PATH']}", **env))
    assert r.returncode == 0 and r.stderr == "", r
    return r.stdout.split()


def test_verbs_flags_and_values():
    assert {"init", "status", "cert", "support"} <= set(shell([""]))
    assert shell(["sta"]) == ["status"]
    assert {"import", "list", "show"} <= set(shell(["cert", ""]))
    assert shell(["node", "token", ""]) == ["create"]
    assert shell(["node", "token", "create", "--ro"]) == ["--role"]
    assert shell(["node", "token", "create", "--role", ""]) == ["backup", "traffic"]
    assert shell(["-o", ""]) == ["table", "wide", "json"]
    assert shell(["-o", "json", "supp"]) == ["support"]
    assert "--dry-run" in shell(["cert", "import", "--"])
    assert shell(["completion", ""]) == ["bash", "zsh"]
    assert shell(["help", "default", "s"]) == ["show", "set"]


def test_no_daemon_is_no_noise(folder):
    assert shell(["--config", str(folder / "none.yaml"), "cert", "show", ""]) == []


def test_ids_nodes_and_settings_come_from_the_daemon(shared):
    config = ["--config", str(shared.p1.config)]
    assert shared.wild.id in shell([*config, "cert", "show", ""])
    assert set(shell([*config, "node", "show", ""])) == {"p1", "b1", "t1"}
    assert "t1" in shell(["explain", "--node", ""], CERTSPAN_CONFIG=str(shared.p1.config))
    names = {s["name"] for s in shared.p1.json("setting", "list")["settings"]}
    assert set(shell([*config, "setting", "get", ""])) == names


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_takes_it(folder):
    script = "autoload -Uz compinit && compinit -u -d $1/dump && source <(certspan completion zsh) && print $_comps[certspan]"
    r = subprocess.run(["zsh", "-f", "-c", script, "zsh", str(folder)], text=True, capture_output=True, env=dict(os.environ, PATH=f"{BIN}:{os.environ['PATH']}"))
    assert r.stdout.strip() == "_certspan" and r.returncode == 0, r


def test_manual_pages():
    page = certspan("help", "--man").out
    assert (ROOT / "deploy/man/certspan.1").read_text() == page, "run make man"
    for line in certspan("help").out.splitlines():
        if line.startswith("  ") and not line.strip().startswith("-"):
            assert ".Ss " + line.split()[0] in page
    keys = {line.lstrip("# ").split(":")[0].strip() for line in certspan("config", "example").out.splitlines() if ":" in line and not line.startswith("# ")}
    config_page = (ROOT / "deploy/man/certspan.yaml.5").read_text()
    assert all(k in config_page for k in keys if k.isidentifier()), keys


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
@pytest.mark.parametrize("page", ["certspan.1", "certspand.8", "certspan.yaml.5"])
def test_mandoc_has_no_complaint(page):
    r = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", str(ROOT / "deploy/man" / page)], text=True, capture_output=True)
    assert r.returncode == 0 and r.stdout == "", r.stdout
