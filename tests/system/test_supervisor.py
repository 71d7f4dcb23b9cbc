"""certspand with stand-ins for its roles: their lives, wiring, crashes, reloads and stops."""
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CERTSPAN_BUILD", ROOT / "build" / "release"))
if not BUILD.is_absolute():
    BUILD = ROOT / BUILD
CERTSPAND = BUILD / "bin" / "certspand"
ROLES = ["keyd", "replicator", "edge", "prober", "admin", "import"]
IS_ROOT = os.geteuid() == 0


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(check, seconds=8.0, what="condition"):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = check()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} not met in {seconds} s")


@pytest.fixture(scope="module")
def libexec():
    """The stand-in under the name of each role, built against the same libproto as the real ones."""
    folder = Path(tempfile.mkdtemp(prefix="certspan-fake-"))
    folder.chmod(0o755)
    program = folder / "fake"
    flags = ["-fsanitize=address,undefined"] if "asan" in BUILD.name else []
    subprocess.run(["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-g", *flags, "-I", ROOT, "-I", BUILD / "gen", "-o", program,
                    ROOT / "tests/system/fake_role.c", BUILD / "libproto.a", "-lprotobuf-c", "-lsodium"], check=True)
    for role in ROLES:
        shutil.copy(program, folder / f"certspan-{role}")
    yield folder
    shutil.rmtree(folder)


