"""Which cells of a plan are wanted: `--case`, `--requirement`, `-k`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from _pytest.mark import expression as pytest_expression

from harness.plan import PlannedCell

# pytest 8 has an exception of its own, pytest 9 raises SyntaxError.
_MALFORMED: type[Exception] = getattr(pytest_expression, "ParseError", SyntaxError)


def chooser(
    cases: Sequence[str] = (), requirements: Sequence[str] = (), keywords: str = ""
) -> Callable[[PlannedCell], bool]:
    """A test for cells. Patterns may be globs; a requirement may be named with or without its catalogue and
    `MQTT-` prefix. LookupError when `keywords` is no expression."""
    expression = None
    if keywords:
        try:
            expression = pytest_expression.Expression.compile(keywords)
        except _MALFORMED as error:
            raise LookupError(f"-k {keywords!r}: {error}; write words with and, or, not and brackets") from None

    def wanted(cell: PlannedCell) -> bool:
        if cases and not any(_names(cell, pattern) for pattern in cases):
            return False
        if requirements and not any(_cites(id, p) for id in cell.requirements for p in requirements):
            return False
        if expression is not None:
            text = f"{cell.id} {' '.join(cell.requirements)}".lower()

            def has(name: str, /, **kwargs: str | int | bool | None) -> bool:
                return name.lower() in text

            return expression.evaluate(has)
        return True

    return wanted


def _names(cell: PlannedCell, pattern: str) -> bool:
    case = cell.case
    # The brackets around a row are no set of letters.
    literal = pattern.replace("[", "[[]")
    return any(
        name == pattern or name.endswith(f".{pattern}") or fnmatchcase(name, pattern) or fnmatchcase(name, literal)
        for name in (case.id, cell.id, f"{case.id}[{cell.row}]", *case.aliases)
    )


def _cites(id: str, pattern: str) -> bool:
    number = id.partition(":")[2]
    return any(fnmatchcase(name, pattern) for name in (id, number, number.partition("-")[2]))


def nothing(cases: Sequence[str], requirements: Sequence[str], keywords: str, cells: Sequence[PlannedCell]) -> str:
    """What to say when a selection left nothing of `cells`."""
    what = " ".join([*(f"--case {c}" for c in cases), *(f"--requirement {r}" for r in requirements)])
    if keywords:
        what += f" -k {keywords!r}"
    names = {cell.case.id for cell in cells} | {cell.case.name for cell in cells}
    close = get_close_matches(cases[0], names, 1) if cases else []
    hint = f"; did you mean {close[0]}?" if close else "; `testbed list cases` names them all"
    return f"nothing is left by {what.strip()}{hint}"
