#!/usr/bin/python3
"""Writes a first corpus for each fuzz target into DIR/NAME/, so that short runs start deep. usage: seeds.py DIR"""
import base64
import hashlib
import pathlib
import re
import ssl
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PASS = "x"  # the passphrase that the targets give


def openssl(*args, data=None):
    r = subprocess.run(["openssl", *map(str, args)], input=data, capture_output=True)
    return r.stdout if r.returncode == 0 else None


class Seeds:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def add(self, target, data):
        if not data:  # a form that this OpenSSL does not know
            return
        folder = self.folder / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / hashlib.sha1(data).hexdigest()[:16]).write_bytes(data)


def ring(work):
    """A CA, two leaves and their keys in every form that openssl writes."""
    def at(name):
        return work / name
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", at("ca.key"))
    openssl("req", "-x509", "-new", "-key", at("ca.key"), "-subj", "/C=DE/O=Org/CN=Seed CA", "-days", "3650", "-out", at("ca.pem"))
    for name, kind in (("ec", ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]), ("rsa", ["RSA", "-pkeyopt", "rsa_keygen_bits:1024"]), ("ed", ["ED25519"])):
        openssl("genpkey", "-algorithm", *kind, "-out", at(f"{name}.key"))
        openssl("req", "-new", "-key", at(f"{name}.key"), "-subj", f"/CN={name}", "-out", at(f"{name}.csr"))
        at("ext").write_text("subjectAltName=DNS:a.test,DNS:*.b.test,IP:192.0.2.1,IP:2001:db8::1,email:a@b.test\nextendedKeyUsage=serverAuth\n"
                             "authorityInfoAccess=caIssuers;URI:http://ca.test/ca.der\n")
        openssl("x509", "-req", "-in", at(f"{name}.csr"), "-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial", "-days", "365", "-extfile", at("ext"), "-out", at(f"{name}.pem"))
    return at


def intake(seeds, at):
    def pem(data, passphrase=False):
        seeds.add("fuzz_pem", data and (b"\1" if passphrase else b"\0") + data)

    def der(data):
        seeds.add("fuzz_der", data)
        seeds.add("fuzz_door", data and b"\1" + data)

    for name in ("ec", "rsa", "ed"):
        key, cert = at(f"{name}.key"), at(f"{name}.pem")
        pem(cert.read_bytes() + key.read_bytes() + at("ca.pem").read_bytes())
        pem(openssl("pkcs8", "-topk8", "-in", key, "-v2", "aes-256-cbc", "-iter", "2048", "-passout", f"pass:{PASS}"), True)
        pem(openssl("pkcs8", "-topk8", "-in", key, "-scrypt", "-scrypt_N", "16", "-passout", f"pass:{PASS}"), True)
        pem(openssl("pkcs8", "-topk8", "-in", key, "-v1", "PBE-SHA1-3DES", "-passout", f"pass:{PASS}"), True)
        pem(openssl("pkey", "-in", key, "-traditional", "-aes128", "-passout", f"pass:{PASS}"), True)
        pem(openssl("pkey", "-in", key, "-traditional"))
        pem(at(f"{name}.csr").read_bytes())
        pem(openssl("x509", "-in", cert, "-trustout", "-addtrust", "serverAuth"))
        pem(openssl("crl2pkcs7", "-nocrl", "-certfile", cert, "-certfile", at("ca.pem")))
        der(openssl("x509", "-in", cert, "-outform", "DER"))
        der(openssl("pkey", "-in", key, "-outform", "DER"))
        der(openssl("pkey", "-in", key, "-outform", "DER", "-traditional"))
        der(openssl("pkcs8", "-topk8", "-in", key, "-outform", "DER", "-passout", f"pass:{PASS}"))
        der(openssl("crl2pkcs7", "-nocrl", "-certfile", cert, "-outform", "DER"))
        der(openssl("req", "-in", at(f"{name}.csr"), "-outform", "DER"))
        for more in ([], ["-legacy"], ["-nomac"], ["-macalg", "sha512"], ["-certpbe", "NONE", "-keypbe", "NONE"], ["-iter", "1", "-maciter"], ["-nokeys"],
                     ["-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES"], ["-certpbe", "NONE"], ["-caname", "ca"]):
            keys = [] if "-nokeys" in more else ["-inkey", key]
            data = openssl("pkcs12", "-export", "-in", cert, *keys, "-certfile", at("ca.pem"), "-name", "n\u00e4me", "-passout", f"pass:{PASS}", "-iter", "1", *more)
            seeds.add("fuzz_p12", data)
            seeds.add("fuzz_door", data and b"\1" + data)


def length(n):
    out = b""
    while n > 0x7F:
        out, n = out + bytes([n & 0x7F | 0x80]), n >> 7
    return out + bytes([n])


