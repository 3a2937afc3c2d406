"""MQTT: what the standards demand, and the cases that try it.

`v311` and `v5` cite: `@case(v311("3.1.0-2"), v5("3.1.0-2"))`.
"""

from __future__ import annotations

from harness.suite import Suite

SUITE = Suite(
    name="mqtt",
    package="suites.mqtt",
    catalogues={
        "mqtt-3.1.1": "requirements/mqtt-3.1.1.tsv",
        "mqtt-5.0": "requirements/mqtt-5.0.tsv",
    },
    title="MQTT 3.1.1 and 5.0",
)

v311 = SUITE.cite("mqtt-3.1.1", "MQTT-")
v5 = SUITE.cite("mqtt-5.0", "MQTT-")
