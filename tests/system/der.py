"""DER taken apart and put together, so that tests can change one field and keep every length right."""


def read(data, at=0):
    """[tag, bytes or list of such] and the place behind it."""
    tag, n, at = data[at], data[at + 1], at + 2
    if n & 0x80:
        size = n & 0x7F
        n, at = int.from_bytes(data[at:at + size], "big"), at + size
    body = bytes(data[at:at + n])
    if not tag & 0x20:
        return [tag, body], at + n
    parts, inner = [], 0
    while inner < len(body):
        part, inner = read(body, inner)
        parts.append(part)
    return [tag, parts], at + n


def write(node):
    tag, body = node
    body = body if isinstance(body, bytes) else b"".join(map(write, body))
    n = len(body)
    size = (n.bit_length() + 7) // 8
    head = bytes([n]) if n < 0x80 else bytes([0x80 | size]) + n.to_bytes(size, "big")
    return bytes([tag]) + head + body


def integer(value):
    return [0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)]


def change(data, **fields):
    """A PKCS#12 with other MAC fields: iterations (int or None: left out), salt, digest (OID bytes)."""
    pfx, _ = read(data)
    mac = pfx[1][2]
    if "salt" in fields:
        mac[1][1][1] = fields["salt"]
    if "iterations" in fields:
        mac[1][2:] = [] if fields["iterations"] is None else [integer(fields["iterations"])]
    if "digest" in fields:
        mac[1][0][1][0][1][0][1] = fields["digest"]
    return write(pfx)
