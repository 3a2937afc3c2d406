"""pcapng files of what a trial sent and received, with a comment on every packet.

The frames are the tester's own record, so no capture right is needed. IP and TCP headers are made up around
them; the DUT's port is given as the protocol's registered one, so that Wireshark and tshark dissect it
without being told. Format: IETF draft-ietf-opsawg-pcapng.
"""

from __future__ import annotations

import ipaddress
import struct
from functools import lru_cache
from typing import BinaryIO

from testbed.trial import Trial

_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_RAW_IP = 101
_COMMENT = 1
#: Payload of one made-up TCP segment.
_SEGMENT = 32 << 10


def _block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    total = len(body) + 12
    return struct.pack("<II", kind, total) + body + struct.pack("<I", total)


def _options(*pairs: tuple[int, str | bytes]) -> bytes:
    out = b""
    for code, value in pairs:
        data = value if isinstance(value, bytes) else value.encode()
        data = data[:65000]
        out += struct.pack("<HH", code, len(data)) + data + bytes(-len(data) % 4)
    return out + bytes(4) if out else b""


def header(name: str, application: str) -> bytes:
    """What a file begins with: `name` is the interface, here the DUT."""
    section = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + _options((4, application))
    # Option 9: time stamps count nanoseconds.
    interface = struct.pack("<HHI", _RAW_IP, 0, 0) + _options((2, name), (9, b"\x09"))
    return _block(_SECTION, section) + _block(_INTERFACE, interface)


def _checksum(data: bytes) -> int:
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


_address = lru_cache(64)(ipaddress.ip_address)


def _ip(source: str, target: str, payload: bytes) -> bytes:
    a, b = _address(source), _address(target)
    if a.version == 6 and b.version == 6:
        return struct.pack(">IHBB", 6 << 28, len(payload), 6, 64) + a.packed + b.packed + payload
    if a.version != b.version:
        a = b = _address("127.0.0.1")
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, 6, 0) + a.packed + b.packed
    return head[:10] + struct.pack(">H", _checksum(head)) + head[12:] + payload


class _Talk:
    """Sequence numbers of one connection."""

    def __init__(self, tester: tuple[str, int], dut: tuple[str, int]) -> None:
        self.ends = {"sent": (tester, dut), "received": (dut, tester)}
        self.next = {"sent": 1, "received": 1}

    def segment(self, way: str, flags: int, payload: bytes = b"") -> bytes:
        other = "received" if way == "sent" else "sent"
        (source, sport), (target, dport) = self.ends[way]
        sequence = self.next[way] - (1 if flags & 2 else 0)
        acknowledged = self.next[other] if flags & 0x10 else 0
        tcp = struct.pack(">HHIIBBHHH", sport, dport, sequence, acknowledged, 5 << 4, flags, 65535, 0, 0)
        self.next[way] += len(payload) + (1 if flags & 1 else 0)
        return _ip(source, target, tcp + payload)


def trial_packets(trial: Trial, comment: str, port: int) -> bytes:
    """The packets of one trial as pcapng blocks; `comment` names case and requirements."""
    out: list[bytes] = []
    talks: dict[int, _Talk] = {}

    def put(at: int, data: bytes, text: str) -> None:
        head = struct.pack("<IIIII", 0, at >> 32, at & 0xFFFFFFFF, len(data), len(data))
        out.append(_block(_PACKET, head + data + bytes(-len(data) % 4) + _options((_COMMENT, text))))

    for number, shot in enumerate(trial.shots):
        if shot.link >= len(trial.addresses):
            continue
        talk = talks.get(shot.link)
        if talk is None:
            (here, sport), (there, theirs) = trial.addresses[shot.link]
            if not here:
                continue
            came = shot.link in trial.arrived
            (opens, answers) = ("received", "sent") if came else ("sent", "received")
            # Whoever serves has the registered port, so that a dissector knows the protocol.
            ends = ((here, port), (there, theirs)) if came else ((here, sport), (there, port))
            talk = talks[shot.link] = _Talk(*ends)
            put(shot.at, talk.segment(opens, 0x02), f"{comment} | opens connection {shot.link}")
            put(shot.at, talk.segment(answers, 0x12), comment)
        if shot.way == "event":
            if shot.text.endswith("by the DUT"):
                put(shot.at, talk.segment("received", 0x11), f"{comment} | frame {number}: {shot.text}")
            elif shot.text.endswith("by the tester"):
                put(shot.at, talk.segment("sent", 0x11), f"{comment} | frame {number}: {shot.text}")
            continue
        for start in range(0, len(shot.data), _SEGMENT):
            piece = shot.data[start : start + _SEGMENT]
            put(shot.at, talk.segment(shot.way, 0x18, piece), f"{comment} | frame {number}")
    return b"".join(out)


class Capture:
    """An open capture file of one DUT."""

    def __init__(self, file: BinaryIO, name: str, application: str, port: int) -> None:
        self._file, self._port = file, port
        self._file.write(header(name, application))

    def add(self, trial: Trial, comment: str) -> None:
        """Append one trial."""
        self._file.write(trial_packets(trial, comment, self._port))

    def close(self) -> None:
        self._file.close()
