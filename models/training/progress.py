"""How far a training is: for a person as lines of text, for a program as lines of JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from typing import Any, TextIO, TypeVar

_TOLD_EVERY_S = 5.0
_HOUR_S, _MINUTE_S = 3600, 60
_Item = TypeVar("_Item")
#: Who is told about data that are read before the first step; an empty note asks whether to go on.
_PREPARING: ContextVar[Callable[[str], None] | None] = ContextVar("preparing", default=None)


@dataclass(frozen=True)
class Progress:
    """Where a training stands.

    Attributes
    ----------
    step, total : int
        Steps of the optimiser that are done, and how many there will be.
    seconds : float
        Spent so far, over all resumed parts.
    eta_s : float or None
        Left, by the speed of this part and the limit of time; None before there is a speed.
    losses : mapping of str to float
        What was logged last.
    best : float or None
        The best validated value so far.
    note : str
        A sentence, when something happened: resumed, memory ran out, stopped.
    """

    step: int
    total: int
    seconds: float
    eta_s: float | None = None
    losses: Mapping[str, float] = field(default_factory=dict)
    best: float | None = None
    note: str = ""

    @property
    def share(self) -> float:
        """Of the steps, from 0 to 1."""
        return min(1.0, self.step / self.total) if self.total else 0.0

    def as_document(self) -> dict[str, Any]:
        """For JSON; `from_document` reads it."""
        return {**asdict(self), "losses": dict(self.losses)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Progress:
        """Read what `as_document` gave."""
        return cls(**document)

    def describe(self) -> str:
        """One line."""
        loss = self.losses.get("loss")
        parts = [f"step {self.step} of {self.total}"]
        parts += [f"loss {loss:.4g}"] if loss is not None else []
        parts += [f"best {self.best:.4g}"] if self.best is not None else []
        parts += [f"{spell(self.eta_s)} left"] if self.eta_s is not None and self.share < 1 else []
        return ", ".join(parts)


OnTraining = Callable[[Progress], None]


def spell(seconds: float) -> str:
    """A duration as a person says it: ``40 s``, ``12 min``, ``3 h 5 min``."""
    whole = round(seconds)
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        return f"{round(whole / _MINUTE_S)} min"
    return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S} min"


@contextmanager
def preparing(tell: Callable[[str], None]) -> Iterator[None]:
    """Let `tell` hear of what `prepared` goes through; it may raise `Cancelled`."""
    token = _PREPARING.set(tell)
    try:
        yield
    finally:
        _PREPARING.reset(token)


def prepared(items: Sequence[_Item], what: str) -> Iterator[_Item]:
    """Items one by one; whoever trains is told every few seconds how many are done and are left."""
    tell = _PREPARING.get()
    began = told = time.monotonic()
    for done, item in enumerate(items):
        now, note = time.monotonic(), ""
        if done and now - told >= _TOLD_EVERY_S:
            told = now
            left = (now - began) / done * (len(items) - done)
            note = f"{what} {done + 1} of {len(items)}, {spell(left)} left"
        if tell is not None:
            tell(note)
        yield item


class TextProgress:
    """A line every few seconds, and every note at once, on standard error.

    Parameters
    ----------
    title : str
    stream : file, optional
    every_s : float
        Seconds between two lines.
    """

    def __init__(
        self, title: str, stream: TextIO | None = None, every_s: float = _TOLD_EVERY_S
    ) -> None:
        self._title, self._every = title, every_s
        self._stream = sys.stderr if stream is None else stream
        self._told_at = float("-inf")

    def __call__(self, progress: Progress) -> None:
        """Tell how far it is."""
        if progress.note:
            print(f"{self._title}: {progress.note}", file=self._stream, flush=True)
            return
        now = time.monotonic()
        if now - self._told_at >= self._every or progress.step >= progress.total:
            self._told_at = now
            print(f"{self._title}: {progress.describe()}", file=self._stream, flush=True)


class JsonProgress:
    """A line of JSON for each report, for a program that started the training."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream

    def __call__(self, progress: Progress) -> None:
        """Tell how far it is."""
        print(json.dumps({"progress": progress.as_document()}), file=self._stream, flush=True)
