"""Classic pcap files: micro- and nanoseconds, both byte orders (IETF draft-ietf-opsawg-pcap)."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

from testbed.captured.reading import LARGEST, Broken, Packet, Reading, exactly

#: The first four bytes -> byte order, nanoseconds in a fraction of a second.
MAGICS = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}


def packets(file: io.BufferedIOBase, reading: Reading) -> Iterator[Packet]:
    """The packets of a file whose first four bytes are in `MAGICS`. Broken where it cannot be read on."""
    try:
        head = exactly(file, 24, "its header")
    except EOFError:
        return
    order, unit = MAGICS[head[:4]]
    link_type = struct.unpack(f"{order}I", head[20:])[0] & 0xFFFF
    record = struct.Struct(f"{order}IIII")
    number = 0
    while True:
        try:
            seconds, fraction, kept, length = record.unpack(exactly(file, 16, f"the header of packet {number + 1}"))
        except EOFError:
            return
        if kept > LARGEST:
            raise Broken(f"packet {number + 1} claims to have {kept} bytes")
        data = file.read(kept)
        if len(data) < kept:
            raise Broken(f"the file ends in the middle of packet {number + 1}")
        number += 1
        reading.packets = number
        yield Packet(number, seconds * 1_000_000_000 + fraction * unit, link_type, data, length)
