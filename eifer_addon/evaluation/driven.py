"""Which expressions the recorded muscles drive at all, from the simulator's muscles.

The rule stands on the table that the truth is made with (`models/synthetic/face_muscles.json`), not
on anyone's scores: a coefficient counts as driven when at least a third of what moves it comes from
muscles under electrodes of the scheme. A shape that several units make together is only as
measurable as the least of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ...models.synthetic.face_muscles import read_face_muscles

LEAST_SHARE = 1.0 / 3.0


def measured_share(coefficient: str, muscles: Collection[str]) -> float:
    """The part of a coefficient's movement that is made by measured muscles, 0 to 1.

    Parameters
    ----------
    coefficient : str
        Of `arkit52`.
    muscles : collection of str
        Those recorded, with or without side.
    """
    table = read_face_muscles()
    recorded = {muscle.partition(".")[0] for muscle in muscles}
    base = coefficient.removesuffix("Left").removesuffix("Right")
    rules = table["coefficients"]
    gains: Mapping[str, float] = rules["sided"].get(base) or rules["bilateral"].get(base) or {}
    whole = sum(gains.values())
    if not whole:
        return 0.0
    return sum(g * _unit_share(table, unit, recorded) for unit, g in gains.items()) / whole


def _unit_share(table: Mapping[str, Any], unit: str, recorded: Collection[str]) -> float:
    if unit in table["together"]:
        return min(_unit_share(table, part, recorded) for part in table["together"][unit]["units"])
    if unit in table["above"]:
        return _unit_share(table, table["above"][unit]["unit"], recorded)
    weights = table["units"][unit]
    return sum(w for m, w in weights.items() if m in recorded) / sum(weights.values())


def is_driven(coefficient: str, muscles: Collection[str]) -> bool:
    """Whether the recorded muscles drive a coefficient, by the rule of this module."""
    return measured_share(coefficient, muscles) >= LEAST_SHARE
