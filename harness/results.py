"""What a run found, as one value: made from the journal, read by every report.

`results.json` is this, written by msgspec; its JSON Schema is `schemas/formats/results.schema.json`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Verdict = Literal["pass", "fail", "inconclusive", "error", "not-applicable"]

#: The worse, the later; a roll-up keeps the worst.
SEVERITY: dict[str, int] = {"not-applicable": 0, "pass": 1, "inconclusive": 2, "error": 3, "fail": 4}

Level = Literal["MUST", "SHOULD", "MAY", "DEF", "NOTE"]

FORMAT = "iot-testbed-results/1"


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One judgement about one requirement."""

    #: Catalogue and id, `mqtt-5.0:MQTT-3.1.0-2`.
    requirement: str
    verdict: Verdict
    expected: str = ""
    came: str = ""
    #: `case`, `rule` (a passive rule saw it) or `claim` (claimed or required, and absent).
    source: Literal["case", "rule", "claim"] = "case"
    #: Number of the frame in the cell's transcript that shows it; -1 when none does.
    frame: int = -1


class Frame(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message, or one event (`opened`, `closed by DUT`...), between tester and DUT."""

    #: Seconds since the cell began, by arrival at the socket.
    at: float
    #: Number of the connection within the cell, from 0.
    link: int
    #: `sent` is tester to DUT, `received` is DUT to tester.
    way: Literal["sent", "received", "event"]
    #: The bytes, cut after `harness.transcript.LONGEST` bytes.
    hex: str = ""
    #: Whole size in bytes.
    size: int = 0
    #: Decoded by the protocol room, or the event's name.
    text: str = ""


class Cell(msgspec.Struct, frozen=True, omit_defaults=True):
    """One case for one DUT in one edition."""

    #: `mqtt.broker.connect.a_second_connect_closes_the_connection[mqtt-5.0,mosquitto]`.
    id: str
    case: str
    edition: str
    dut: str
    #: Requirements cited by the case in this edition.
    requirements: list[str]
    verdict: Verdict
    #: Row of the case's table; empty when it has none.
    row: str = ""
    #: Why, in a sentence, for every verdict but pass.
    reason: str = ""
    #: Short key of a cause shared by several cells (`absent: qos-2`); empty when it stands alone.
    cause: str = ""
    #: The claim that decided `not-applicable`.
    claim: str = ""
    findings: list[Finding] = []
    #: ISO 8601, UTC.
    started: str = ""
    #: Wall time of the last repeat, in seconds.
    seconds: float = 0.0
    #: Verdict of each repeat, in order.
    repeats: list[Verdict] = []
    frames: list[Frame] = []
    #: Frames left out of `frames` because the cell had too many.
    frames_dropped: int = 0
    #: Traceback, for `error` only.
    trace: str = ""
    #: The failure was named in `expected.toml`.
    known: bool = False
    #: What shows it again.
    command: str = ""
    #: The display filter of Wireshark that finds its packets in a capture that is not ours.
    filter: str = ""


class Claim(msgspec.Struct, frozen=True):
    """A feature (ICS): what the description says and what discovery found (None: not said, not probed)."""

    name: str
    claimed: bool | None
    found: bool | None
    #: The profile asks for it.
    required: bool = False


class DutResult(msgspec.Struct, frozen=True):
    """One device under test as it was in this run."""

    name: str
    role: str
    title: str
    vendor: str
    homepage: str
    version: str
    #: `sha256:<hex>` of the program; empty when it cannot be known.
    digest: str
    endpoints: dict[str, str]
    claims: dict[str, list[Claim]]
    parameters: dict[str, bool | int | float | str]
    #: File beside the journal, relative to it; empty when there is none.
    capture: str = ""
    log: str = ""
    #: Why it could not be judged or stopped being judged; empty when all went well.
    trouble: str = ""


class RequirementInfo(msgspec.Struct, frozen=True):
    """A row of a catalogue."""

    #: `mqtt-5.0:MQTT-3.1.0-2`.
    id: str
    catalogue: str
    number: str
    side: str
    level: Level
    clause: str
    text: str
    provisional: bool = False
    #: Why it is not tried from this side; empty when it is.
    untried: str = ""
    #: Ids of the cases that cite it.
    cases: list[str] = []


class Mark(msgspec.Struct, frozen=True):
    """Requirement x DUT: the roll-up of every finding about it."""

    requirement: str
    dut: str
    verdict: Verdict
    #: Indices into `Results.cells` that speak about it, the deciding ones first.
    cells: list[int]


class Conformance(msgspec.Struct, frozen=True):
    """Whether one DUT keeps one profile."""

    profile: str
    dut: str
    #: `pass`, `fail`, or `inconclusive` when it could not be judged.
    verdict: Verdict
    reason: str
    #: Requirements by level and verdict: `{"MUST": {"pass": 101, "fail": 2}}`.
    counts: dict[str, dict[str, int]]


class ProfileInfo(msgspec.Struct, frozen=True):
    """The programme that was asked."""

    name: str
    version: str
    title: str
    role: str
    edition: str
    digest: str


class Results(msgspec.Struct, frozen=True):
    """A whole run."""

    run: str
    started: str
    ended: str
    seconds: float
    #: Name and version of this test bed.
    tool: str
    #: Digest over profiles, cases, suite files and DUT identities.
    plan: str
    #: Last hash of the journal's chain.
    journal: str
    complete: bool
    command: str
    platform: str
    profiles: list[ProfileInfo]
    duts: list[DutResult]
    requirements: list[RequirementInfo]
    cells: list[Cell]
    marks: list[Mark]
    conformance: list[Conformance]
    #: What a reader must know of the whole, a sentence each: what of a capture could not be judged.
    notes: list[str] = []
    format: str = FORMAT


class FaultResult(msgspec.Struct, frozen=True):
    """One planted fault and what became of it."""

    name: str
    edition: str
    requirement: str
    #: What it does, in a sentence.
    text: str
    #: `caught` (a cell citing the requirement failed), `caught-elsewhere` (some other cell failed), `missed`,
    #: `unreachable` (the fault never found anything to break).
    outcome: Literal["caught", "caught-elsewhere", "missed", "unreachable"]
    #: Cells that failed.
    by: list[str] = []
    #: The device it was planted on.
    dut: str = ""


class Quality(msgspec.Struct, frozen=True):
    """How good the suite is: the table of docs/quality.md, measured (`testbed qualify`)."""

    profile: str
    dut: str
    made: str
    #: Testable requirements with a case / all testable.
    covered: int
    testable: int
    untried: int
    faults: list[FaultResult]
    #: Empty peer -> cells that passed on it (must be none).
    vacuity: dict[str, list[str]]
    #: Legal variant -> cells that failed on it (must be none).
    specificity: dict[str, list[str]] = {}
    format: str = "iot-testbed-quality/1"
