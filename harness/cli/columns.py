"""Text for people and pipes alike: aligned columns, no colours, no cursor, no width to fit into."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click
import msgspec

from harness.report.visible import line


def aligned(rows: Sequence[Sequence[str]], indent: str = "  ", numbers: Sequence[int] = ()) -> list[str]:
    """`rows` as lines; the columns in `numbers` stand to the right. Control characters are made visible."""
    shown = [[line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)] if shown else []
    return [
        indent
        + "  ".join(
            cell.rjust(width) if number in numbers else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in shown
    ]


def say(lines: Iterable[str]) -> None:
    """Print `lines` in one piece."""
    click.echo("\n".join(lines))


def say_json(value: msgspec.Struct) -> None:
    """Print `value` as JSON, one line for each item."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=1))
