"""The matrix as Markdown: every column a product, every row that somebody breaks, and nothing that draws its own."""

from __future__ import annotations

import re
from pathlib import Path

from factory import make

from harness.report import matrix_markdown


def test_each_table_has_a_column_for_each_product_and_marks_every_breach(tmp_path: Path) -> None:
    results = make(40, 6)
    text = matrix_markdown.write(results, tmp_path / "new" / "matrix.md").read_text(encoding="utf-8")
    broken = {mark.requirement for mark in results.marks if mark.verdict == "fail"}
    tables = re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    assert len(tables) == len(results.profiles)
    rows = [row for table in tables for row in table.splitlines() if row.startswith("|") and "✗" in row]
    assert len(rows) == len(broken)
    for table in tables:
        columns = {row.count("|") for row in table.splitlines() if row.startswith("|")}
        assert len(columns) == 1, "a cell drew a column of its own"


def test_a_matrix_of_hostile_texts_keeps_its_lines(tmp_path: Path) -> None:
    text = matrix_markdown.matrix(make(40, 6, hostile=True))
    assert "\x1b" not in text
    assert "<script" not in text
