"""The baseline: a plain CycleGAN with the minimal-change loss, as EIFER's predecessor.

Büchner et al., "Let's get the FACS straight: reconstructing obstructed facial features" (VISAPP
2023). No face model lies between: the generators translate the picture itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .generator import Generator
from .losses import Cycle, Pass
from .training import Batch, CycleTraining, fresh

if TYPE_CHECKING:
    from ..config import Config


class McCycleGan(CycleTraining):
    """Two generators that translate pictures, against two critics."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        model = config.model
        self.s2n, self.n2s = (
            Generator(3, model["width"], model["blocks"], model["norm"]) for _ in range(2)
        )
        fresh(self)

    def cycles(self, batch: Batch, *, second: bool) -> tuple[Cycle, Cycle]:
        """Both cycles of a batch."""
        found = []
        for side, there, back in (
            ("sensor", self.s2n, self.n2s), ("normal", self.n2s, self.s2n),
        ):  # fmt: skip
            first = Pass(there(batch[side]))
            again = Pass(back(first.image)) if second else None
            found.append(Cycle(batch[side], first, again))
        return found[0], found[1]
