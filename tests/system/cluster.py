"""Real nodes for the system tests: every node is a certspand process group of its own on free loopback ports."""
import hashlib
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import time

BIN = pathlib.Path(os.environ.get("CERTSPAN_BIN", "build/release/bin")).resolve()
SITE = "access.example.test"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Run:
    """What one command did."""

    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    @property
    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"exit {self.code}\nstdout: {self.out}\nstderr: {self.err}"


def certspan(*args, stdin=None, env=None, timeout=60):
    # its own session: no terminal, so nothing can prompt
    done = subprocess.run([str(BIN / "certspan"), *map(str, args)], input=stdin, text=True, capture_output=True, timeout=timeout,
                          env=dict(os.environ, NO_COLOR="1", **(env or {})), start_new_session=True)
    return Run(done)


def handshake(port, sni, *, timeout=5, version=None, ciphers=None):
    """SHA-256 of the leaf that a real client gets; raises OSError (ssl.SSLError too) when there is no handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if version:
        context.minimum_version = context.maximum_version = version
    if ciphers:
        context.set_ciphers(ciphers)
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as raw:
        with context.wrap_socket(raw, server_hostname=sni) as tls:
            return hashlib.sha256(tls.getpeercert(binary_form=True)).hexdigest()


def eventually(check, *, timeout=15, every=0.05, what="the condition"):
    """The first true value of CHECK; fails with its last value or error."""
    end, last = time.monotonic() + timeout, None
    while time.monotonic() < end:
        try:
            last = check()
            if last:
                return last
        except (OSError, AssertionError, ValueError, KeyError) as e:
            last = e
        time.sleep(every)
    raise AssertionError(f"{what} did not come true in {timeout} s; last: {last!r}")


class Node:
    def __init__(self, root, name, role, public=None):
        self.name, self.role, self.dir = name, role, pathlib.Path(root) / name
        self.dir.mkdir(mode=0o711)
        self.public = public or f"{name}.{SITE}"
        self.config, self.state, self.runtime = self.dir / "certspan.yaml", self.dir / "state", self.dir / "run"
        self.port, self.internal = free_port(), f"127.0.0.1:{free_port()}"
        self.log, self.process = self.dir / "log", None

    def places(self):
        return ["--config", self.config, "--state", self.state, "--runtime", self.runtime, "--edge-listen", f"127.0.0.1:{self.port}"]

    def cli(self, *args, **more):
        return certspan("--config", self.config, *args, **more)

    def ok(self, *args, **more):
        r = self.cli(*args, **more)
        assert r.code == 0, f"certspan {' '.join(map(str, args))}: {r!r}\n{self.tail()}"
        return r

    def json(self, *args, **more):
        return self.ok("-o", "json", *args, **more).json

    def init(self):
        r = certspan("init", "--site", SITE, "--name", self.name, "--public", self.public, "--internal", self.internal, *self.places())
        assert r.code == 0, r
        return self

    def start(self, wait=True):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(BIN / "certspand"), "--config", str(self.config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        if wait:
            eventually(lambda: self.cli("status", "--local", "-o", "json").code == 0, what=f"{self.name} answers")
        return self

    def tail(self, lines=40):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def stop(self, timeout=8):
        if self.process is None:
            return None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout)
        self.process = None
        return code

    def roles(self):
        """pid by role name ("edge" has several: edge0, edge1 ...), from /proc: children of the supervisor."""
        found, edges = {}, 0
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in children:
            try:
                name = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode().split("certspan-")[-1]
            except OSError:
                continue
            if name == "edge":
                name, edges = f"edge{edges}", edges + 1
            found[name] = int(pid)
        return found

    def kill9(self):
        """Every process of this node at once, each by its id."""
        if self.process is None:
            return
        for pid in [self.process.pid, *self.roles().values()]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(5)
        self.process = None

    def served(self, sni, **more):
        return handshake(self.port, sni, **more)


class Cluster:
    """p1 primary, b1 backup, t1 traffic node."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.root.chmod(0o711)
        self.nodes = {}

    def __getattr__(self, name):
        try:
            return self.__dict__["nodes"][name]
        except KeyError:
            raise AttributeError(name) from None

    def primary(self, name="p1", workers="auto"):
        node = self.nodes[name] = Node(self.root, name, "primary").init()
        node.config.write_text(node.config.read_text().replace("workers: auto", f"workers: {workers}"))
        return node.start()

    def token(self, node, *more):
        internal = ["--internal", node.internal] if node.role == "backup" else []
        return self.p1.json("node", "token", "create", "--role", node.role, "--name", node.name, "--public", node.public, *internal, *more)["token"]

    def join(self, name, role, public=None, start=True):
        node = self.nodes[name] = Node(self.root, name, role, public)
        r = certspan("join", "-", *node.places(), stdin=self.token(node) + "\n")
        assert r.code == 0, f"{r!r}\n{self.p1.tail()}"
        return node.start() if start else node

    def three(self):
        self.primary()
        self.join("b1", "backup")
        self.join("t1", "traffic")
        self.in_sync()
        return self

    def in_sync(self, timeout=20):
        def check():
            s = self.p1.json("status")
            return s["state"] == "in-sync" and s
        return eventually(check, timeout=timeout, what="all nodes in sync")

    def import_p12(self, path, passphrase, *more, node=None):
        secret = self.root / "passphrase"
        secret.write_text(passphrase + "\n")
        secret.chmod(0o600)
        return (node or self.p1).cli("-o", "json", "cert", "import", path, "--passphrase-file", secret, *more)

    def serving(self, sni, sha256, nodes=None, timeout=10):
        for node in nodes or self.nodes.values():
            eventually(lambda: node.served(sni) == sha256, timeout=timeout, what=f"{node.name} serves {sha256[:16]} for {sni}")

    def close(self):
        for node in self.nodes.values():
            try:
                node.stop()
            except subprocess.TimeoutExpired:
                node.kill9()
