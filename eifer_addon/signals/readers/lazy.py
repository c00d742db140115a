"""Samples that stay in the file: interleaved numbers behind a header, read when asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .base import unreadable

#: Channels that are fetched together when one of them is asked for.
_GROUP = 8
#: What NumPy has no type for: signed numbers of three bytes, lowest first.
INT24 = "i3"


def bytes_of(dtype: np.dtype[Any] | str) -> int:
    """Bytes of one number."""
    return 3 if dtype == INT24 else np.dtype(dtype).itemsize


def widened(packed: np.ndarray) -> np.ndarray:
    """Numbers (...) int32 of bytes (..., 3), lowest byte first."""
    wide = np.zeros((*packed.shape[:-1], 4), np.uint8)
    wide[..., 1:] = packed  # the sign is the highest bit, so it is shifted back down
    return np.asarray(wide.view("<i4")[..., 0] >> 8)


@dataclass
class Grouped:
    """Single channels out of interleaved numbers without going through the file once for each.

    A pass over interleaved numbers costs the same for one channel as for eight, so the neighbours
    of a channel that was asked for are kept for the next question.

    Attributes
    ----------
    columns : callable
        ``columns(slice, start, stop) -> (stop - start, k)`` in the file's own number type.
    n_channels : int
    gain, shift : numpy.ndarray or None
        ``value = number × gain + shift``, each (n_channels,).
    """

    columns: Callable[[slice, int, int], np.ndarray]
    n_channels: int
    gain: np.ndarray | None = None
    shift: np.ndarray | None = None

    def __post_init__(self) -> None:
        self._kept: tuple[tuple[int, int, int], np.ndarray] | None = None

    def read_samples(self, start: int, stop: int) -> np.ndarray:
        """Values (n_channels, stop - start) in the channels' units."""
        numbers = self.columns(slice(0, self.n_channels), start, stop)
        with np.errstate(invalid="ignore"):  # some kinds of not-a-number complain when widened
            values = np.array(numbers.T, np.float64, order="C")
        if self.gain is not None:
            values *= self.gain[:, None]
        if self.shift is not None:
            values += self.shift[:, None]
        return values

    def read_channel(self, index: int, start: int, stop: int) -> np.ndarray:
        """Values (stop - start,) of one channel in its unit."""
        first = index - index % _GROUP
        key, kept = (first, start, stop), self._kept
        if kept is None or kept[0] != key:
            last = min(first + _GROUP, self.n_channels)
            kept = (key, np.ascontiguousarray(self.columns(slice(first, last), start, stop).T))
            self._kept = kept
        with np.errstate(invalid="ignore"):
            values = kept[1][index - first].astype(np.float64)
        if self.gain is not None:
            values *= self.gain[index]
        if self.shift is not None:
            values += self.shift[index]
        return values


@dataclass(frozen=True)
class Interleaved:
    """A matrix of numbers in a file, one row per sample, or one per channel when `by_channel`.

    Attributes
    ----------
    path : pathlib.Path
    offset : int
        Bytes before the first number.
    dtype : numpy.dtype or str
        With its byte order, or `INT24`.
    n_samples, n_columns : int
        Shape of the matrix in the file.
    by_channel : bool
        True when all samples of the first channel come first.
    """

    path: Path
    offset: int
    dtype: np.dtype[Any] | str
    n_samples: int
    n_columns: int
    by_channel: bool = False

    def _matrix(self) -> np.ndarray:
        """A view (n_samples, n_columns) of the file; opened anew, so that no file stays open."""
        shape: tuple[int, ...] = (self.n_samples, self.n_columns)
        try:
            if self.by_channel:
                return np.memmap(self.path, self.dtype, "r", self.offset, shape[::-1]).T
            if self.dtype == INT24:
                return np.memmap(self.path, np.uint8, "r", self.offset, (*shape, 3))
            return np.memmap(self.path, self.dtype, "r", self.offset, shape)
        except (OSError, ValueError) as error:  # it was there when it was recognised
            raise unreadable(self.path, OSError(str(error))) from error

    def columns(self, columns: slice | np.ndarray, start: int, stop: int) -> np.ndarray:
        """Numbers (stop - start, k) of some columns."""
        part = self._matrix()[start:stop, columns]
        return widened(part) if self.dtype == INT24 else part
