"""Damage for files: random changes of bytes, and the check that a reader survives them.

The long run, with a line of figures per format in a file::

    EIFER_FUZZ=5000 EIFER_FUZZ_REPORT=fuzz.jsonl python -m pytest tests/unit -k mutated
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.readers import list_contents, read_recording
from eifer.eifer_addon.signals.recording import Recording

#: Changes per format; ``EIFER_FUZZ=5000`` for the long run.
COUNT = int(os.environ.get("EIFER_FUZZ", "500"))
_REPORT = os.environ.get("EIFER_FUZZ_REPORT", "")
_HEADER = 2048
_LONGEST_S = 10.0
_MOST_MEMORY = 1 << 30


def check_sentences(error: EiferError) -> None:
    """A cause and a remedy, each ending as a sentence does, on one line."""
    assert error.cause.endswith("."), error.cause
    assert error.remedy.endswith("."), error
    assert "\n" not in str(error)


def refusal(action: Callable[[], object]) -> EiferError:
    """The error that `action` raises; its cause is one sentence and its remedy too."""
    with pytest.raises(EiferError) as caught:
        action()
    check_sentences(caught.value)
    return caught.value


def use(path: Path, **choices: object) -> Recording:
    """Read a file as a user would: contents, recording, some samples."""
    list_contents(path)
    recording = read_recording(path, **choices)
    assert len(recording.channels) == len(set(recording.channels)) == len(recording.units)
    assert recording.describe()
    part = recording.data(0, min(recording.n_samples, 100))
    assert part.shape == (len(recording.channels), min(recording.n_samples, 100))
    assert part.dtype == np.float64
    np.testing.assert_array_equal(recording.channel(0, 0, part.shape[1]), part[0])
    last = recording.data(max(recording.n_samples - 5, 0), recording.n_samples)
    assert last.shape[1] == min(recording.n_samples, 5)
    return recording


def everything(recording: Recording) -> tuple[object, np.ndarray]:
    """All that a recording holds, out of its file, which is about to be damaged."""
    r = recording
    return (r.channels, r.units, r.rate_hz, r.n_samples, r.events), r.data().copy()


def same(first: tuple[object, np.ndarray], second: tuple[object, np.ndarray]) -> bool:
    """True when two recordings hold the same signals at the same rate with the same events."""
    return first[0] == second[0] and np.array_equal(first[1], second[1], equal_nan=True)


def peak_memory() -> int:
    """Bytes of memory this process held at most, 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def mutated(data: bytes, generator: np.random.Generator) -> bytes:
    """`data` with one to four bytes changed, often in the header; rarely cut or longer."""
    changed = bytearray(data)
    reach = min(len(data), _HEADER) if generator.random() < 0.5 else len(data)
    for _ in range(generator.integers(1, 5)):
        place = int(generator.integers(0, reach))
        changed[place] = int(generator.integers(0, 256))
    if generator.random() < 0.1:
        del changed[int(generator.integers(1, len(changed))) :]
    elif generator.random() < 0.05:
        place = int(generator.integers(0, len(changed)))
        changed[place:place] = generator.bytes(int(generator.integers(1, 9)))
    return bytes(changed)


def survives(whole: Path, damaged: Path, subject: Path | None = None, **choices: object) -> int:
    """Damage `whole` many times into `damaged`, reading `subject` (default: the damaged file).

    Each is read or refused with sentences that name a file, quickly and without much memory.
    Returns how many were refused.
    """
    data, generator = whole.read_bytes(), np.random.default_rng(len(whole.name))
    read, names = subject or damaged, {damaged.name, (subject or damaged).name}
    damaged.write_bytes(data)
    truth = everything(use(read, **choices))
    before, refused, unharmed, slowest = peak_memory(), 0, 0, 0.0
    for number in range(COUNT):
        damaged.write_bytes(mutated(data, generator))
        start = time.perf_counter()
        try:
            recording = use(read, **choices)
        except EiferError as error:
            check_sentences(error)
            unnamed = not any(name in str(error) for name in names)
            refused += 1
        else:
            unnamed = False
            unharmed += same(everything(recording), truth)
        assert not unnamed, number
        slowest = max(slowest, time.perf_counter() - start)
        assert slowest < _LONGEST_S, number
    grown = peak_memory() - before
    assert grown < _MOST_MEMORY
    report(damaged=damaged.name, size=len(data), changes=COUNT, refused=refused,
           unharmed=unharmed, slowest_s=round(slowest, 3), grown_mb=grown >> 20)  # fmt: skip
    return refused


def report(**figures: object) -> None:
    """Append the figures of a run to the file that ``EIFER_FUZZ_REPORT`` names."""
    if _REPORT:
        test = os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0].rpartition("::")[2]
        with Path(_REPORT).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"test": test, **figures}) + "\n")


def cuts(whole: Path, damaged: Path, places: int = 40) -> None:
    """Cut a file at many places: each is read or refused with sentences."""
    data = whole.read_bytes()
    for end in np.unique(np.linspace(1, len(data) - 1, places).astype(int)):
        damaged.write_bytes(data[:end])
        try:
            use(damaged)
        except EiferError as error:
            check_sentences(error)
            missing = damaged.name not in str(error)
        else:
            missing = False
        assert not missing, end
