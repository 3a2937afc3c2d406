"""Claims: what the vendor says is there, what discovery found, and what follows for the cells."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from harness.judge import unrun
from harness.plan import PlannedCell
from harness.profile import Profile
from harness.results import Cell, Claim, Finding


def merged(claimed: Mapping[str, bool], found: Mapping[str, bool], profile: Profile) -> list[Claim]:
    """Every claim that anybody speaks of, by name."""
    names = sorted({*claimed, *found, *profile.required})
    return [Claim(n, claimed.get(n), found.get(n), n in profile.required) for n in names]


def there(claim: Claim) -> bool:
    """Whether the feature is taken to be there: what was found counts, then what is claimed; else yes, and the
    cases will tell."""
    return next((value for value in (claim.found, claim.claimed) if value is not None), True)


def decide(cell: PlannedCell, claims: Mapping[str, Claim]) -> Cell | None:
    """The result of a cell that does not apply; None when it is to be run.

    The absence of a feature that the profile requires is one finding of its own (`absent`); cells that need
    the feature are then inconclusive under that cause, not inapplicable.
    """
    for need in cell.case.needs:
        name = need.removeprefix("not ")
        claim = claims.get(name, Claim(name, None, None))
        if there(claim) != need.startswith("not "):
            continue
        if need.startswith("not "):
            return unrun(cell, "not-applicable", f"for devices without {name}", claim=name)
        if claim.required or (claim.claimed and claim.found is False):
            reason = (
                f"needs {name}, which the device lacks although it is {'required' if claim.required else 'claimed'}"
            )
            return unrun(cell, "inconclusive", reason, cause=f"absent: {name}")
        return unrun(cell, "not-applicable", f"the device does not claim {name}", claim=name)
    return None


def absent(edition: str, dut: str, claims: list[Claim], profile: Profile, given: str = "") -> list[Cell]:
    """One failing cell for each feature that is required or claimed, and absent; `given` is what `--dut` names the
    device by, if not by its name."""
    out: list[Cell] = []
    for claim in claims:
        if there(claim) or not (claim.required or claim.claimed):
            continue
        number = profile.required.get(claim.name, "")
        cited = [f"{edition}:{number}"] if number else []
        came = "discovery did not find it" if claim.found is False else "the description says it is not there"
        asked = f"the profile {profile.name} requires it" if claim.required else "the description claims it"
        expected = f"the feature {claim.name} ({asked})"
        out.append(
            Cell(
                id=f"claim.{claim.name}[{edition},{dut}]",
                case=f"claim.{claim.name}",
                edition=edition,
                dut=dut,
                requirements=cited,
                verdict="fail",
                reason=f"expected {expected}; {came}",
                cause=f"absent: {claim.name}",
                findings=[Finding(id, "fail", expected, came, "claim") for id in cited],
                command=shlex.join(["testbed", "run", profile.name, "--dut", given or dut]),
            )
        )
    return out
