#!/usr/bin/python3
"""Reads every #include and fails on one that goes upward or sideways: proto <- store <- {replicator, tls-edge, node} <- tests."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MAY = {
    "proto": {"proto"},
    "store": {"proto", "store"},
    "replicator": {"proto", "store", "replicator"},
    "tls-edge": {"proto", "store", "tls-edge"},
    "node": {"proto", "store", "node"},
    "tests": {"proto", "store", "replicator", "tls-edge", "node", "tests"},
}
# inside a folder: these rooms stay below their neighbours
ROOMS = {"proto/base": {"proto/base"}, "proto/wire": {"proto/base", "proto/wire"}, "store/pki": {"store/pki"}, "store/db": {"store/db"}}
# generated schemas are seen by the codec alone; ZeroMQ by the replicator; the key by nobody in the edge
ONLY = {"pb-c.h": "proto/wire/", "protobuf-c.h": "proto/wire/", "zmq.h": "replicator/", "lmdb.h": "store/", "microhttpd.h": "node/admin/", "curl/curl.h": "node/cli/", "zip.h": "node/cli/support/"}


def main():
    bad, seen = [], 0
    for path in sorted(p for folder in MAY for p in (ROOT / folder).rglob("*.[ch]")):
        where = path.relative_to(ROOT)
        folder, room = where.parts[0], "/".join(where.parts[:2])
        for number, line in enumerate(path.read_text().splitlines(), 1):
            quoted = re.match(r'#\s*include\s+"([^"]+)"', line)
            if quoted:
                seen += 1
                target = quoted.group(1)
                if target.split("/")[0] not in MAY[folder] and not target.endswith(".pb-c.h"):
                    bad.append(f"{where}:{number}: {folder} may not include {target}")
                near = "/".join(target.split("/")[:2])
                if room in ROOMS and target.split("/")[0] == folder and near not in ROOMS[room] and not target.endswith(".pb-c.h"):
                    bad.append(f"{where}:{number}: {room} may not include {target}")
            any_kind = re.match(r'#\s*include\s+[<"]([^">]+)[">]', line)
            for end, home in ONLY.items():
                if any_kind and any_kind.group(1).endswith(end) and not str(where).startswith((home, "tests/")):
                    bad.append(f"{where}:{number}: {any_kind.group(1)} belongs to {home}")
    print("\n".join(bad + [f"{seen} includes, {len(bad)} against the order"]))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
