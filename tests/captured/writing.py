"""Captures made for tests: conversations as packets, packets as files of every format."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from testbed.captured.keylog import KeyLog
from testbed.captured.reading import Reading
from testbed.captured.source import Source
from testbed.captured.tcp import Ear, Meeting

FIN, SYN, RST, PUSH, ACK = 1, 2, 4, 8, 16
CLIENT, SERVER = ("10.0.0.5", 40_000), ("10.0.0.1", 1883)
#: A Unix time in nanoseconds.
BEGAN = 1_700_000_000_000_000_000

CONNECT = bytes.fromhex("101000044d5154540502003c000003616263")
CONNACK = bytes.fromhex("2003000000")
CONNECT_311 = bytes.fromhex("100f00044d5154540402003c0003616263")
CONNACK_311 = bytes.fromhex("20020000")
CONNECT_31 = bytes.fromhex("101100064d51497364700302003c0003616263")
PING, PONG = bytes.fromhex("c000"), bytes.fromhex("d000")
#: A PUBACK for what was never published: breaks MQTT-2.2.1-5 and MQTT-4.3.2-4 of 5.0.
STRAY_PUBACK = bytes.fromhex("40020007")
DISCONNECT = bytes.fromhex("e000")


def tcp(
    source: tuple[str, int],
    target: tuple[str, int],
    sequence: int,
    acknowledged: int,
    flags: int,
    payload: bytes = b"",
    options: bytes = b"",
) -> bytes:
    """One segment in an IP packet of the addresses' version."""
    head = struct.pack(
        ">HHIIBBHHH",
        source[1],
        target[1],
        sequence & 0xFFFFFFFF,
        acknowledged & 0xFFFFFFFF,
        (20 + len(options)) << 2,
        flags,
        65_535,
        0,
        0,
    )
    return ip(source[0], target[0], head + options + payload)


def ip(source: str, target: str, payload: bytes, *, protocol: int = 6, flags: int = 0) -> bytes:
    one, two = ipaddress.ip_address(source), ipaddress.ip_address(target)
    if one.version == 6:
        return struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64) + one.packed + two.packed + payload
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, flags, 64, protocol, 0)
    return head + one.packed + two.packed + payload


class Talk:
    """A TCP conversation; what is said becomes IP packets, in order, in `packets`."""

    def __init__(
        self,
        client: tuple[str, int] = CLIENT,
        server: tuple[str, int] = SERVER,
        *,
        start: int = 1000,
        opened: bool = True,
    ) -> None:
        self.ends = client, server
        self.next = [start, start + 5000]
        self.packets: list[bytes] = []
        if opened:
            self.put(0, SYN, step=1, acknowledged=0)
            self.put(1, SYN | ACK, step=1)
            self.put(0, ACK)

    def put(
        self, side: int, flags: int, payload: bytes = b"", *, step: int = 0, acknowledged: int | None = None
    ) -> None:
        ack = self.next[1 - side] if acknowledged is None else acknowledged
        self.packets.append(tcp(self.ends[side], self.ends[1 - side], self.next[side], ack, flags, payload))
        self.next[side] += len(payload) + step

    def client(self, *pieces: bytes) -> Talk:
        for piece in pieces:
            self.put(0, PUSH | ACK, piece)
        return self

    def server(self, *pieces: bytes) -> Talk:
        for piece in pieces:
            self.put(1, PUSH | ACK, piece)
        return self

    def close(self) -> Talk:
        self.put(0, FIN | ACK, step=1)
        self.put(1, FIN | ACK, step=1)
        return self


def usual(**more: object) -> Talk:
    """A short conversation in which nothing is broken."""
    talk = Talk(**more)  # type: ignore[arg-type]
    return talk.client(CONNECT).server(CONNACK).client(PING).server(PONG).client(DISCONNECT).close()


# -- link layers


def ethernet(packet: bytes, tags: Sequence[int] = ()) -> bytes:
    kind = b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"
    head = bytes(12) + b"".join(struct.pack(">HH", tag, 5) for tag in tags) + kind
    return (head + packet).ljust(60, b"\xee")


def raw(packet: bytes) -> bytes:
    return packet


# -- files


def pcap(
    packets: Iterable[bytes], *, link_type: int = 101, order: str = "<", nano: bool = False, kept: int = 1 << 18
) -> bytes:
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    out = [struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, kept, link_type)]
    for number, packet in enumerate(packets):
        at = BEGAN + number * 1_000_000
        fraction = at % 1_000_000_000 // (1 if nano else 1000)
        data = packet[:kept]
        out.append(struct.pack(f"{order}IIII", at // 1_000_000_000, fraction, len(data), len(packet)) + data)
    return b"".join(out)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(f"{order}I", len(body) + 12)
    return struct.pack(f"{order}I", kind) + size + body + size


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link_type: int = 101, order: str = "<", *, resolution: int | None = None, kept: int = 0) -> bytes:
    options = b""
    if resolution is not None:
        options = struct.pack(f"{order}HHB3xHH", 9, 1, resolution, 0, 0)
    return block(1, struct.pack(f"{order}HHI", link_type, 0, kept) + options, order)


def enhanced(packet: bytes, ticks: int = 0, order: str = "<", *, number: int = 0, length: int | None = None) -> bytes:
    size = len(packet) if length is None else length
    head = struct.pack(f"{order}IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(packet), size)
    return block(6, head + packet + bytes(-len(packet) % 4), order)


def pcapng(packets: Iterable[bytes], *, link_type: int = 101, order: str = "<", before: bytes = b"") -> bytes:
    blocks = [section(order), before, interface(link_type, order)]
    blocks += [enhanced(packet, (BEGAN // 1000) + number, order) for number, packet in enumerate(packets)]
    return b"".join(blocks)


def secrets(text: bytes) -> bytes:
    """A block of TLS secrets."""
    return block(10, struct.pack("<II", 0x544C534B, len(text)) + text)


# -- reading


class Heard:
    """An ear that writes down what it hears."""

    def __init__(self, meeting: Meeting) -> None:
        self.meeting = meeting
        self.said = [b"", b""]
        self.order: list[tuple[int, bytes]] = []
        self.times: list[int] = []
        self.missing: str | None = None

    def heard(self, side: int, data: bytes, at: int, packet: int) -> bool:
        self.said[side] += data
        self.order.append((side, data))
        self.times.append(at)
        return True

    def over(self, at: int, packet: int, missing: str) -> None:
        assert self.missing is None, "a conversation ends once"
        self.missing = missing


def listened(folder: Path, data: bytes) -> tuple[list[Heard], Reading]:
    """What a capture's conversations say."""
    ears: list[Heard] = []

    def listen(meeting: Meeting) -> Ear:
        ears.append(Heard(meeting))
        return ears[-1]

    return ears, played(folder, data, listen)


def played(folder: Path, data: bytes, listen: Callable[[Meeting], Ear], keys: KeyLog | None = None) -> Reading:
    """Read a capture for `listen`."""
    path = folder / "capture"
    path.write_bytes(data)
    reading = Reading()
    if keys is not None:
        reading.secrets = keys
    source = Source(path, reading)
    try:
        source.play(listen)
    finally:
        source.close()
    return reading
