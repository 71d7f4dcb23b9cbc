"""make install: programs, manual pages, completions, API description and sample configuration, where DESTDIR and PREFIX say."""
import pathlib
import subprocess

from cluster import BIN

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def test_an_installed_tree_works(folder):
    build = BIN.parent
    r = subprocess.run(["make", "-s", "install", f"DESTDIR={folder}", "PREFIX=/usr", f"VARIANT={build.name}", f"B={build.relative_to(ROOT)}"], cwd=ROOT, text=True, capture_output=True)
    assert r.returncode == 0, r
    usr = folder / "usr"
    for name in ("share/man/man1/certspan.1", "share/man/man5/certspan.yaml.5", "share/man/man8/certspand.8", "share/certspan/openapi.yaml",
                 "share/certspan/certspan.yaml", "share/bash-completion/completions/certspan", "share/zsh/site-functions/_certspan", "libexec/certspan/certspan-keyd"):
        assert (usr / name).stat().st_size > 0, name
    said = subprocess.run([usr / "bin/certspan", "version"], text=True, capture_output=True, check=True).stdout
    assert said == f"certspan {(ROOT / 'VERSION').read_text().strip()}\n"
    check = subprocess.run([usr / "sbin/certspand", "--config", usr / "share/certspan/certspan.yaml", "--check-config"], text=True, capture_output=True)
    assert check.returncode == 0, check
