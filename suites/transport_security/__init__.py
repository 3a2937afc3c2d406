"""What the standards of transport security demand of whoever carries MQTT over TLS.

Chapter 5 of MQTT leaves security to these; their rows stand beside those of each edition, with numbers of their own.
"""

from __future__ import annotations

from harness.suite import Suite

_ROWS = "requirements.tsv"
SUITE = Suite(
    name="transport-security",
    package="suites.transport_security",
    catalogues={"mqtt-3.1.1": _ROWS, "mqtt-5.0": _ROWS},
    title="Transport security of MQTT (RFC 5280, 6066, 8446, 9325, 9525)",
)

over_v311 = SUITE.cite("mqtt-3.1.1", "")
over_v5 = SUITE.cite("mqtt-5.0", "")
