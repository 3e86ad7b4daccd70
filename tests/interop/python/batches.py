"""Record batches laid out by hand, so that every field of one can be wrong."""

import struct

import crc32c

from common import BASE


def varint(n):
    n = (n << 1 ^ n >> 63) & (1 << 64) - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes([n])


def field(value):
    return varint(-1) if value is None else varint(len(value)) + value


def record(delta, timestamp_delta, key, value):
    body = b"\0" + varint(timestamp_delta) + varint(delta) + field(key) + field(value) + varint(0)
    return varint(len(body)) + body


def batch(n=1, at=0, attributes=0, producer=(-1, -1, -1), base=0, magic=2, crc=None, count=None, last=None, key=b"k", value=b"v",
          largest=None, epoch=-1, deltas=None, extra=b"", first=None):
    """A batch of `n` records; `producer` is id, epoch and sequence number, `epoch` the leader's."""
    first = BASE + at if first is None else first
    records = b"".join(record(deltas[i] if deltas else i, i, key, value) for i in range(n)) + extra
    body = struct.pack(">hiqqqhii", attributes, n - 1 if last is None else last, first, first + n - 1 if largest is None else largest,
                       *producer, n if count is None else count) + records
    rest = struct.pack(">ibI", epoch, magic, crc32c.crc32c(body) if crc is None else crc) + body
    return struct.pack(">qi", base, len(rest)) + rest
