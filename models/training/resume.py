"""The order of the data as a function of the seed, so that a training goes on where it was killed.

Lightning keeps weights and optimisers; what an interrupted loader had given is lost with its
process. So the order here is computed, not remembered: example k of a training is the same in every
process, on one device or on many, and after a kill the sampler starts at the example that comes
next. A batch that was halved because memory ran out changes nothing of the order.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Sampler


class Ticket(NamedTuple):
    """Which example, and how often all of them were drawn before."""

    example: int
    epoch: int


class SeededSampler(Sampler[int]):
    """Examples in a new order in every epoch, without end; a training is counted in steps.

    Parameters
    ----------
    n_examples : int
    seed : int
        ``config.seed``.
    tickets : bool
        Whether to give a `Ticket` in place of the index, for data sets that draw something
        random in an example: ``__getitem__(ticket)`` takes `example_rng`.

    Attributes
    ----------
    start : int
        How many examples the whole training, on all devices, has seen; set when it is resumed.
    """

    def __init__(self, n_examples: int, seed: int, *, tickets: bool = False) -> None:
        if n_examples < 1:
            raise ValueError("there are no examples")
        self._n, self._seed, self._tickets = n_examples, seed, tickets
        self.start = 0

    def __iter__(self) -> Iterator[int]:
        """Indices from `start` on; of many devices, each takes every n-th."""
        rank, world = _place()
        position = self.start + rank
        order, known = np.empty(0, np.int64), -1
        while True:
            epoch, place = divmod(position, self._n)
            if epoch != known:
                order = np.random.default_rng([self._seed, epoch]).permutation(self._n)
                known = epoch
            index = int(order[place])
            yield Ticket(index, epoch) if self._tickets else index  # type: ignore[misc]
            position += world


def example_rng(seed: int, index: int, epoch: int) -> np.random.Generator:
    """What is random in one example of one epoch, the same in every process."""
    return np.random.default_rng([seed, index, epoch, 1])


def _place() -> tuple[int, int]:
    """Rank and number of the processes that train together."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def is_first() -> bool:
    """Whether this is the one process, or the first of several, that writes files."""
    ranks = (os.environ.get(name) for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK"))
    return next((int(rank) == 0 for rank in ranks if rank), True)
