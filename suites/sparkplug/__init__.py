"""Sparkplug B 3.0: what the specification asserts, and the cases that try it.

`spb` cites by the assertion's id without `tck-id-`; several ids in one text are several citations:
`@case(*spb("topics-nbirth-topic topics-nbirth-mqtt"))`.
"""

from __future__ import annotations

from harness.requirement import Citation
from harness.suite import Suite

SUITE = Suite(
    name="sparkplug",
    package="suites.sparkplug",
    catalogues={"sparkplug-3.0": "requirements/sparkplug-3.0.tsv"},
    title="Sparkplug B 3.0",
)

_cite = SUITE.cite("sparkplug-3.0", "tck-id-")


def spb(numbers: str) -> tuple[Citation, ...]:
    """Citations of the assertions `numbers`, separated by blanks."""
    return tuple(_cite(number) for number in numbers.split())
