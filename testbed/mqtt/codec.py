"""MQTT 3.1, 3.1.1 and 5.0 between values and bytes: no socket, no clock, no judgement.

`encode` says any packet of `testbed.mqtt.packets`, nonsense included. `decode` never raises and loses
nothing. `Framer` cuts a stream into frames. `describe` says a packet in one line.
"""

from __future__ import annotations

from testbed.mqtt.decoding import decode
from testbed.mqtt.describing import describe
from testbed.mqtt.encoding import encode
from testbed.mqtt.framing import Framer, minimal_length

__all__ = ["Framer", "decode", "describe", "encode", "minimal_length"]
