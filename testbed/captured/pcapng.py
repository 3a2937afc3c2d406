"""pcapng files: sections of either byte order, several interfaces, TLS secrets (IETF draft-ietf-opsawg-pcapng)."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import NamedTuple

from testbed.captured.reading import LARGEST, Broken, Packet, Reading, exactly

MAGIC = b"\x0a\x0d\x0d\x0a"
_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET, _SECRETS = 1, 2, 3, 6, 10
_READ = {_INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET, _SECRETS}
_RESOLUTION, _OFFSET = 9, 14
_TLS = 0x544C534B
#: Interfaces of one section; a file with more is broken.
MOST_INTERFACES = 10_000


class _Interface(NamedTuple):
    link_type: int
    #: Bytes that were kept of a packet; 0 is all.
    kept: int
    #: Nanoseconds are ticks * `times` // `parts` + `offset`.
    times: int
    parts: int
    offset: int


def packets(file: io.BufferedIOBase, reading: Reading) -> Iterator[Packet]:
    """The packets of a pcapng file; TLS secrets go to `reading`. Broken where it cannot be read on."""
    order, interfaces = "<", []
    head, packet = struct.Struct("<II"), struct.Struct("<IIIII")
    number = at = place = 0
    while True:
        where = f"a block after packet {number}"
        try:
            start = exactly(file, 8, where)
        except EOFError:
            return
        if start[:4] == MAGIC:
            magic = file.read(4)
            if magic not in _ORDERS:
                raise Broken(f"the section after packet {number} has no byte order")
            order, interfaces = _ORDERS[magic], []
            head, packet = struct.Struct(f"{order}II"), struct.Struct(f"{order}IIIII")
            _, total = head.unpack(start)
            _skip(file, _size(total, 16, number) - 12, where)
            continue
        kind, total = head.unpack(start)
        if kind not in _READ:
            # A length over the limit may be right here: what nobody reads is passed over in small pieces.
            if total < 12 or total % 4:
                raise Broken(f"a block after packet {number} claims to have {total} bytes")
            _skip(file, total - 8, where)
            continue
        body = file.read(_size(total, 12, number) - 8)
        if len(body) < total - 8:
            raise Broken(f"the file ends in the middle of {where}")
        if body[-4:] != start[4:]:
            raise Broken(f"the two lengths of a block after packet {number} differ")
        try:
            if kind == _PACKET:
                index, high, low, kept, length = packet.unpack_from(body)
                place = 20
            elif kind == _INTERFACE:
                if len(interfaces) >= MOST_INTERFACES:
                    raise Broken(f"a section has more than {MOST_INTERFACES} interfaces")
                interfaces.append(_interface(order, body))
                continue
            elif kind == _SECRETS:
                secret, size = head.unpack_from(body)
                if secret == _TLS:
                    reading.secrets.read(body[8 : 8 + min(size, len(body) - 12)])
                continue
            elif kind == _OLD_PACKET:
                index, _, high, low, kept, length = struct.unpack_from(f"{order}HHIIII", body)
                place = 20
            else:
                index, length, kept, place = 0, struct.unpack_from(f"{order}I", body)[0], len(body) - 8, 4
                high = low = -1
        except struct.error:
            raise Broken(f"{where} is too short for what it is") from None
        if index >= len(interfaces):
            raise Broken(f"packet {number + 1} is of interface {index}, which the file does not describe")
        interface = interfaces[index]
        if high < 0:
            # A simple packet: no time, and its kept size follows from the interface.
            kept = min(kept, length, interface.kept or length)
        else:
            at = (high << 32 | low) * interface.times // interface.parts + interface.offset
        if kept > len(body) - place - 4:
            raise Broken(f"packet {number + 1} claims to have {kept} bytes")
        number += 1
        reading.packets = number
        yield Packet(number, at, interface.link_type, body[place : place + kept], length)


def _size(total: int, least: int, number: int) -> int:
    if total < least or total % 4 or total > LARGEST:
        raise Broken(f"a block after packet {number} claims to have {total} bytes")
    return total


def _skip(file: io.BufferedIOBase, size: int, where: str) -> None:
    while size > 0:
        got = len(file.read(min(size, 1 << 16)))
        if not got:
            raise Broken(f"the file ends in the middle of {where}")
        size -= got


def _interface(order: str, body: bytes) -> _Interface:
    link_type, _, kept = struct.unpack_from(f"{order}HHI", body)
    times, parts, offset, at = 1000, 1, 0, 8
    while at + 4 <= len(body) - 4:
        code, size = struct.unpack_from(f"{order}HH", body, at)
        value = body[at + 4 : at + 4 + size]
        if code == 0 or at + 4 + size > len(body) - 4:
            break
        if code == _RESOLUTION and size == 1:
            exponent = value[0] & 0x7F
            if value[0] & 0x80:
                times, parts = 1_000_000_000, 1 << exponent
            else:
                times, parts = 10 ** max(0, 9 - exponent), 10 ** max(0, exponent - 9)
        elif code == _OFFSET and size == 8:
            offset = struct.unpack(f"{order}q", value)[0] * 1_000_000_000
        at += 4 + size + -size % 4
    return _Interface(link_type, kept, times, parts, offset)