class Node:
    def __init__(self, folder, libexec):
        self.dir, self.libexec, self.process = folder, libexec, None
        self.port, self.second_port = free_port(), free_port()
        self.fake = folder / "fake"
        self.state, self.run = folder / "data", folder / "run"
        self.fake.mkdir(mode=0o777)
        self.fake.chmod(0o777)
        (self.fake / "events").touch()
        (self.fake / "events").chmod(0o666)  # each role may be a user of its own
        (self.state / "state").mkdir(parents=True)
        for name in ("state/data.mdb", "state/lock.mdb", "replicator.key", "keyd.key"):
            (self.state / name).touch()
        self.config = folder / "certspan.yaml"
        self.write()

    def write(self, extra="log: {level: info}\n", **edge):
        listen = edge.get("listen", f'["127.0.0.1:{self.port}", "127.0.0.1:{self.second_port}"]')
        self.config.write_text(f"node: {{name: p1}}\nstore: {{directory: data}}\nruntime-directory: run\n"
                               f"edge:\n  listen: {listen}\n  workers: 2\n{extra}")

    def command(self, *more):
        return [CERTSPAND, "--config", self.config, "--libexec", self.libexec, *more]

    def environment(self, **more):
        return {**os.environ, "CERTSPAN_FAKE_DIR": str(self.fake), **more}

    def start(self, wait=True, **env):
        self.log = open(self.dir / "log", "wb")
        self.process = subprocess.Popen(self.command(), stderr=self.log, env=self.environment(**env))
        if wait:
            until(lambda: "ready: 6 of 6 roles are up" in self.logged(), what="ready")
        return self

    def refused(self, *more):
        """A start that ends by itself: (exit code, what it said)."""
        done = subprocess.run(self.command(*more), capture_output=True, text=True, env=self.environment(), timeout=10)
        return done.returncode, done.stderr

    def logged(self):
        return (self.dir / "log").read_text(errors="replace")

    def events(self, role=None, kind=None):
        path = self.fake / "events"
        rows = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        rows = [(r[0], int(r[1]), int(r[2]), r[3], r[4], int(r[5])) for r in rows]
        return [r for r in rows if (role is None or r[0] == role) and (kind is None or r[3] == kind)]

    def pid(self, role, index=0):
        return [e for e in self.events(role, "start") if e[1] == index][-1][2]

    def alive(self):
        """Roles of this node that still run."""
        found = []
        for _, _, pid, _, _, _ in self.events(kind="start"):
            try:  # not through exe: a role that is not dumpable hides it from its own user
                name, state = Path(f"/proc/{pid}/stat").read_text().split("(", 1)[1].split(") ", 1)
            except OSError:
                continue
            if name.startswith("certspan-") and state[0] != "Z":
                found.append(pid)
        return found

    def hurt(self, manner, role):
        (self.fake / f"{manner}-{role}").touch()

    def heal(self, manner, role):
        (self.fake / f"{manner}-{role}").unlink()

    def connect(self, port=None):
        s = socket.create_connection(("127.0.0.1", port or self.port), timeout=5)
        f = s.makefile("rwb", buffering=0)
        _, index, pid = f.readline().split()
        return f, int(index), int(pid)

    def stop(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        return self.process.wait(timeout=8)


@pytest.fixture
def node(libexec):
    folder = Path(tempfile.mkdtemp(prefix="certspan-sup-"))
    folder.chmod(0o755)
    n = Node(folder, libexec)
    yield n
    if n.process and n.process.poll() is None:
        n.process.kill()
        n.process.wait()
    shutil.rmtree(folder)


def test_every_role_starts_and_the_stop_is_clean(node):
    node.start()
    assert {(e[0], e[1]) for e in node.events(kind="start")} == {
        ("keyd", 0), ("replicator", 0), ("edge", 0), ("edge", 1), ("prober", 0), ("admin", 0)}
    began = time.monotonic()
    assert node.stop() == 0
    assert time.monotonic() - began < 2.5, "nobody waits out its drain time for nothing"
    assert node.alive() == []
    assert not (node.run / "api.sock").exists()
    stops = [e[0] for e in node.events(kind="stop")]
    assert set(stops[-2:]) == {"keyd", "replicator"}, "those that serve clients stop first"


def test_channels_reach_the_right_peer(node):
    node.start()
    heard = lambda: {(e[0], e[1], e[4]) for e in node.events(kind="heard")}
    wanted = {("keyd", 0, "edge.0"), ("keyd", 0, "edge.1"), ("keyd", 0, "replicator.0"), ("edge", 0, "keyd.0"),
              ("edge", 1, "keyd.0"), ("replicator", 0, "keyd.0"), ("replicator", 0, "admin.0"),
              ("replicator", 0, "prober.0"), ("admin", 0, "replicator.0"), ("prober", 0, "replicator.0"),
              ("keyd", 0, "admin.0"), ("admin", 0, "keyd.0")}
    until(lambda: heard() == wanted, what=f"{wanted ^ heard()}")
    assert [(e[1], e[5]) for e in node.events("edge", "fd") if e[4] == "listen" and e[1] == 1] == [(1, 0), (1, 1)]
    assert [e[5] for e in node.events("keyd", "fd") if e[4] == "edge"] == [0, 1]


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_as_root_each_role_has_its_own_user(node):
    node.start()
    uids = {e[0]: e[5] for e in node.events(kind="start")}
    assert 0 not in uids.values() and len(set(uids.values())) == 5
    status = Path(f"/proc/{node.pid('keyd')}/status").read_text()
    assert "CapEff:\t0000000000000000" in status and "CapPrm:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    mode = lambda p: stat.S_IMODE((node.state / p).stat().st_mode)
    owner = lambda p: (node.state / p).stat().st_uid
    assert mode(".") == 0o711 and owner(".") == 0
    assert mode("state") == 0o2750 and owner("state") == uids["replicator"]
    assert mode("serving") == 0o2750 and owner("serving") == uids["replicator"]
    assert mode("state/data.mdb") == 0o640 and mode("state/lock.mdb") == 0o660
    assert mode("keyd.key") == 0o600 and owner("keyd.key") == uids["keyd"]
    assert mode("replicator.key") == 0o600 and owner("replicator.key") == uids["replicator"]
    assert stat.S_IMODE((node.run / "door.sock").stat().st_mode) == 0o600


def test_a_role_gets_no_descriptor_and_no_environment_that_it_should_not_have(node):
    node.start(CERTSPAN_TEST="kept", SECRET="dropped", LD_LIBRARY_PATH="/nowhere")
    environ = Path(f"/proc/{node.pid('admin')}/environ")
    if IS_ROOT:
        text = environ.read_bytes()
        assert b"CERTSPAN_TEST=kept" in text and b"SECRET" not in text and b"LD_LIBRARY" not in text
        held = {os.readlink(p) for p in Path(f"/proc/{node.pid('keyd')}/fd").iterdir()}
        assert not [h for h in held if "lock" in h or "signalfd" in h or "certspan.yaml" in h]


def test_a_crashed_role_comes_back_and_the_others_keep_their_connections(node):
    node.start()
    conns = [node.connect() for _ in range(16)]
    assert {c[1] for c in conns} == {0, 1}, "both workers accept"
    victim = node.pid("edge", 0)
    held = next(c for c in conns if c[1] == 1)
    os.kill(victim, signal.SIGKILL)
    until(lambda: node.pid("edge", 0) != victim, what="a new edge 0")
    held[0].write(b"still here\n")
    assert held[0].readline() == b"still here\n"
    assert "edge 0 (pid %d) ended: killed by signal 9 (Killed); it starts again in 100 ms, restart 1" % victim in node.logged()
    until(lambda: [e for e in node.events("admin", "role") if e[4] == "edge.0:1:up"], what="admin hears of it")
    fresh = [e for e in node.events("keyd", "fd") if e[4] == "edge" and e[5] == 0]
    assert len(fresh) == 2, "keyd has a fresh channel to it"


def test_no_connection_is_refused_while_an_edge_is_down(node):
    node.start()
    for index in (0, 1):
        node.hurt("crash", "edge")
        os.kill(node.pid("edge", index), signal.SIGKILL)
    waiting = [socket.create_connection(("127.0.0.1", node.port), timeout=8) for _ in range(8)]
    node.heal("crash", "edge")
    for s in waiting:
        assert s.makefile("rb").readline().startswith(b"edge ")


def test_when_keyd_comes_back_all_its_peers_are_told(node):
    node.start()
    before = len(node.events(kind="fd"))
    os.kill(node.pid("keyd"), signal.SIGKILL)
    fresh = lambda: {(e[0], e[1]) for e in node.events(kind="fd")[before:] if e[4] == "keyd"}
    until(lambda: fresh() == {("edge", 0), ("edge", 1), ("replicator", 0), ("admin", 0)}, what="fresh channels")
    until(lambda: len([e for e in node.events(kind="lost") if e[4] == "keyd"]) == 4, what="old ones closed")


def test_back_off_doubles(node):
    node.hurt("crash", "prober")
    node.start(wait=False)
    until(lambda: len(node.events("prober", "start")) >= 5, what="five tries")
    waits = re.findall(r"prober \(pid \d+\) ended: exit 3; it starts again in (\d+) ms", node.logged())
    assert waits[:4] == ["100", "200", "400", "800"]
    node.heal("crash", "prober")
    until(lambda: "ready: 6 of 6" in node.logged(), what="healed")


def test_a_role_that_never_gets_ready_is_killed_and_the_rest_serves(node):
    node.hurt("mute", "prober")
    node.start(wait=False)
    until(lambda: "prober did not become ready in 10 s; it is killed" in node.logged(), 13, "the verdict")
    until(lambda: "only 5 of 6 roles came up" in node.logged(), what="said")
    assert node.connect()[1] in (0, 1)


def test_roles_end_when_the_supervisor_is_killed(node):
    node.start()
    assert len(node.alive()) == 6
    node.process.kill()
    node.process.wait()
    until(lambda: node.alive() == [], 2, "no role left")
    node.start()  # and nothing of the old run is in the way
    assert node.stop() == 0


def test_stubborn_roles_are_killed_within_five_seconds(node):
    node.hurt("stubborn", "edge")
    node.start()
    began = time.monotonic()
    assert node.stop() == 0
    assert 3 < time.monotonic() - began < 5.2
    assert node.alive() == []
    assert "edge 0 did not stop in time; it is killed" in node.logged()


def test_sigint_stops_too(node):
    node.start()
    assert node.stop(signal.SIGINT) == 0


def test_sighup_takes_a_good_file_and_keeps_the_old_one_for_a_bad_one(node):
    node.start()
    node.write("log: {level: debug}\n")
    node.process.send_signal(signal.SIGHUP)
    until(lambda: {(e[0], e[5]) for e in node.events(kind="config")} == {
        (r, 7) for r in ("keyd", "replicator", "edge", "prober", "admin")}, what="CONFIG at every role")
    count = len(node.events(kind="config"))
    node.write("log: {lvel: info}\n")
    node.process.send_signal(signal.SIGHUP)
    until(lambda: "certspan.yaml:7:7 log.lvel: unknown key, did you mean level?" in node.logged(), what="the complaint")
    assert "the configuration stays as it was" in node.logged()
    assert {e[5] for e in node.events(kind="config")[count:]} <= {7}
    node.write("log: {level: info}\n", listen=f'["127.0.0.1:{free_port()}"]')
    node.process.send_signal(signal.SIGHUP)
    until(lambda: "edge.listen changed in the file; that takes effect when certspand is restarted" in node.logged(), what="said")
    assert node.connect()[1] in (0, 1), "it still listens where it did"


def test_a_second_instance_is_refused(node):
    node.start()
    code, said = node.refused()
    assert code == 75 and "another certspand runs" in said and "next: " in said
    assert node.connect()[1] in (0, 1)


def test_a_port_in_use_is_refused(node):
    with socket.socket() as s:
        s.bind(("127.0.0.1", node.port))
        s.listen()
        code, said = node.refused()
    assert code == 73
    assert f"edge.listen: cannot listen on 127.0.0.1:{node.port}: Address already in use" in said and "\nnext: " in said
    assert node.alive() == []


def test_the_replication_port_is_checked_before_anything_starts(node):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        node.write(f'replication: {{listen: "127.0.0.1:{port}"}}\n')
        code, said = node.refused()
    assert code == 73 and f"replication.listen: cannot listen on 127.0.0.1:{port}: Address already in use" in said


def test_an_address_of_another_host_is_refused(node):
    node.write(listen='["192.0.2.7:8443"]')
    code, said = node.refused()
    assert code == 78 and "192.0.2.7:8443: Cannot assign requested address" in said
    assert "next: give an address of this host" in said


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists() or not Path("/proc/net/if_inet6").read_text(), reason="needs IPv6")
def test_ipv6_and_ipv4_can_share_a_port(node):
    node.write(listen=f'["0.0.0.0:{node.port}", "[::]:{node.port}"]')
    node.start()
    assert node.connect()[1] in (0, 1)
    with socket.create_connection(("::1", node.port), timeout=5) as s:
        assert s.makefile("rb").readline().startswith(b"edge ")


