"""Batches of pairs: random crops, turned, mirrored, relit, with and without electrodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

from ....eifer_addon.heads.canonical import mirrored_landmarks
from ..resume import Ticket, example_rng
from .bank import Bank
from .pairs import SIZE

INPUT = 256


@dataclass(frozen=True)
class Settings:
    """How pairs are changed on their way into a batch.

    Attributes
    ----------
    bare : float
        Share of pictures that wear nothing and have to stay as they are.
    roll : float
        Standard deviation of the turn in radians.
    zoom : float
        Standard deviation of the logarithm of the scale.
    """

    bare: float = 0.1
    roll: float = 0.16
    zoom: float = 0.13


class Change(NamedTuple):
    """What is done to one pair, drawn by chance.

    Attributes
    ----------
    bare, mirrored : bool
    turn, scale, across, down : float
        The affine map: radians, factor, and shifts as shares of half the picture.
    gain : numpy.ndarray
        (3,) of the colours.
    gamma, pale, noise : float
        Exponent of brightness, share of grey, standard deviation of the camera's noise.
    slope : numpy.ndarray
        (2,) of the light, downwards and to the side.
    seed : int
        Of the noise.
    """

    bare: bool
    mirrored: bool
    turn: float
    scale: float
    across: float
    down: float
    gain: np.ndarray
    gamma: float
    pale: float
    noise: float
    slope: np.ndarray
    seed: int


class Example(NamedTuple):
    """A stored pair and what is to be done to it."""

    clean: np.ndarray
    worn: np.ndarray
    drawn: np.ndarray
    points: np.ndarray
    change: Change


class Batch(NamedTuple):
    """Pictures (n, 3, 256, 256) and (n, 1, 256, 256) in [0, 1], landmarks (n, 478, 2) in pixels."""

    clean: Tensor
    occluded: Tensor
    coverage: Tensor
    landmarks: Tensor


class Pairs(Dataset):
    """The pairs of some banks, each changed by chance; the same for the same seed.

    Parameters
    ----------
    banks : sequence of Bank
    seed : int
    settings : Settings
    """

    def __init__(self, banks: Sequence[Bank], seed: int, settings: Settings | None = None) -> None:
        self._banks, self._seed = list(banks), seed
        self._starts = np.cumsum([0, *(len(bank) for bank in banks)])
        self._settings = settings or Settings()

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, key: int | Ticket) -> Example:
        """A pair, by its place or by the sampler's ticket, which counts rounds as well."""
        index, epoch = key if isinstance(key, tuple) else (int(key), 0)
        k = int(np.searchsorted(self._starts, index, side="right")) - 1
        bank, place = self._banks[k], index - int(self._starts[k])
        change = draw_change(example_rng(self._seed, index, epoch), self._settings)
        clean, worn, drawn, points = (
            np.array(array[place])
            for array in (bank.clean, bank.occluded, bank.coverage, bank.landmarks)
        )
        if change.bare:
            worn, drawn = clean, np.zeros_like(drawn)
        return Example(clean, worn, drawn, points, change)


def draw_change(rng: np.random.Generator, settings: Settings) -> Change:
    """What is done to one pair."""
    return Change(
        bare=bool(rng.uniform() < settings.bare),
        mirrored=bool(rng.uniform() < 0.5),
        turn=float(rng.normal(0, settings.roll)),
        scale=float(np.exp(rng.normal(0, settings.zoom))),
        across=float(rng.normal(0, 0.07)),
        down=float(rng.normal(0, 0.07)),
        gain=np.exp(rng.normal(0, 0.16) + rng.normal(0, 0.06, 3)),
        gamma=float(np.exp(rng.normal(0, 0.18))),
        pale=float(rng.uniform() * (rng.uniform() < 0.3)),
        noise=float(abs(rng.normal(0, 0.012)) * (rng.uniform() < 0.6)),
        slope=rng.normal(0, 0.22, 2),
        seed=int(rng.integers(1 << 62)),
    )


def collate(examples: Sequence[Example]) -> Batch:
    """Change pairs and put them into a batch."""
    planes = np.stack(
        [np.concatenate([e.clean, e.worn, e.drawn[..., None]], axis=-1) for e in examples]
    )
    stacked = torch.from_numpy(planes).permute(0, 3, 1, 2).float().div_(255)
    changes = [example.change for example in examples]
    maps = torch.stack([_map(change) for change in changes])
    grid = functional.affine_grid(maps, [len(maps), 7, INPUT, INPUT], align_corners=False)
    seen = functional.grid_sample(stacked, grid, padding_mode="reflection", align_corners=False)
    mirrored = torch.tensor([change.mirrored for change in changes])
    points = torch.from_numpy(np.stack([example.points for example in examples]))
    clean, worn = _recoloured(seen[:, :3], seen[:, 3:6], changes)
    return Batch(clean, worn, seen[:, 6:7], _moved(points, maps, mirrored))


def _map(change: Change) -> Tensor:
    """The affine map (2, 3) from the network's input to the stored picture."""
    half = INPUT / SIZE * change.scale
    c, s = np.cos(change.turn) * half, np.sin(change.turn) * half
    sign = -1.0 if change.mirrored else 1.0
    return torch.tensor([[c * sign, -s, change.across], [s * sign, c, change.down]]).float()


def _recoloured(clean: Tensor, worn: Tensor, changes: Sequence[Change]) -> tuple[Tensor, Tensor]:
    """Both pictures in another light and another camera, whose noise only the worn one has."""

    def of(values: Sequence[float | np.ndarray]) -> Tensor:
        array = np.stack([np.atleast_1d(value) for value in values]).astype(np.float32)
        return torch.from_numpy(array)[..., None, None]

    line = torch.linspace(-1, 1, INPUT)
    slope = of([change.slope for change in changes])
    light = 1 + slope[:, :1] * line[:, None] + slope[:, 1:] * line[None]
    field = of([change.gain for change in changes]) * light
    power, pale = (of([getattr(c, name) for c in changes]) for name in ("gamma", "pale"))
    made = []
    for picture in (clean, worn):
        lit = picture.clamp_min(1e-4).pow(power) * field
        made.append((lit + pale * (lit.mean(dim=1, keepdim=True) - lit)).clamp(0, 1))
    shake = torch.stack([
        torch.randn(made[1].shape[1:], generator=torch.Generator().manual_seed(change.seed))
        for change in changes
    ])  # fmt: skip
    grain = shake * of([change.noise for change in changes])
    return made[0], (made[1] + grain).clamp(0, 1)


def _moved(points: Tensor, maps: Tensor, mirrored: Tensor) -> Tensor:
    """Landmarks (n, 478, 2) of the stored pictures in pixels of the batch's."""
    unit = points / SIZE * 2 - 1 - maps[:, None, :, 2]
    turned = unit @ torch.linalg.inv(maps[:, :, :2]).transpose(1, 2)
    pixels = (turned + 1) / 2 * INPUT
    other = pixels[:, torch.from_numpy(mirrored_landmarks().copy())]
    return torch.where(mirrored[:, None, None], other, pixels)
