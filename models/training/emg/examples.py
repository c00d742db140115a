"""Training examples: stretches of sessions, varied as recordings vary.

What is varied: which channels there are (all of them in most of the examples; else pairs, sides or
single channels are left out, down to two muscles; at times there are only those that most studies
of faces record, while the mouth rests but for its smile, as in people who watch); the normalisation
(by the calibration, or by the recording itself); the gain of each channel; the side (mirror
images); and which side belongs to which movement: two movements are joined at the midline, so that
a paralysed or one-sided face is nothing new. Coefficients of the middle take the mean of both then.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..resume import Ticket, example_rng
from .networks import MISSING
from .pairs import Pair, mirror_order, sides_of

_FEWEST = 2
#: What most studies of faces record: over cheek and brow, and at times the eye or the upper lip.
_MONTAGES = (
    ("zygomaticus", "corrugator"),
    ("zygomaticus", "corrugator", "orbicularis_oculi"),
    ("zygomaticus", "corrugator", "levator_labii"),
    ("zygomaticus", "corrugator", "frontalis_medialis"),
)
#: Muscles of mouth and jaw that rest in people who watch, and neither smile nor frown.
_RESTING = ("masseter", "orbicularis_oris", "depressor_anguli_oris")
#: Activity up to which they count as resting, and how many stretches are looked at for that.
_QUIET, _TRIES = 0.35, 8


class Examples(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Windows of frames (activity, coefficients, known), drawn anew in every epoch.

    Parameters
    ----------
    pairs : sequence of Pair
    muscles, coefficients : sequence of str
        Names of the columns.
    length : int
        Frames of an example.
    seed : int
    settings : mapping
        ``watching``, ``keep_all``, ``mirror``, ``two_sided``, ``own_scale``: shares of the
        examples (``keep_all`` of those that do not watch); ``gain``, ``coefficient_noise``:
        standard deviations.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        muscles: Sequence[str],
        coefficients: Sequence[str],
        *,
        length: int,
        seed: int,
        settings: Mapping[str, Any],
    ) -> None:
        self.pairs, self.length, self.seed, self.settings = list(pairs), length, seed, settings
        self.muscle_sides, self.sides = sides_of(muscles), sides_of(coefficients)
        self.muscle_mirror, self.mirror = mirror_order(muscles), mirror_order(coefficients)
        self.bases = [name.partition(".")[0] for name in muscles]
        self._others = [k for k, base in enumerate(self.bases) if base in _RESTING]
        frames = np.array([len(pair) for pair in self.pairs], np.float64)
        self._chances = frames / frames.sum()
        self._n = max(1, int(frames.sum() / length))

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, ticket: int | Ticket) -> tuple[Tensor, Tensor, Tensor]:
        index, epoch = ticket if isinstance(ticket, Ticket) else (ticket, 0)
        rng = example_rng(self.seed, index, epoch)
        watches = rng.random() < self.settings["watching"]
        activity, coefficients, known = self._quiet(rng) if watches else self._stretch(rng)
        if self.mirror is not None:
            if not watches and rng.random() < self.settings["two_sided"]:
                activity, coefficients, known = self._joined(
                    rng, (activity, coefficients, known), self._stretch(rng)
                )
            if rng.random() < self.settings["mirror"] and self.muscle_mirror is not None:
                activity = activity[:, self.muscle_mirror]
                coefficients = coefficients[:, self.mirror]
        activity = self._gained(rng, activity)
        activity = self._usual(rng, activity) if watches else self._without(rng, activity)
        noise = float(self.settings["coefficient_noise"])
        if noise:
            coefficients = self._noisy(rng, coefficients, noise)
        return (
            torch.from_numpy(np.ascontiguousarray(activity, np.float32)),
            torch.from_numpy(np.ascontiguousarray(coefficients, np.float32)),
            torch.from_numpy(known.astype(np.float32)),
        )

    def _stretch(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A window of a pair; what is beyond its end counts as unknown."""
        pair = self.pairs[int(rng.choice(len(self.pairs), p=self._chances))]
        start = int(rng.integers(0, max(1, len(pair) - self.length + 1)))
        window = slice(start, start + self.length)
        activity = pair.activity[window].copy()
        if pair.own is not None and rng.random() < self.settings["own_scale"]:
            there = activity > 0.5 * MISSING
            rescaled = np.maximum(activity * pair.own[0] + pair.own[1], 0.0)
            activity = np.where(there, rescaled, activity)
        short = self.length - len(activity)
        coefficients, known = pair.coefficients[window], pair.known[window]
        if short:
            activity = np.pad(activity, ((0, short), (0, 0)), mode="edge")
            coefficients = np.pad(coefficients, ((0, short), (0, 0)), mode="edge")
            known = np.pad(known, (0, short))
        return activity, coefficients, known

    def _quiet(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A stretch in which the mouth does no more than smile, or what comes nearest of some."""
        found, least = self._stretch(rng), math.inf
        for _ in range(_TRIES):
            drawn = self._stretch(rng)
            loudest = float(drawn[0][:, self._others].max(initial=0.0))
            if loudest < least:
                found, least = drawn, loudest
            if least < _QUIET:
                break
        return found

    def _usual(self, rng: np.random.Generator, activity: np.ndarray) -> np.ndarray:
        """Only the channels of a usual study, where they are."""
        usual = set(_MONTAGES[int(rng.integers(len(_MONTAGES)))])
        there = activity.max(axis=0) > 0.5 * MISSING
        keep = there & np.array([base in usual for base in self.bases])
        if len({base for base, kept in zip(self.bases, keep, strict=True) if kept}) < _FEWEST:
            return activity
        return np.where(keep, activity, np.float32(MISSING))

    def _joined(
        self,
        rng: np.random.Generator,
        left: tuple[np.ndarray, np.ndarray, np.ndarray],
        right: tuple[np.ndarray, np.ndarray, np.ndarray],
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The left half of one movement beside the right half of another, or of a face at rest."""
        activity, coefficients, known = left
        other, other_coefficients, other_known = right
        if rng.random() < 0.4:  # a paralysed side
            other = np.where(other > 0.5 * MISSING, 0.0, other)
            other_coefficients = np.zeros_like(other_coefficients)
        joined = np.where(self.muscle_sides < 0, other, activity)
        both = np.where(self.sides < 0, other_coefficients, coefficients)
        middle = 0.5 * (coefficients + other_coefficients)
        return joined, np.where(self.sides == 0, middle, both), known & other_known

    def _gained(self, rng: np.random.Generator, activity: np.ndarray) -> np.ndarray:
        spread = float(self.settings["gain"])
        gains = np.exp(spread * rng.standard_normal(activity.shape[1]))
        gains = gains * np.exp(0.5 * spread * rng.standard_normal())
        return np.where(activity > 0.5 * MISSING, activity * gains.astype(np.float32), activity)

    def _without(self, rng: np.random.Generator, activity: np.ndarray) -> np.ndarray:
        """Leave channels out, as recordings do."""
        if rng.random() < self.settings["keep_all"]:
            return activity
        there = activity.max(axis=0) > 0.5 * MISSING
        bases = sorted({base for base, is_there in zip(self.bases, there, strict=True) if is_there})
        keep = there.copy()
        way = rng.random()
        if way < 0.6:  # a few muscles, both sides
            count = int(rng.integers(_FEWEST, max(len(bases), _FEWEST + 1)))
            kept = set(rng.permutation(bases)[:count])
            keep &= np.array([base in kept for base in self.bases])
        elif way < 0.75:  # one side
            keep &= self.muscle_sides != rng.choice([-1, 1])
        else:  # channels that fell off
            keep &= rng.random(len(keep)) > rng.uniform(0.05, 0.4)
        if not keep.any():
            return activity
        return np.where(keep, activity, np.float32(MISSING))

    def _noisy(
        self, rng: np.random.Generator, coefficients: np.ndarray, noise: float
    ) -> np.ndarray:
        """What a tracker makes of a face: other sizes, and trembling."""
        size = np.exp(0.15 * rng.standard_normal(coefficients.shape[1]))
        trembling = noise * rng.random() * rng.standard_normal(coefficients.shape)
        bound = np.abs(coefficients).max()
        changed = coefficients * size + trembling * min(1.0, bound + 1e-6)
        return changed if (coefficients < 0).any() else np.maximum(changed, 0.0)


class Stretches(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """All frames of sessions that are held out, unchanged, in stretches of one length.

    Parameters
    ----------
    pairs : sequence of Pair
    length : int
    """

    def __init__(self, pairs: Sequence[Pair], length: int) -> None:
        self.length = length
        self.places = [(p, at) for p in pairs for at in range(0, len(p), length)]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        pair, at = self.places[index]
        window = slice(at, at + self.length)
        short = self.length - len(pair.activity[window])
        rows = ((0, short), (0, 0))
        return (
            torch.from_numpy(np.pad(pair.activity[window], rows, mode="edge")),
            torch.from_numpy(np.pad(pair.coefficients[window], rows, mode="edge")),
            torch.from_numpy(np.pad(pair.known[window], (0, short)).astype(np.float32)),
        )
