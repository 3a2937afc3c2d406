"""moat-lib-mqtt as a broker on the loopback address: broker.py PORT."""

from __future__ import annotations

import logging
import sys

import anyio  # pyright: ignore[reportMissingImports]
from moat.lib.mqtt.async_broker import AsyncMQTTBroker  # pyright: ignore[reportMissingImports]

logging.basicConfig(level=logging.INFO)
anyio.run(AsyncMQTTBroker(("127.0.0.1", int(sys.argv[1]))).serve)
