"""Bringing a device under test up, whatever kind it is."""

from __future__ import annotations

from pathlib import Path

from testbed.dut import CLIENTS, Address, Description
from testbed.launch.clients import Clients
from testbed.launch.placed import Placed, Ready
from testbed.launch.process import Process

#: A device under test that was brought up.
Device = Process | Placed | Clients


async def launch(description: Description, folder: Path, ready: Ready, *, here: Path | None = None) -> Device:
    """Brings `description` up, or reaches it where somebody else did; the caller owes it a `stop`.

    `folder` gets its log, `ready` says when it answers as its role does, `here` is the folder of the
    description (default: the folder of the known peers). LaunchError says why it is not there.
    """
    device: Device
    if isinstance(description.launch, Address):
        device = Placed(description, ready)
    elif isinstance(description.launch, CLIENTS):
        device = Clients(description, folder, ready, here)
    else:
        device = Process(description, folder, ready, here)
    await device.start()
    return device
