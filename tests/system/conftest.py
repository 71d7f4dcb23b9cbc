import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import Cluster, SITE  # noqa: E402
from pki import CA  # noqa: E402


def scratch(name):
    # short: a unix socket's path has 108 bytes; not pytest's tmp_path, which other users cannot enter
    path = pathlib.Path(tempfile.mkdtemp(prefix=f"certspan-{name}-"))
    path.chmod(0o711)
    return path


@pytest.fixture(scope="session")
def ca():
    path = scratch("ca")
    yield CA(path)
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def folder():
    path = scratch("t")
    yield path
    shutil.rmtree(path, ignore_errors=True)


def running(name):
    path = scratch(name)
    cluster = Cluster(path)
    try:
        yield cluster
    finally:
        cluster.close()
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def cluster():
    """An empty cluster of its own: call primary(), join() or three()."""
    yield from running("c")


@pytest.fixture(scope="module")
def shared():
    """Three nodes that serve a wildcard as default; for tests that leave them as they were."""
    for c in running("s"):
        c.three()
        path = c.root / "pki"
        c.ca = CA(path, "Shared CA")
        c.wild = c.ca.issue([f"*.{SITE}", SITE], label="wild")
        r = c.import_p12(c.wild.p12(path / "wild.p12", "correct horse battery"), "correct horse battery")
        assert r.code == 0, r
        c.p1.ok("default", "set", c.wild.id)
        c.serving(SITE, c.wild.sha256)
        c.in_sync()
        yield c
