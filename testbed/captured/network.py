"""TCP in a captured packet: link layers, IPv4 and IPv6. Nothing is copied but the payload."""

from __future__ import annotations

import ipaddress
import struct
from typing import NamedTuple

#: Link types that can be read, by their numbers in pcap files.
LINK_TYPES = {
    0: "NULL (BSD loopback)",
    1: "Ethernet",
    12: "raw IP",
    14: "raw IP",
    101: "raw IP",
    108: "LOOP (OpenBSD loopback)",
    113: "Linux SLL",
    228: "raw IPv4",
    229: "raw IPv6",
    276: "Linux SLL2",
}
FIN, SYN, RST, ACK = 1, 2, 4, 16

#: Why a packet says nothing to us.
NOT_IP, NOT_TCP, FRAGMENT, CUT, ILL = (
    "not IP",
    "not TCP",
    "fragments of IP packets",
    "cut before the end of the TCP header",
    "malformed headers",
)
_TYPES = {0x0800, 0x86DD}
_VLAN = {0x8100, 0x88A8, 0x9100}
_TAGS = 4
#: IPv6 extension headers that only have a length: hop-by-hop, routing, destination, mobility, HIP, shim6.
_EXTENSIONS = {0, 43, 60, 135, 139, 140}
_NO_IP, _TOO_SHORT = -1, -2
_header = struct.Struct(">IIBB").unpack_from


class Segment(NamedTuple):
    """One TCP segment. `key` names its direction: addresses and ports as they stand in the packet."""

    key: bytes
    sequence: int
    #: What the sender has received of the other side; meaningless without the flag ACK.
    acknowledged: int
    flags: int
    payload: bytes
    #: Bytes of the payload that the capture did not keep.
    missing: int


def reverse(key: bytes) -> bytes:
    """The key of the other direction."""
    half = (len(key) - 4) // 2
    return key[half : 2 * half] + key[:half] + key[-2:] + key[-4:-2]


def sender(key: bytes) -> tuple[str, int]:
    """Address and port of who sends in the direction `key`."""
    half = (len(key) - 4) // 2
    return str(ipaddress.ip_address(key[:half])), int.from_bytes(key[-4:-2])


def segment(link_type: int, data: bytes) -> Segment | str:
    """The TCP segment in a packet, or why there is none. `link_type` is one of `LINK_TYPES`."""
    at = 14 if link_type == 1 and data[12:14] == b"\x08\x00" else _internet(link_type, data)
    if at < 0:
        return NOT_IP if at == _NO_IP else CUT
    size = len(data)
    if at >= size:
        return CUT
    first = data[at]
    if first >> 4 == 4:
        tcp = at + ((first & 15) << 2)
        if tcp < at + 20:
            return ILL
        if tcp > size:
            return CUT
        if data[at + 9] != 6:
            return NOT_TCP
        if (data[at + 6] & 0x3F) or data[at + 7]:
            return FRAGMENT
        total = data[at + 2] << 8 | data[at + 3]
        # Captures before segmentation offload have packets without a total length.
        end = at + total if total else size
        pair = data[at + 12 : at + 20]
    elif first >> 4 == 6:
        if at + 40 > size:
            return CUT
        total = data[at + 4] << 8 | data[at + 5]
        end = at + 40 + total if total else size
        pair = data[at + 8 : at + 40]
        found = _transport(data, at)
        if isinstance(found, str):
            return found
        tcp = found
    else:
        return NOT_IP
    if tcp + 20 > size:
        return CUT if end > size else ILL
    sequence, acknowledged, offset, flags = _header(data, tcp + 4)
    start = tcp + (offset >> 4 << 2)
    if start < tcp + 20 or start > end:
        return ILL
    payload = data[start:end]
    return Segment(
        pair + data[tcp : tcp + 4], sequence, acknowledged, flags, payload, max(0, end - start - len(payload))
    )


def _internet(link_type: int, data: bytes) -> int:
    """Where the IP header begins; negative when there is none, or when it is cut off."""
    if link_type == 1:
        at = 12
    elif link_type == 113:
        at = 14
    elif link_type == 276:
        kind = data[:2]
        return 20 if int.from_bytes(kind) in _TYPES and len(kind) == 2 else _NO_IP
    elif link_type in (0, 108):
        return 4
    else:
        return 0
    for _ in range(_TAGS + 1):
        kind = int.from_bytes(data[at : at + 2])
        if at + 2 > len(data):
            return _TOO_SHORT
        if kind in _TYPES:
            return at + 2
        if kind not in _VLAN:
            return _NO_IP
        at += 4
    return _NO_IP


def _transport(data: bytes, at: int) -> int | str:
    """Where the TCP header of the IPv6 packet at `at` begins, or why there is none."""
    kind, at = data[at + 6], at + 40
    while kind in _EXTENSIONS or kind in (44, 51):
        if at + 8 > len(data):
            return CUT
        if kind == 44:
            # An atomic fragment is whole (RFC 6946).
            if (data[at + 2] << 8 | data[at + 3]) & 0xFFF9:
                return FRAGMENT
            size = 8
        elif kind == 51:
            size = (data[at + 1] + 2) << 2
        else:
            size = (data[at + 1] + 1) << 3
        kind, at = data[at], at + size
    return at if kind == 6 else NOT_TCP
