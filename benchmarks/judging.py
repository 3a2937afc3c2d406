"""How fast a capture is judged, and how much memory that takes: 10 MB, 100 MB, and tshark beside it.

The captures are made here: clients that subscribe, publish at every QoS, are answered as the standard asks, and come
and go; 16 connections are open at once. Usage: python benchmarks/judging.py [MEGABYTES]
"""

from __future__ import annotations

import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from testbed.mqtt.codec import encode
from testbed.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Subscription,
    Version,
)

SERVER = bytes([10, 0, 0, 1])
OPEN_AT_ONCE, EXCHANGES = 16, 400


def exchange(version: Version, number: int, dice: random.Random) -> Iterator[tuple[int, bytes]]:
    """One request and its answers: (0 client, 1 server; bytes)."""
    id = number % 60_000 + 1
    topic, payload = f"plant/{number % 7}/line/temperature", dice.randbytes(dice.choice((12, 40, 120, 900)))
    qos = dice.choice((0, 0, 1, 1, 2))
    way = dice.choice((0, 0, 1)) if qos < 2 else 0
    packets = [(way, Publish(topic, payload, qos=qos, packet_id=id if qos else None))]
    if qos == 1:
        packets.append((1 - way, Puback(id)))
    elif qos == 2:
        packets += [(1, Pubrec(id)), (0, Pubrel(id)), (1, Pubcomp(id))]
    if number % 50 == 0:
        packets += [(0, Pingreq()), (1, Pingresp())]
    for side, packet in packets:
        yield side, encode(packet, version)


def conversation(number: int, dice: random.Random) -> Iterator[tuple[int, bytes]]:
    """One client's whole connection."""
    version = Version.V5 if number % 2 else Version.V311
    opening = (
        (0, Connect(f"device-{number % 64}", True, 60)),
        (1, Connack(False, 0)),
        (0, Subscribe(1, (Subscription("plant/#", 2),))),
        (1, Suback(1, (2,))),
    )
    for side, packet in opening:
        yield side, encode(packet, version)
    for count in range(2, EXCHANGES):
        yield from exchange(version, count, dice)
    yield 0, encode(Disconnect(), version)


def capture(path: Path, size: int) -> int:
    """Write a pcap of about `size` bytes; returns how many MQTT packets it holds."""
    dice = random.Random(7)
    count = packets = 0
    at = 1_700_000_000_000_000
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1))
        talks: list[tuple[list[bytes], list[int], Iterator[tuple[int, bytes]]]] = []
        while file.tell() < size or talks:
            while len(talks) < OPEN_AT_ONCE and file.tell() < size:
                count += 1
                host, port = bytes([10, 1, count >> 8 & 255, count & 255]), 20_000 + count % 40_000
                ports = struct.pack(">HH", port, 1883), struct.pack(">HH", 1883, port)
                ends = [host + SERVER + ports[0], SERVER + host + ports[1]]
                talks.append((ends, [1000, 5000], conversation(count, dice)))
                file.write(frame(at, ends[0], 999, 0, 2))
                file.write(frame(at, ends[1], 4999, 1000, 18))
            talk = dice.choice(talks)
            ends, numbers, script = talk
            at += 700
            said = next(script, None)
            if said is None:
                file.write(frame(at, ends[0], numbers[0], numbers[1], 17))
                file.write(frame(at, ends[1], numbers[1], numbers[0] + 1, 17))
                talks.remove(talk)
                continue
            side, data = said
            packets += 1
            file.write(frame(at, ends[side], numbers[side], numbers[1 - side], 24, data))
            numbers[side] += len(data)
            # The other end acknowledges every other segment by itself.
            if packets % 2:
                file.write(frame(at, ends[1 - side], numbers[1 - side], numbers[side], 16))
    return packets


def frame(at: int, ends: bytes, sequence: int, acknowledged: int, flags: int, payload: bytes = b"") -> bytes:
    """One Ethernet frame as a pcap record; `ends` are addresses and ports."""
    tcp = ends[8:] + struct.pack(">IIBBHHH", sequence, acknowledged, 0x50, flags, 65_535, 0, 0)
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(payload), 0, 0, 64, 6, 0) + ends[:8]
    data = bytes(12) + b"\x08\x00" + ip + tcp + payload
    return struct.pack("<IIII", at // 1_000_000, at % 1_000_000, len(data), len(data)) + data


def judged(path: Path, folder: Path) -> tuple[float, int, str]:
    """Seconds, peak resident bytes and the last line of `testbed judge`, as one process."""
    shutil.rmtree(folder, ignore_errors=True)
    program = Path(sys.executable).with_name("testbed")
    began = time.perf_counter()
    code = (
        "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:], capture_output=True, text=True);"
        "print(done.stdout + done.stderr, done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    run = [sys.executable, "-c", code, str(program), "judge", str(path), "--out", str(folder)]
    said = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()
    seconds = time.perf_counter() - began
    if said[-2] != "0":
        raise SystemExit(f"judging {path.name} did not end well: {' '.join(said)}")
    return seconds, int(said[-1]) * 1024, " ".join(said)


def main() -> None:
    large = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        peaks = []
        for size in (large // 10, large):
            path = work / f"{size}.pcap"
            packets = capture(path, size * 1_000_000)
            seconds, peak, said = judged(path, work / f"out-{size}")
            counted = re.search(r"(\d+) packets judged", said)
            if counted is None or int(counted[1]) != packets:
                raise SystemExit(f"{packets} packets were captured, and others judged: {said[-200:]}")
            peaks.append(peak)
            print(
                f"{size} MB, {packets} MQTT packets: judged in {seconds:.1f} s "
                f"({packets / seconds:,.0f} packets/s), peak memory {peak / 1e6:.0f} MB"
            )
        print(f"memory of {large} MB against {large // 10} MB: {peaks[1] / peaks[0]:.2f}")
        if shutil.which("tshark"):
            began = time.perf_counter()
            run = ["tshark", "-r", str(path), "-Y", "mqtt", "-T", "fields", "-e", "mqtt.msgtype"]
            subprocess.run(run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
            other = time.perf_counter() - began
            print(
                f"tshark dissects the same {large} MB in {other:.1f} s: judging takes {seconds / other:.2f} of that"
            )


if __name__ == "__main__":
    main()
