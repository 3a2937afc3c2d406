"""Made-up runs for the reports' tests: any size, every verdict, and hostile text where devices could put it."""

from __future__ import annotations

import random
from functools import cache
from typing import Literal

from harness.results import (
    SEVERITY,
    Cell,
    Claim,
    Conformance,
    DutResult,
    FaultResult,
    Finding,
    Frame,
    Level,
    Mark,
    ProfileInfo,
    Quality,
    RequirementInfo,
    Results,
    Verdict,
)

HOSTILE = "<script>alert(1)</script>\"'&]]>`|*_@all #1 ${x} {{ 7*7 }} {% raw %} "
HOSTILE += "\x00\x1b[31m\u202etxt.exe\nnew\u2028line"
BRANDS = ["acorn", "birch", "cedar", "dogwood", "elder", "fir", "ginkgo", "hazel", "ivy", "juniper", "katsura"]
BRANDS += ["larch", "maple", "nutmeg", "oak", "pine", "quince", "rowan", "spruce", "teak", "ulmus", "willow", "yew"]
TOPICS = ["connect", "publish", "subscribe", "retain", "session", "will", "keep_alive", "properties", "flow"]
SENTENCES = [
    "a second connect closes the connection",
    "topic alias zero is refused",
    "the retained message is sent to a new subscription",
    "a subscription identifier comes back with the message",
    "the session outlives the connection",
    "a keep alive of zero turns the timer off",
    "an unknown property is a malformed packet",
]
TEXTS = [
    "A server treats a second CONNECT on the same connection as a protocol error and closes the connection.",
    "A topic alias of zero is refused.",
    "The retained message of a topic is sent to every new subscription that matches it.",
    "A server keeps the session for as long as its expiry interval says, counted from the end of the connection.",
    "An acknowledgement carries the packet identifier of what it acknowledges.",
]
LEVELS: list[Level] = ["MUST", "MUST", "MUST", "SHOULD", "DEF", "MAY", "NOTE"]
REASONS: dict[Verdict, str] = {
    "fail": "the connection was still open 5.0 s after the second CONNECT",
    "inconclusive": "no CONNACK within 3.0 s, so the state under test was never reached",
    "error": "the peer program ended while it was needed",
    "not-applicable": "the product does not claim this feature",
    "pass": "",
}


_CONNECT = "101800044d5154540502003c00000b632d3166383230"
_PUBLISH = "32160005612f622f63000700" + "68656c6c6f2c20776f726c64"


def _frames(dice: random.Random, links: int, number: int) -> list[Frame]:
    frames = [Frame(at=0.0001 * link, link=link, way="event", text="opened") for link in range(links)]
    at = 0.001
    talk = [
        ("sent", "CONNECT client='c-1' clean keep_alive=60", _CONNECT),
        ("received", "CONNACK accepted, session_present=0, receive_maximum=20", "200900000621001422000a"),
        ("sent", "SUBSCRIBE id=1 'a/b/#' qos=1", "820b0001000005612f622f2301"),
        ("received", "SUBACK id=1 granted=1", "900400010001"),
        ("sent", "PUBLISH 'a/b/c' qos=1 id=7, 12 bytes", _PUBLISH),
        ("received", "PUBACK id=7 success", "40020007"),
    ]
    for index in range(number):
        way, text, octets = talk[index % len(talk)]
        at += dice.choice([0.0002, 0.0011, 0.004, 0.3])
        size = len(octets) // 2
        frames.append(Frame(round(at, 6), dice.randrange(links), way, octets, size, text))  # type: ignore[arg-type]
    frames.append(Frame(round(at + 0.1, 6), links - 1, "event", text="closed by DUT"))
    return frames


Outcome = Literal["caught", "caught-elsewhere", "missed", "unreachable"]


