"""What a section of the evaluation gives: rows with their targets, as JSON and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Row:
    """One number.

    Attributes
    ----------
    measure : str
    value : float
        Not a number where it was not measured; then `note` says why.
    n : str
        Of what, and of how many, such as "50 pictures".
    seed : int or None
        None where nothing was drawn by chance.
    target : float or None
    least : bool
        Whether the target is the least, not the most, that is wanted.
    note : str
    """

    measure: str
    value: float
    n: str
    seed: int | None = None
    target: float | None = None
    least: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target or a value."""
        if self.target is None or not np.isfinite(self.value):
            return None
        return self.value >= self.target if self.least else self.value <= self.target

    def verdict(self) -> str:
        """The target and whether it is met, in words."""
        if self.target is None:
            return ""
        said = {True: "met", False: "missed", None: "not measured"}[self.met]
        return f"{'≥' if self.least else '≤'} {self.target:g}: {said}"


@dataclass(frozen=True)
class Section:
    """Rows under one title, with sentences about them and pictures (H, W, 3) by file name."""

    title: str
    rows: Sequence[Row]
    notes: Sequence[str] = ()
    pictures: dict[str, np.ndarray] = field(default_factory=dict)

    def markdown(self) -> str:
        """The section as text."""
        lines = [f"## {self.title}", "", "| measure | value | target | n | seed | |",
                 "|---|---:|---|---|---|---|"]  # fmt: skip
        for row in self.rows:
            value = f"{row.value:.4g}" if np.isfinite(row.value) else "—"
            seed = "" if row.seed is None else str(row.seed)
            cells = (row.measure, value, row.verdict(), row.n, seed, row.note)
            lines.append("| " + " | ".join(cells) + " |")
        lines += ["", *(f"- {note}" for note in self.notes)]
        lines += [f"\n![{name}]({name})" for name in self.pictures]
        return "\n".join(lines) + "\n"

    def document(self) -> dict[str, Any]:
        """The section as JSON-serialisable values."""
        rows = []
        for row in self.rows:
            one = {**asdict(row), "met": row.met}
            one["value"] = row.value if np.isfinite(row.value) else None
            rows.append(one)
        return {"title": self.title, "rows": rows, "notes": list(self.notes),
                "pictures": list(self.pictures)}  # fmt: skip
