"""Which requirements a plan speaks of, and which cases cite each."""

from __future__ import annotations

from collections import defaultdict

from harness import suite
from harness.plan import Plan
from harness.requirement import Requirement
from harness.results import RequirementInfo
from testbed.protocol import Role, roles


def citing(role: Role) -> dict[str, list[str]]:
    """Requirement id -> ids of the cases of `role` that cite it."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in suite.suites():
        for case in suite.cases(name):
            if suite.role_of(case) is role:
                for citation in case.cites:
                    found[citation.id].append(case.id)
    return found


def info(row: Requirement, side: str, cases: list[str]) -> RequirementInfo:
    """A catalogue row as results carry it."""
    return RequirementInfo(
        row.id,
        row.catalogue,
        row.number,
        row.side,
        row.level,
        row.clause,
        row.text,
        row.provisional,
        row.untried.get(side, ""),
        cases,
    )


def infos(plan: Plan) -> list[RequirementInfo]:
    """Every requirement of the plan's editions that binds the side under test, in catalogue order."""
    out: dict[str, RequirementInfo] = {}
    for profile in plan.profiles:
        role = roles()[profile.role]
        cases = citing(role)
        for row in suite.catalogue(profile.edition).values():
            if row.binds(role.side):
                out.setdefault(row.id, info(row, role.side, cases.get(row.id, [])))
    return list(out.values())