def wire(seeds):
    """Each packet empty, and with its first fields as a varint, as a text, as a message."""
    header = (ROOT / "proto/wire/packet.h").read_text()
    numbers = [int(n) for n in re.findall(r"X\(\w+, (\d+)\)", header)]
    texts = b"".join(bytes([field << 3 | 2]) + length(4) + b"abcd" for field in range(1, 9))
    varints = b"".join(bytes([field << 3, 7]) for field in range(1, 9))
    nested = b"".join(bytes([field << 3 | 2]) + length(len(varints)) + varints for field in range(1, 9))
    ids = b"".join(bytes([field << 3 | 2]) + length(16) + bytes(16) for field in range(1, 4))
    for number in numbers:
        for body in (b"", texts, varints, nested, ids):
            seeds.add("fuzz_wire", bytes([number]) + body)
    for kind in range(16):
        for body in (b"", texts, varints, nested, ids):
            seeds.add("fuzz_objects", bytes([kind]) + body)
    door = b"".join(bytes([field << 3 | 2]) + length(len(v)) + v for field, v in ((1, b"import"), (2, b"{}"), (3, b"\x0a\x01f\x12\x01x")))
    seeds.add("fuzz_door", b"\0" + bytes([80]) + door)


def hello(alpn=(), name="a.test", least=ssl.TLSVersion.TLSv1_2, most=ssl.TLSVersion.TLSv1_3):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version, context.maximum_version = least, most
    if alpn:
        context.set_alpn_protocols(list(alpn))
    sent = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname=name)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return sent.read()


def edge(seeds):
    for name in ("a.test", None, "x" * 60 + ".test"):
        for most in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            seeds.add("fuzz_sni", hello(["h2", "http/1.1"], name, most=most))
    seeds.add("fuzz_sni", bytes.fromhex("0009000006") + b"a.test")
    heads = [b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", b"HEAD / HTTP/1.0\r\n\r\n", b"GET /hold?seconds=3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
             b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", b"GET / HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", b"<script>\"&'"]
    for head in heads:
        seeds.add("fuzz_page", head)
        seeds.add("fuzz_sni", head)
    for pattern, host in (("*.a.test", "b.a.test"), ("a.test", "A.TEST."), ("*.test", "x.test"), ("xn--a.test", "xn--a.test"), ("a_b.test", "a_b.test")):
        seeds.add("fuzz_names", pattern.encode() + b"\0" + host.encode())


def node(seeds):
    seeds.add("fuzz_config", (ROOT / "deploy/certspan.yaml").read_bytes())
    seeds.add("fuzz_config", b"schema: 1\nnode:\n  name: p1\nedge:\n  listen: ['127.0.0.1:443', '[::]:443']\n  upstream: tcp:127.0.0.1:80\n")
    token = bytes([1]) + bytes(range(8)) + bytes(range(16)) + bytes(16) + bytes(range(32)) + bytes([2]) + b"\x02b1" + b"\x0e127.0.0.1:7443" + b"\x07b1.test"
    for data in (token, token[:-1], bytes([2]) + token[1:]):
        seeds.add("fuzz_token", b"certspan1." + base64.urlsafe_b64encode(data).rstrip(b"="))
    keys = {"replicator": (("curve-public", 32), ("curve-secret", 32), ("sign-public", 32), ("sign-secret", 64)), "keyd": (("seal-public", 32), ("seal-secret", 32), ("wrap", 32))}
    for role, items in keys.items():
        seeds.add("fuzz_keyfile", f"certspan {role} key 1\n".encode() + b"".join(f"{name} {'0a' * n}\n".encode() for name, n in items))
    rows = re.findall(r'\{ "(\w+)", "(/v1[^"]*)", (\w+), (\w+), (\w+) \}', (ROOT / "node/admin/routes.c").read_text())
    tables = "".join(p.read_text() for p in (ROOT / "node/admin").glob("*.c"))
    for method, path, _, fields, _ in rows:
        found = re.search(rf"arg_field {fields}\[\] = \{{(.*?)NULL", tables, re.S)
        values = {"ARG_TEXT": '"a"', "ARG_FLAG": "true", "ARG_NUMBER": "1", "ARG_LIST": '["a","b"]', "ARG_ANY": '"a"'}
        named = re.findall(r'\{\s*"(\w+)",\s*(ARG_\w+)', found.group(1)) if found else []
        named += [("ack", "ARG_TEXT"), ("dry_run", "ARG_FLAG"), ("timeout_ms", "ARG_NUMBER")]
        body = "{" + ",".join(f'"{n}":{values[t]}' for n, t in named) + "}"
        query = "&".join(f"{n}=1" for n, _ in named)
        seeds.add("fuzz_api", f"{method} {path.replace('*', 'x')}?{query}\n{body}".encode())
    space = b" " * 64
    text13 = space + b"TLS 1.3, server CertificateVerify\0" + bytes(32)
    text12 = bytes(64) + bytes.fromhex("03001d20") + bytes(32)
    for tls13, scheme, text in ((1, 0x0403, text13), (0, 0x0403, text12), (1, 0x0804, text13 + bytes(16))):
        head = struct.pack("=IHBB24sH", 1, scheme, tls13, 0, b"0123456789abcdef", len(text))
        seeds.add("fuzz_sign_request", head + text)


def main():
    seeds = Seeds(sys.argv[1])
    with tempfile.TemporaryDirectory() as work:
        intake(seeds, ring(pathlib.Path(work)))
    wire(seeds)
    edge(seeds)
    node(seeds)


if __name__ == "__main__":
    main()