def test_a_port_of_another_node_is_refused_too(node, libexec):
    node.start()
    folder = Path(tempfile.mkdtemp(prefix="certspan-sup-"))
    folder.chmod(0o711)
    other = Node(folder, libexec)
    other.port = node.port
    other.write()
    code, said = other.refused()
    shutil.rmtree(folder)
    assert code == 73 and "Address already in use" in said


def test_without_a_store_it_says_what_to_do(node):
    (node.state / "state/data.mdb").unlink()
    code, said = node.refused()
    assert code == 66 and "there is no node here yet" in said and "next: certspan init" in said


@pytest.mark.skipif(IS_ROOT, reason="root may write anywhere")
def test_a_folder_that_is_not_writable_is_refused(node):
    node.state.chmod(0o555)
    code, said = node.refused()
    node.state.chmod(0o755)
    assert code == 77 and "cannot write here" in said and "next: " in said


@pytest.mark.skipif(not IS_ROOT, reason="needs root to become somebody else")
def test_a_folder_of_somebody_else_is_refused(node):
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *map(str, node.command())],
                          capture_output=True, text=True, env=node.environment(), timeout=10)
    assert done.returncode == 77 and "run: cannot make this folder: Permission denied" in done.stderr
    assert "next: start as root" in done.stderr
    node.run.mkdir()
    os.chown(node.run, 65534, 65534)
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *map(str, node.command())],
                          capture_output=True, text=True, env=node.environment(), timeout=10)
    assert done.returncode == 77 and "data: cannot write here: Permission denied" in done.stderr


