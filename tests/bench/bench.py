#!/usr/bin/python3
"""Measures certspan beside its floors, in one run, and writes build/bench.json. Loopback and one temporary folder only.

change:     one imported certificate, from the command's acknowledgement to a handshake that serves it on all three nodes,
            beside the fsync of the same disk.
handshake:  CPU of edge + keyd per full TLS 1.3 handshake, beside an in-memory OpenSSL server and nginx (where installed).
import, inspect, export, chain, list: see README.md of this folder.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/system"))
TICK = os.sysconf("SC_CLK_TCK")
PASS = "bench passphrase"


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def fsync_ms(folder, rounds=100):
    times = []
    with open(folder / "fsync", "wb", buffering=0) as f:
        for _ in range(rounds):
            f.write(bytes(4096))
            start = time.perf_counter()
            os.fsync(f.fileno())
            times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def change(cluster, tool, rounds):
    after_ack, whole, fsyncs = [], [], []
    secret = cluster.root / "secret"
    secret.write_text(PASS + "\n")
    secret.chmod(0o600)
    cert = cluster.ca.issue([f"bench.{cluster.site}"], cn="bench", days=30)
    # one client a node, in C: it starts to shake hands at the acknowledgement
    watches = [subprocess.Popen([tool, "watch", "127.0.0.1", str(n.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for n in cluster.nodes.values()]

    for i in range(rounds + 5):
        new = cluster.ca.issue([f"bench.{cluster.site}"], cn="bench", days=31 + i, same_key=cert.key, label="bench-new")
        path, want = new.p12(cluster.root / "bench.p12", PASS), new.sha256
        if i % 20 == 0:
            fsyncs.append(fsync_ms(cluster.root, 20))
        start = time.monotonic()
        r = cluster.p1.cli("-o", "json", "cert", "import", path, "--passphrase-file", secret)
        acknowledged = time.monotonic()
        for w in watches:
            w.stdin.write(f"bench.{cluster.site} {want}\n")
            w.stdin.flush()
        served = max(float(w.stdout.readline()) for w in watches)
        assert r.code == 0 and r.json["activated"], r
        if i >= 5:
            after_ack.append((served - acknowledged) * 1e3)
            whole.append((served - start) * 1e3)
    for w in watches:
        w.stdin.close()
        w.wait(5)
    fsync = statistics.median(fsyncs)
    p50, p99 = percentile(after_ack, .5), percentile(after_ack, .99)
    aim = 6 * fsync + 5
    print(f"change     ack -> served on 3 nodes: p50 {p50:.1f} ms, p99 {p99:.1f} ms; command -> served: p50 {percentile(whole, .5):.1f} ms; "
          f"fsync p50 {fsync:.2f} ms; aim 6 x fsync + 5 = {aim:.1f} ms: {'reached' if p50 <= aim else 'missed'}")
    return {"rounds": rounds, "ack_to_served_ms": {"p50": p50, "p99": p99}, "command_to_served_ms": {"p50": percentile(whole, .5), "p99": percentile(whole, .99)},
            "fsync_ms_p50": fsync, "aim_ms": aim}


def cpu_of(pids):
    total = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def load(tool, port, sni, in_flight, seconds, pids):
    before = cpu_of(pids)
    r = json.loads(subprocess.run([tool, "load", "127.0.0.1", str(port), sni, str(in_flight), str(seconds)], capture_output=True, text=True, check=True).stdout)
    r["cpu_us"] = (cpu_of(pids) - before) / max(1, r["ops"]) * 1e6
    return r


def nginx(folder, pem, key):
    """pid of the worker and port of an nginx of our own, one worker, or None."""
    from cluster import eventually, free_port, handshake
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    if not os.path.exists(program):
        return None
    port = free_port()
    (folder / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
{"user root;" if os.geteuid() == 0 else ""}
events {{ worker_connections 1024; }}
http {{ access_log off; server {{ listen 127.0.0.1:{port} ssl reuseport; ssl_certificate {pem}; ssl_certificate_key {key};
  ssl_protocols TLSv1.3; ssl_session_cache off; return 200 ok; }} }}
""")
    process = subprocess.Popen([program, "-p", folder, "-c", folder / "nginx.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually(lambda: handshake(port, "bench.test"), what="nginx")
    worker = int(pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
    return process, worker, port


def handshakes(cluster, tool, seconds, rounds):
    cert = cluster.ca.issue([f"hs.{cluster.site}"], label="hs")
    path = cert.p12(cluster.root / "hs.p12", PASS)
    assert cluster.import_p12(path, PASS).code == 0
    cluster.serving(f"hs.{cluster.site}", cert.sha256)
    roles = cluster.p1.roles()
    ours = [pid for role, pid in roles.items() if role == "keyd" or role.startswith("edge")]
    peer = nginx(cluster.root, cert.pem, cert.key)
    rows, floors = {}, []
    try:
        for in_flight in (1, 16):
            best = {"certspan": [], "nginx": []}
            for _ in range(rounds):  # interleaved: the machine's mood is shared
                best["certspan"].append(load(tool, cluster.p1.port, f"hs.{cluster.site}", in_flight, seconds, ours))
                if peer:
                    best["nginx"].append(load(tool, peer[2], f"hs.{cluster.site}", in_flight, seconds, [peer[1]]))
                floors.append(json.loads(subprocess.run([tool, "floor", cert.pem, cert.key, "1", "1500"], capture_output=True, text=True, check=True).stdout)["server_cpu_us"])
            rows[in_flight] = {who: {"cpu_us": statistics.median(r["cpu_us"] for r in rs), "per_s": statistics.median(r["ops"] / r["seconds"] for r in rs), "failed": sum(r["failed"] for r in rs)} for who, rs in best.items() if rs}
    finally:
        if peer:
            peer[0].terminate()
            peer[0].wait(5)
    floor = statistics.median(floors)
    for in_flight, row in rows.items():
        text = f"handshake  {in_flight:2} in flight, P-256, TLS 1.3: certspan (edge + keyd, 1 ticket) {row['certspan']['cpu_us']:.0f} us CPU, {row['certspan']['per_s']:.0f}/s = {row['certspan']['cpu_us'] / floor:.2f} x the in-memory floor ({floor:.0f} us, 1 ticket)"
        if "nginx" in row:
            text += f", {row['certspan']['cpu_us'] / row['nginx']['cpu_us']:.2f} x nginx ({row['nginx']['cpu_us']:.0f} us, 2 tickets)"
        print(text, flush=True)
    return {"floor_us": floor, "in_flight": rows, "aim": "edge + keyd <= 1.6 x floor"}


def import_one(cluster, rounds):
    """One PKCS#12 (P-256, chain of one, 2,048 rounds) from the command's start to its acknowledgement, without a backup."""
    secret = cluster.root / "secret"
    secret.write_text(PASS + "\n")
    secret.chmod(0o600)
    first = cluster.ca.issue([f"import.{cluster.site}"], label="import-key")
    times, starts = [], []
    for i in range(rounds + 3):
        cert = cluster.ca.issue([f"import.{cluster.site}"], days=31 + i, same_key=first.key, label="import")
        path = cert.p12(cluster.root / "import.p12", PASS)
        start = time.perf_counter()
        r = cluster.p1.cli("cert", "import", path, "--passphrase-file", secret)
        times.append((time.perf_counter() - start) * 1e3)
        assert r.code == 0, r
        start = time.perf_counter()
        cluster.p1.cli("version")
        starts.append((time.perf_counter() - start) * 1e3)
    p50, p99 = percentile(times[3:], .5), percentile(times[3:], .99)
    print(f"import     one PKCS#12, end to end, acknowledged by the backup: p50 {p50:.1f} ms, p99 {p99:.1f} ms; of that the command's own start {statistics.median(starts):.1f} ms", flush=True)
    return {"rounds": rounds, "ms": {"p50": p50, "p99": p99}, "command_start_ms": statistics.median(starts)}


def inspect(cluster, count):
    """1,000 files in one command, beside `openssl pkcs12` of a few of them."""
    folder = cluster.root / "inspect"
    folder.mkdir()
    secret = folder / "secret"
    secret.write_text(PASS + "\n")
    cert = cluster.ca.issue([f"inspect.{cluster.site}"], label="inspect")
    raw = cert.p12(folder / "one.p12", PASS).read_bytes()
    paths = []
    for i in range(count):
        paths.append(folder / f"{i}.p12")
        paths[-1].write_bytes(raw)
    from cluster import certspan
    start, calls = time.perf_counter(), 0
    for i in range(0, count, 50):  # one import takes 64 files
        assert certspan("-o", "json", "cert", "inspect", *paths[i:i + 50], "--passphrase-file", secret).code == 0
        calls += 1
    whole = time.perf_counter() - start
    start = time.perf_counter()
    for path in paths[:20]:
        subprocess.run(["openssl", "pkcs12", "-in", path, "-passin", f"pass:{PASS}", "-noout"], check=True, capture_output=True)
    openssl_ms = (time.perf_counter() - start) * 1e3 / 20
    shutil.rmtree(folder)
    print(f"inspect    {count} PKCS#12 in {calls} commands: {whole:.2f} s = {whole * 1e3 / count:.2f} ms a file; openssl pkcs12, a process each: {openssl_ms:.1f} ms a file", flush=True)
    return {"files": count, "seconds": whole, "openssl_ms_a_file": openssl_ms}


def chain(build, folder, leaves, cas):
    """Automatic chains over a large pool, beside openssl verify: one process for all leaves each."""
    folder = folder / "chain"
    folder.mkdir()
    subprocess.run([build / "tests/bench/mint", "pile", folder, str(leaves), str(cas)], check=True)
    paths = [folder / f"leaf-{i}.pem" for i in range(leaves)]

    def seconds(command, files):
        start = time.perf_counter()
        for i in range(0, len(files), 1000):
            r = subprocess.run([*command, *files[i:i + 1000]], capture_output=True, text=True)
            assert r.returncode == 0, r.stderr[-500:]
        return time.perf_counter() - start

    theirs = seconds(["openssl", "verify", "-CAfile", folder / "root.pem", "-untrusted", folder / "pool.pem"], paths[:1000]) / min(1000, leaves) * 1e6
    result = {"leaves": leaves, "cas": cas, "openssl_us": theirs}
    driver = build / "tests/bench/chains"
    if driver.exists():
        r = json.loads(subprocess.run([driver, folder / "root.pem", folder / "pool.pem", folder, str(leaves)], capture_output=True, text=True, check=True).stdout)
        assert r["complete"] == leaves, r
        result["certspan_us"] = r["us"]
        print(f"chain      {leaves} leaves over {cas} CAs: {r['us']:.0f} us each = {r['us'] / theirs:.2f} x openssl verify ({theirs:.0f} us)", flush=True)
    else:
        print(f"chain      {leaves} leaves over {cas} CAs: openssl verify {theirs:.0f} us each; our path builder is not built here", flush=True)
    shutil.rmtree(folder)
    return result


def export(cluster, rounds):
    """cert export as PKCS#12 (600,000 rounds by design) and as PEM of the certificate alone."""
    secret, out = cluster.root / "export-secret", cluster.root / "export.out"
    secret.write_text(PASS + "\n")
    secret.chmod(0o600)
    result = {}
    for name, more in (("p12", ["--include", "certificate,key,chain", "--passphrase-file", secret]), ("pem", ["--format", "pem"])):
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            r = cluster.p1.cli("cert", "export", cluster.wild.id, "--out", out, "--force", *more)
            assert r.code == 0, r
            times.append((time.perf_counter() - start) * 1e3)
        result[name] = {"p50": percentile(times, .5), "p99": percentile(times, .99)}
        print(f"export     {name}: p50 {result[name]['p50']:.1f} ms, p99 {result[name]['p99']:.1f} ms", flush=True)
    return result


def resident_mb(pid):
    return next(int(line.split()[1]) for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS")) / 1024


def listing(build, folder, count):
    """A primary whose store holds COUNT certificates: the first page of the list, and what admin's memory grew by."""
    from cluster import Node, eventually
    node = Node(folder, "big", "primary").init().start()
    before = resident_mb(node.roles()["admin"])
    node.stop()
    start = time.perf_counter()
    subprocess.run([build / "tests/bench/mint", "store", node.state / "state", str(count)], check=True)
    minted = time.perf_counter() - start
    try:
        start = time.perf_counter()
        node.start(wait=False)
        eventually(lambda: node.json("cert", "list")["certs"], timeout=180, every=1, what="the list")
        ready = time.perf_counter() - start

        def page(path, rounds=20):
            times = []
            for _ in range(rounds):
                at = time.perf_counter()
                out = subprocess.run(["curl", "-sS", "--fail", "--unix-socket", node.runtime / "api.sock", f"http://x{path}"], capture_output=True, check=True).stdout
                times.append((time.perf_counter() - at) * 1e3)
            return statistics.median(times), len(json.loads(out)["certs"]), len(out)

        floor = page_floor(node)
        ms, rows, size = page("/v1/certs?limit=100")
        command = []
        for _ in range(5):
            at = time.perf_counter()
            assert node.cli("cert", "list").code == 0
            command.append((time.perf_counter() - at) * 1e3)
        after = resident_mb(node.roles()["admin"])
    finally:
        node.stop()
    print(f"list       {count} certificates: first page of {rows} in {ms:.1f} ms (an empty request {floor:.1f} ms, aim < 50), `cert list` {statistics.median(command):.0f} ms; "
          f"admin {before:.0f} -> {after:.0f} MB = {(after - before) * 1024 / count:.2f} KB a certificate; first answer {ready:.1f} s after the start", flush=True)
    return {"count": count, "first_page_ms": ms, "floor_ms": floor, "rows": rows, "bytes": size, "command_ms": statistics.median(command), "admin_mb": {"before": before, "after": after},
            "ready_s": ready, "mint_s": minted, "aim_ms": 50}


def page_floor(node):
    times = []
    for _ in range(20):
        at = time.perf_counter()
        subprocess.run(["curl", "-sS", "--unix-socket", node.runtime / "api.sock", "http://x/v1/version"], capture_output=True, check=True)
        times.append((time.perf_counter() - at) * 1e3)
    return statistics.median(times)


PARTS = ["handshake", "change", "import", "inspect", "export", "chain", "list"]  # the first five on one cluster of three


def on_cluster(cluster, build, args, parts, result):
    from cluster import SITE
    from pki import CA
    cluster.primary(workers=1)  # as the peers: one worker
    cluster.join("b1", "backup")
    cluster.join("t1", "traffic")
    cluster.in_sync()
    cluster.site, cluster.ca = SITE, CA(cluster.root / "pki")
    cluster.wild = wild = cluster.ca.issue([f"*.{SITE}", SITE])
    assert cluster.import_p12(wild.p12(cluster.root / "w.p12", PASS), PASS).code == 0
    cluster.p1.ok("default", "set", wild.id)
    cluster.in_sync()
    run = {"handshake": lambda: handshakes(cluster, build / "tests/bench/tlsload", args.seconds, 5), "change": lambda: change(cluster, build / "tests/bench/tlsload", args.rounds),
           "import": lambda: import_one(cluster, args.rounds // 2), "inspect": lambda: inspect(cluster, 1000), "export": lambda: export(cluster, 10)}
    for part in parts:
        if part in run:
            result[part] = run[part]()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--count", type=int, default=100_000, help="certificates of list")
    parser.add_argument("--only", help="parts with commas between: " + ",".join(PARTS))
    args = parser.parse_args()
    parts = args.only.split(",") if args.only else PARTS
    if set(parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(set(parts) - set(PARTS))}; there are {', '.join(PARTS)}")
    build = pathlib.Path(args.build).resolve()
    os.environ["CERTSPAN_BIN"] = str(build / "bin")
    from cluster import Cluster
    folder = pathlib.Path(tempfile.mkdtemp(prefix="certspan-bench-"))
    cluster, result = Cluster(folder), {"version": (ROOT / "VERSION").read_text().strip(), "cpus": os.cpu_count()}
    try:
        if set(parts) & set(PARTS[:5]):
            on_cluster(cluster, build, args, parts, result)
            cluster.close()
        if "chain" in parts:
            result["chain"] = chain(build, folder, 10_000, 2_000)
        if "list" in parts:
            result["list"] = listing(build, folder, args.count)
    finally:
        cluster.close()
        shutil.rmtree(folder, ignore_errors=True)
    (ROOT / "build/bench.json").write_text(json.dumps(result, indent=1) + "\n")
    print("written: build/bench.json")


if __name__ == "__main__":
    main()
