#!/usr/bin/python3
"""Measures certspan beside its floors, in one run, and writes build/bench.json. Loopback and one temporary folder only.

change:     one imported certificate, from the command's acknowledgement to a handshake that serves it on all three nodes,
            beside the fsync of the same disk.
handshake:  CPU of edge + keyd per full TLS 1.3 handshake, beside an in-memory OpenSSL server and nginx (where installed).
"""
import argparse
import concurrent.futures
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


def change(cluster, rounds):
    from cluster import handshake
    after_ack, whole, fsyncs = [], [], []
    secret = cluster.root / "secret"
    secret.write_text(PASS + "\n")
    secret.chmod(0o600)
    cert = cluster.ca.issue([f"bench.{cluster.site}"], cn="bench", days=30)
    pool = concurrent.futures.ThreadPoolExecutor(3)

    def until_served(node, want):
        while handshake(node.port, f"bench.{cluster.site}") != want:
            pass
        return time.perf_counter()

    for i in range(rounds + 5):
        new = cluster.ca.issue([f"bench.{cluster.site}"], cn="bench", days=31 + i, same_key=cert.key, label="bench-new")
        path, want = new.p12(cluster.root / "bench.p12", PASS), new.sha256
        if i % 20 == 0:
            fsyncs.append(fsync_ms(cluster.root, 20))
        start = time.perf_counter()
        r = cluster.p1.cli("-o", "json", "cert", "import", path, "--passphrase-file", secret)
        acknowledged = time.perf_counter()
        assert r.code == 0 and r.json["activated"], r
        served = max(pool.map(lambda n: until_served(n, want), cluster.nodes.values()))
        if i >= 5:
            after_ack.append((served - acknowledged) * 1e3)
            whole.append((served - start) * 1e3)
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=1.5)
    args = parser.parse_args()
    build = pathlib.Path(args.build).resolve()
    os.environ["CERTSPAN_BIN"] = str(build / "bin")
    from cluster import SITE, Cluster
    from pki import CA
    folder = pathlib.Path(tempfile.mkdtemp(prefix="certspan-bench-"))
    cluster, result = Cluster(folder), {"version": (ROOT / "VERSION").read_text().strip(), "cpus": os.cpu_count()}
    try:
        cluster.three()
        cluster.site, cluster.ca = SITE, CA(folder / "pki")
        wild = cluster.ca.issue([f"*.{SITE}", SITE])
        assert cluster.import_p12(wild.p12(folder / "w.p12", PASS), PASS).code == 0
        cluster.p1.ok("default", "set", wild.id)
        cluster.in_sync()
        result["handshake"] = handshakes(cluster, build / "tests/bench/tlsload", args.seconds, 5)
        result["change"] = change(cluster, args.rounds)
    finally:
        cluster.close()
        shutil.rmtree(folder, ignore_errors=True)
    (ROOT / "build/bench.json").write_text(json.dumps(result, indent=1) + "\n")
    print("written: build/bench.json")


if __name__ == "__main__":
    main()
