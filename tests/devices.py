"""Devices that misbehave, as programs: `python devices.py KIND PORT`.

`closes` ends every connection at once; `garbage` answers with noise; `drip` answers one byte a second; `flood`
accepts a CONNECT and then sends 256 MB; `deaf` never reads; `dies` accepts some CONNECTs and then exits with
status 7; `exits` complains and exits at once; `polite` accepts a CONNECT, answers PINGREQ, and nothing else;
`fragile` is as polite, and dies of a second CONNECT.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter
PINGRESP = b"\xd0\x00"
connections = 0


def connack(data: bytes) -> bytes:
    """CONNACK of success in the level that the CONNECT in `data` asks for."""
    v5 = b"MQTT\x05" in data
    return b"\x20\x03\x00\x00\x00" if v5 else b"\x20\x02\x00\x00"


async def closes(reader: Reader, writer: Writer) -> None: ...


async def garbage(reader: Reader, writer: Writer) -> None:
    await reader.read(10)
    writer.write(bytes(range(255, 0, -1)) * 4)
    await reader.read(1000)


async def drip(reader: Reader, writer: Writer) -> None:
    answer = connack(await reader.read(1000))
    for byte in answer:
        writer.write(bytes([byte]))
        await asyncio.sleep(1)


async def flood(reader: Reader, writer: Writer) -> None:
    data = await reader.read(1000)
    writer.write(connack(data))
    for _ in range(256):
        # QoS 0 PUBLISH packets of 1 MiB.
        writer.write(b"\x30\x80\x80\x40\x00\x01t" + bytes((1 << 20) - 3))
        await writer.drain()


async def deaf(reader: Reader, writer: Writer) -> None:
    await asyncio.sleep(3600)


async def polite(reader: Reader, writer: Writer) -> None:
    while data := await reader.read(65536):
        if data[0] == 0x10:
            writer.write(connack(data))
        elif data[0] == 0xC0:
            writer.write(PINGRESP)
        elif data[0] == 0xE0:
            return


async def fragile(reader: Reader, writer: Writer) -> None:
    """As `polite`, but it falls over a second CONNECT on one connection."""
    connected = False
    while data := await reader.read(65536):
        if data[0] == 0x10:
            if connected:
                os._exit(9)
            connected = True
            writer.write(connack(data))
        elif data[0] == 0xC0:
            writer.write(PINGRESP)
        elif data[0] == 0xE0:
            return


async def dies(reader: Reader, writer: Writer) -> None:
    global connections
    connections += 1
    if connections > int(os.environ.get("LIVES", "12")):
        print("out of memory, or so I say", file=sys.stderr, flush=True)
        os._exit(7)
    await polite(reader, writer)


async def main(kind: str, port: int) -> None:
    if kind == "exits":
        print("no licence found in /etc/device", file=sys.stderr)
        sys.exit(3)
    serve = globals()[kind]

    async def one(reader: Reader, writer: Writer) -> None:
        with contextlib.suppress(OSError):
            await serve(reader, writer)
        writer.close()

    limit = 1 if kind == "deaf" else 1 << 16
    server = await asyncio.start_server(one, "127.0.0.1", port, limit=limit)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
