"""Pairs for the encoder: the crop that its landmarks' box gives, not quite at its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch.utils.data import DataLoader

from ...reconstructors.encoder import CROP_SCALE, EYE_CORNERS
from ..config import Config
from ..direct.bank import Bank
from ..direct.data import INPUT, Change, Example, Pairs, Settings, collate
from ..direct.pairs import SIZE
from ..direct.task import VALIDATION, DirectData
from ..resume import SeededSampler, Ticket

#: A face of fewer pixels is none.
_LEAST = 16.0


@dataclass(frozen=True)
class Jitter:
    """Standard deviations of what the first look at a face under electrodes gets wrong.

    Attributes
    ----------
    zoom : float
        Of the logarithm of the crop's side.
    shift : float
        Of its middle, as a share of its side.
    roll : float
        Of its turn in radians.
    """

    zoom: float = 0.09
    shift: float = 0.035
    roll: float = 0.08


class FacePairs(Pairs):
    """As `Pairs`, but each picture is cut out around its face, as the encoder's crop rule does.

    Parameters
    ----------
    banks : sequence of Bank
    seed : int
    jitter : Jitter
    bare : float
        Share of faces without electrodes.
    """

    def __init__(self, banks: Sequence[Bank], seed: int, jitter: Jitter, bare: float) -> None:
        # The settings' own turn and scale are of standard deviation 1 here, and used as dice.
        super().__init__(banks, seed, Settings(bare=bare, roll=1.0, zoom=1.0))
        self._jitter = jitter

    def __getitem__(self, key: int | Ticket) -> Example:
        """A pair, by its place or by the sampler's ticket."""
        example = super().__getitem__(key)
        return example._replace(change=around_face(example.change, example.points, self._jitter))


def around_face(change: Change, points: np.ndarray, jitter: Jitter) -> Change:
    """A change that cuts out the face instead of any part of the picture.

    Parameters
    ----------
    change : Change
        Its turn, logarithm of scale and shifts are of standard deviation 1, 1 and 0.07.
    points : numpy.ndarray
        (478, 2) in pixels of the stored picture; where they are not known, the picture's middle is
        cut out.
    jitter : Jitter
    """
    side, middle, turn = float(SIZE), np.full(2, SIZE / 2), 0.0
    low, high = points.min(axis=0), points.max(axis=0)
    if float((high - low).max()) > _LEAST:  # False where they are not numbers
        dx, dy = points[EYE_CORNERS[1]] - points[EYE_CORNERS[0]]
        side, middle = CROP_SCALE * float((high - low).max()), (low + high) / 2
        turn = float(np.arctan2(dy, dx))
    side *= float(np.exp(jitter.zoom * np.log(change.scale)))
    shift = np.array([change.across, change.down]) / 0.07 * jitter.shift * side
    across, down = 2 * (middle + shift) / SIZE - 1
    return change._replace(
        turn=turn + jitter.roll * change.turn, scale=side / INPUT, across=float(across),
        down=float(down),
    )  # fmt: skip


class EncoderData(DirectData):
    """The translator's pairs, cut out as the encoder wants them."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        data = config.data
        self.jitter = Jitter(*(float(data[name]) for name in ("zoom", "shift", "roll")))
        self.bare = float(data["bare"])

    def validation(self) -> FacePairs:
        """Pairs of portraits that are not trained on, the same at every validation."""
        seed = self.config.seed + VALIDATION
        return FacePairs([self.validation_bank()], seed, self.jitter, 0.0)

    def train_dataloader(self) -> DataLoader[Any]:
        """Without end, in an order that follows from the seed."""
        pairs = FacePairs(self.banks(), self.config.seed, self.jitter, self.bare)
        sampler = SeededSampler(len(pairs), self.config.seed, tickets=True)
        return DataLoader(
            pairs, batch_size=int(self.config.data["batch_size"]), sampler=sampler,
            collate_fn=collate, num_workers=int(self.config.data["workers"]),
        )  # fmt: skip
