"""Certificates for the system tests, minted with the openssl command. Everything lives in the folder given."""
import hashlib
import pathlib
import subprocess
import textwrap


def openssl(*args, data=None):
    r = subprocess.run(["openssl", *map(str, args)], input=data, capture_output=True)
    assert r.returncode == 0, f"openssl {args[0]}: {r.stderr.decode(errors='replace')}"
    return r.stdout


def key(path, kind="P-256"):
    if kind.startswith("RSA-"):
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{kind[4:]}", "-out", path)
    else:
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{kind}", "-pkeyopt", "ec_param_enc:named_curve", "-out", path)
    return path


class Cert:
    """A certificate and where its files are: .pem, .key; fingerprint as the edge's leaf has it."""

    def __init__(self, pem, key_path, issuers=()):
        self.pem, self.key, self.issuers = pathlib.Path(pem), key_path, list(issuers)

    @property
    def der(self):
        return openssl("x509", "-in", self.pem, "-outform", "DER")

    @property
    def sha256(self):
        return hashlib.sha256(self.der).hexdigest()

    @property
    def id(self):
        return self.sha256[:16]

    def p12(self, path, passphrase, *extra, chain=True, with_key=True):
        args = ["pkcs12", "-export", "-in", self.pem, "-out", path, "-passout", f"pass:{passphrase}", "-name", pathlib.Path(path).stem]
        args += ["-inkey", self.key] if with_key else ["-nokeys"]
        if chain and self.issuers:
            bundle = pathlib.Path(str(path) + ".chain")
            bundle.write_bytes(b"".join(c.pem.read_bytes() for c in self.issuers))
            args += ["-certfile", bundle]
        openssl(*args, *extra)
        return path

    def bundle_pem(self, path):
        data = self.pem.read_bytes() + self.key.read_bytes() + b"".join(c.pem.read_bytes() for c in self.issuers)
        pathlib.Path(path).write_bytes(data)
        return path


class CA:
    def __init__(self, folder, name="Test CA"):
        self.folder, self.name, self.serial = pathlib.Path(folder), name, 0
        self.folder.mkdir(parents=True, exist_ok=True)
        self.key = key(self.folder / "ca.key")
        openssl("req", "-x509", "-new", "-key", self.key, "-subj", f"/CN={name}", "-days", "3650", "-out", self.folder / "ca.pem",
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self.cert = Cert(self.folder / "ca.pem", self.key)

    def issue(self, names, *, cn=None, kind="P-256", start=None, end=None, days=90, same_key=None, label=None, aia=None):
        """start, end: 'YYYYMMDDHHMMSSZ'; else valid from now on for DAYS."""
        self.serial += 1
        base = self.folder / (label or f"leaf{self.serial}")
        key_path = same_key or key(pathlib.Path(f"{base}.key"), kind)
        csr = f"{base}.csr"
        openssl("req", "-new", "-key", key_path, "-subj", f"/CN={cn or 'leaf %d' % self.serial}", "-out", csr)
        san = ",".join(("IP:" if n.replace(".", "").isdigit() or ":" in n else "DNS:") + n for n in names)
        config = pathlib.Path(f"{base}.cnf")
        config.write_text(textwrap.dedent(f"""\
            [ca]
            default_ca = here
            [here]
            database = {base}.index
            new_certs_dir = {self.folder}
            serial = {base}.serial
            default_md = sha256
            policy = any
            copy_extensions = none
            unique_subject = no
            [any]
            commonName = supplied
            [leaf]
            basicConstraints = CA:FALSE
            extendedKeyUsage = serverAuth
            authorityKeyIdentifier = keyid
            subjectKeyIdentifier = hash
            """ + (f"subjectAltName = {san}\n" if names else "") + (f"authorityInfoAccess = caIssuers;URI:{aia}\n" if aia else "")))
        pathlib.Path(f"{base}.index").write_text("")
        pathlib.Path(f"{base}.serial").write_text(f"{0x1000 + self.serial:04X}\n")
        when = ["-startdate", start, "-enddate", end] if start else ["-days", str(days)]
        openssl("ca", "-batch", "-config", config, "-extensions", "leaf", "-cert", self.cert.pem, "-keyfile", self.key, "-in", csr, "-out", f"{base}.pem", "-notext", *when)
        return Cert(f"{base}.pem", key_path, [self.cert])


class SubCA(CA):
    """An intermediate of PARENT; with the key and name of TWIN it is a cross-sign of that."""

    def __init__(self, folder, parent, name="Intermediate CA", twin=None):
        self.folder, self.name, self.serial = pathlib.Path(folder), twin.name if twin else name, 0
        self.folder.mkdir(parents=True, exist_ok=True)
        self.key = twin.key if twin else key(self.folder / "ca.key")
        parent.serial += 1
        rules = self.folder / "ca.ext"
        rules.write_text("basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n"
                         "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
        openssl("req", "-new", "-key", self.key, "-subj", f"/CN={self.name}", "-out", self.folder / "ca.csr")
        openssl("x509", "-req", "-in", self.folder / "ca.csr", "-CA", parent.cert.pem, "-CAkey", parent.key, "-set_serial", f"0x{0x9000 + parent.serial:X}",
                "-days", "1800", "-extfile", rules, "-out", self.folder / "ca.pem")
        self.cert = Cert(self.folder / "ca.pem", self.key)
