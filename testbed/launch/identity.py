"""Which build it is: the version that a device prints and the digest of its files."""

from __future__ import annotations

import asyncio
import re
import uuid

from testbed.dut import Description, Launch, digest
from testbed.launch import guard, peers
from testbed.launch.programs import fill, find_files, find_program, peers_root

#: Seconds for the command that prints a version.
VERSION_TIME = 15.0
#: Bytes read of what it prints.
LONGEST = 65536


async def identify(description: Description, values: dict[str, str]) -> tuple[str, str]:
    """Version and digest; each empty when the description gives no way to learn it, or the way fails."""
    identity = description.identity
    values = {"peers": str(peers_root()), "here": str(peers.shipped())} | values
    found = [path for item in identity.files for path in find_files(fill(item, values))]
    if not found and isinstance(description.launch, Launch):
        found = find_files(fill(description.launch.command[0], values))
    hashing = asyncio.to_thread(digest, [path.resolve() for path in found if path.is_file()])
    version, hashed = await asyncio.gather(_version(identity.command, identity.pattern, values), hashing)
    return version or identity.version, hashed


async def _version(command: list[str], pattern: str, values: dict[str, str]) -> str:
    program = find_program(fill(command[0], values)) if command else None
    if program is None:
        return ""
    mark = uuid.uuid4().hex
    child = await asyncio.create_subprocess_exec(
        program,
        *(fill(word, values) for word in command[1:]),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=guard.environment() | {guard.MARK: mark},
        start_new_session=True,
    )
    assert child.stdout is not None
    printed = b""
    try:
        async with asyncio.timeout(VERSION_TIME):
            while len(printed) < LONGEST and (piece := await child.stdout.read(LONGEST)):
                printed += piece
    except TimeoutError:
        return ""
    finally:
        guard.sweep(mark, child.pid)
        await asyncio.wait_for(child.communicate(), guard.LAST)
    found = re.search(pattern, printed.decode(errors="replace"))
    if found is None:
        return ""
    return found[1] if found.re.groups else found[0]
