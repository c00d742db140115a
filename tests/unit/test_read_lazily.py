"""A second of a long recording costs a second's memory in the formats that are sliced in place."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import big_files
import numpy as np
import pytest

from eifer.eifer_addon.signals.readers import read_recording

CHANNELS, RATE, SECONDS = 32, 4096, 60


@pytest.mark.parametrize("suffix", big_files.SLICED)
def test_a_second_of_a_minute_costs_a_second(tmp_path: Path, suffix: str) -> None:
    path = big_files.SLICED[suffix](tmp_path / f"a.{suffix}", CHANNELS, RATE, SECONDS)
    whole = CHANNELS * RATE * SECONDS * 8
    tracemalloc.start()
    try:
        recording = read_recording(path)
        opened = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        second = recording.data(30 * RATE, 31 * RATE)
        sliced = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert recording.rate_hz == RATE
    assert recording.n_samples == RATE * SECONDS
    truth = big_files.counts(CHANNELS, RATE).T * big_files.SCALE_UV
    if suffix == "poly5":  # its sixteenths of a second are all alike
        truth = np.tile(truth[:, : RATE // 16], 16)
    np.testing.assert_allclose(second, truth, atol=1e-3)
    # An XDF file's times are read when it is opened: a number of 8 bytes per sample, a few times.
    assert opened < whole / (4 if suffix == "xdf" else 20)
    assert sliced < 6 * second.nbytes