@cache
def make(
    requirements: int = 14,
    duts: int = 4,
    *,
    hostile: bool = True,
    editions: int = 2,
    seed: int = 1,
    run: str = "2026-01-31T09-30-00-a1b2",
    started: str = "2026-01-31T09:30:00Z",
    frames: int = 8,
    broken: float = 0.12,
) -> Results:
    """A run of `requirements` (in each of `editions` catalogues) on `duts` products."""
    dice = random.Random(seed)
    bad = HOSTILE if hostile else ""
    catalogues = ["mqtt-5.0", "mqtt-3.1.1"][:editions]
    names = [BRANDS[n % len(BRANDS)] + (f"-{n // len(BRANDS) + 1}" if n >= len(BRANDS) else "") for n in range(duts)]
    if hostile:
        names[-1] = f"../{HOSTILE}"
    infos: list[RequirementInfo] = []
    cells: list[Cell] = []
    marks: list[Mark] = []
    for catalogue in catalogues:
        for number in range(requirements):
            clause = f"{3 + number // 90}.{1 + number % 90 // 10}.{number % 10}"
            topic = TOPICS[number // 5 % len(TOPICS)]
            case = f"mqtt.broker.{topic}.{SENTENCES[number % len(SENTENCES)].replace(' ', '_')}_{number}"
            untried = "seen from the other side only" if number % 17 == 16 else ""
            level = LEVELS[number % len(LEVELS)]
            name = f"{catalogue}:MQTT-{clause}-{number}"
            text = TEXTS[number % len(TEXTS)] + (bad if number == 1 else "")
            cites = [] if untried else [case]
            infos.append(
                RequirementInfo(
                    name,
                    catalogue,
                    f"MQTT-{clause}-{number}",
                    "server",
                    level,
                    clause,
                    text,
                    number % 11 == 10,
                    untried,
                    cites,
                )
            )
            for dut in names:
                if untried:
                    continue
                verdict: Verdict = "pass"
                if dice.random() < broken:
                    verdict = dice.choices(["fail", "inconclusive", "error", "not-applicable"], [6, 3, 1, 4])[0]  # type: ignore[assignment]
                row = f"qos={number % 3}{bad}" if number % 5 == 0 else ""
                cells.append(_cell(dice, case, catalogue, dut, name, verdict, row, frames, bad))
                marks.append(Mark(name, dut, verdict, [len(cells) - 1]))
    return Results(
        run=run,
        started=started,
        ended="2026-01-31T09:30:12Z",
        seconds=12.25,
        tool="iot-testbed 0.1.0",
        plan="sha256:" + "5e" * 32,
        journal="9f" * 32,
        complete=True,
        platform="Linux 6.1 x86_64, CPython 3.11",
        command="testbed run --profile mqtt-broker-5.0 " + " ".join(names[:3]) + bad,
        profiles=[
            ProfileInfo(f"broker-{name}", "1", f"Broker of {name}", "mqtt-broker", name, "ab" * 32)
            for name in catalogues
        ],
        duts=[_dut(name, catalogues, bad) for name in names],
        requirements=infos,
        cells=cells,
        marks=marks,
        conformance=[_conformance(f"broker-{name}", dut, name, marks, infos) for dut in names for name in catalogues],
    )


def _cell(
    dice: random.Random,
    case: str,
    edition: str,
    dut: str,
    requirement: str,
    verdict: Verdict,
    row: str,
    number: int,
    bad: str,
) -> Cell:
    talk = [] if verdict == "not-applicable" else _frames(dice, 1 + len(case) % 3, number)
    findings = (
        [Finding(requirement, verdict)]
        if verdict != "fail"
        else [
            Finding(
                requirement,
                "fail",
                f"the connection closed by the DUT{bad}",
                f"PUBACK 4.2 ms later{bad}",
                "case",
                len(talk) // 2,
            ),
            Finding(requirement, "fail", "reserved bits zero", "reserved bits 0x1", "rule", len(talk) - 2),
        ]
    )
    return Cell(
        id=f"{case}[{row + ',' if row else ''}{edition},{dut}]",
        case=case,
        edition=edition,
        dut=dut,
        row=row,
        requirements=[requirement],
        verdict=verdict,
        reason=REASONS[verdict] + (bad if verdict != "pass" else ""),
        cause="absent: qos-2" if verdict == "inconclusive" else "",
        claim="qos-2" if verdict == "not-applicable" else "",
        findings=findings,
        started="2026-01-31T09:30:01Z",
        seconds=round(dice.random() * 3, 4),
        repeats=[verdict],
        frames=talk,
        frames_dropped=3 if verdict == "fail" else 0,
        known=verdict == "fail" and dice.random() < 0.2,
        trace=f"Traceback (most recent call last):\n  PeerLost{bad}" if verdict == "error" else "",
        command=f"testbed run --case '{case}' --edition {edition} --dut {dut}",
    )


def _dut(name: str, catalogues: list[str], bad: str) -> DutResult:
    claims = [Claim("qos-2", True, False, True), Claim("retain", True, True), Claim(f"shared{bad}", None, None)]
    hostile = bad and name.startswith("..")
    return DutResult(
        name=name,
        role="mqtt-broker",
        title=f"{name.title()} Broker",
        vendor="Example Foundation",
        homepage="javascript:alert(1)" if hostile else f"https://{name}.example/",
        version="2.0.21",
        digest="sha256:" + "c0" * 32,
        endpoints={"tcp": "127.0.0.1:1883"},
        claims=dict.fromkeys(catalogues, claims),
        parameters={"keep_alive_factor": 1.5, "receive_maximum": 20, "retain": True, "banner": f"hello{bad}"},
        capture=f"captures/{name}.pcapng",
        log=f"{name}.log",
        trouble=f"ended with signal 11{bad}" if hostile else "",
    )


def _conformance(
    profile: str, dut: str, catalogue: str, marks: list[Mark], infos: list[RequirementInfo]
) -> Conformance:
    levels = {info.id: info.level for info in infos if info.catalogue == catalogue}
    counts: dict[str, dict[str, int]] = {}
    worst: Verdict = "pass"
    for mark in marks:
        if mark.dut == dut and mark.requirement in levels:
            tally = counts.setdefault(levels[mark.requirement], {})
            tally[mark.verdict] = tally.get(mark.verdict, 0) + 1
            if levels[mark.requirement] == "MUST" and SEVERITY[mark.verdict] > SEVERITY[worst]:
                worst = mark.verdict
    verdict: Verdict = "inconclusive" if worst == "error" else worst
    failed = counts.get("MUST", {}).get("fail", 0)
    return Conformance(profile, dut, verdict, f"{failed} MUST broken" if failed else "", counts)


def quality(results: Results, *, hostile: bool = True) -> Quality:
    """Planted faults for every third requirement of the run, with every outcome."""
    outcomes: list[Outcome] = ["caught", "caught", "caught", "caught-elsewhere", "missed", "unreachable"]
    faults = [
        FaultResult(
            f"fault-{index}{HOSTILE if hostile else ''}",
            info.catalogue,
            info.id,
            "drops the second acknowledgement",
            outcomes[index % len(outcomes)],
            [results.cells[0].id],
        )  # type: ignore[arg-type]
        for index, info in enumerate(results.requirements[::3])
    ]
    profile = results.profiles[0].name
    vacuity: dict[str, list[str]] = {name: [] for name in ("closed port", "silent", "echo", "hang-up", "babbler")}
    vacuity["echo"] = [results.cells[0].id] if hostile else []
    return Quality(
        profile, results.duts[0].name, "2026-01-30T22:00:00Z", 96, 98, 5, faults, vacuity, {"slow": [], "chatty": []}
    )