def test_a_wrong_configuration_ends_78(node):
    node.write("log: {lvel: info}\n")
    code, said = node.refused()
    assert code == 78 and f"{node.config}:7:7 log.lvel: unknown key, did you mean level?" in said
    assert node.refused("--check-config")[0] == 78
    node.write()
    assert node.refused("--check-config")[0] == 0
    node.config.unlink()
    code, said = node.refused()
    assert code == 78 and "No such file" in said and "next: certspan config example" in said


def test_unknown_options_end_64():
    for args in (["--nonsense"], [], ["--config", "x", "more"], ["--config", "x", "--uid-base", "0"]):
        done = subprocess.run([CERTSPAND, *args], capture_output=True, text=True)
        assert done.returncode == 64 and "next: certspand --help" in done.stderr, args
    done = subprocess.run([CERTSPAND, "--version"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("certspand ")


def door(node):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(5)
    s.connect(str(node.run / "door.sock"))
    return s


def test_the_door_starts_one_import_a_connection(node):
    node.start()
    for _ in range(12):
        with door(node) as s:
            assert s.makefile("rb").readline() == b"welcome\n"
    indices = [e[1] for e in node.events("import", "start")]
    assert indices == list(range(1, 13))
    until(lambda: ("keyd", "import.12") in {(e[0], e[4]) for e in node.events(kind="heard")}, what="keyd hears it")
    until(lambda: ("admin", "import.12") in {(e[0], e[4]) for e in node.events(kind="heard")}, what="admin hears it")


def test_an_import_that_dies_is_logged_and_its_client_hears_the_end(node):
    node.start()
    node.hurt("crash", "import")
    with door(node) as s:
        assert s.makefile("rb").readline() == b""
    until(lambda: "import 1 was killed by signal 6 (Aborted); nothing of its upload was taken" in node.logged(), what="said")


def test_systemd_hears_of_start_stop_and_life(node):
    path = node.dir / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(path))
        s.settimeout(5)
        node.start(NOTIFY_SOCKET=str(path), WATCHDOG_USEC="400000")
        heard = {s.recv(200).split(b"\n")[0] for _ in range(4)}
        assert heard == {b"READY=1", b"WATCHDOG=1"}
        node.process.terminate()
        assert b"STOPPING=1" in until(lambda: (lambda m: m if b"STOPPING" in m else None)(s.recv(200)))
        assert node.process.wait(5) == 0
