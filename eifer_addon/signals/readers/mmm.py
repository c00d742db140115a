"""MMM envelopes: CSV with an unnamed frame column and 22 columns of 11 muscles, 30 Hz.

Layout of the MMM data set (Zenodo 16636409, with Büchner and others, CVPR 2025): one row per
video frame, RMS envelopes over 500 ms in microvolts, without normalisation. The exact
spelling of the headers is not published, so they are recognised through the montage.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ...files import sha256_of
from ..montage import match_channels
from ..recording import Recording
from .base import Choices, Reader
from .text import column_rows, load_columns, sniff

RATE_HZ = 30.0
_N_COLUMNS = 22
#: So many of the 22 must be known muscles with a side.
_LEAST_KNOWN = 20
_NAMELESS = ("", "unnamed: 0")


def recognises(path: Path, head: bytes) -> bool:
    """True for a table with an unnamed counter and 22 columns that are known muscles."""
    layout = sniff(path.name, head)
    if layout is None or len(layout.names) != _N_COLUMNS + 1:
        return False
    if layout.names[0].strip().lower() not in _NAMELESS:
        return False
    matches = match_channels(layout.names[1:])
    return sum(m.side in ("left", "right") for m in matches) >= _LEAST_KNOWN


def read(path: Path, choices: Choices) -> Recording:
    """Read MMM envelopes; a slightly negative edge of a clip stays as it is."""
    columns = load_columns(path, range(1, _N_COLUMNS + 1))
    rate = choices.rate_hz or RATE_HZ
    recording = Recording.from_array(
        np.ascontiguousarray(columns.values.T),
        rate,
        columns.names,
        source={
            "file": str(path),
            "sha256": sha256_of(path),
            "format": "mmm",
            "notes": [f"MMM envelopes (RMS over 500 ms, one row per video frame) at {rate:g} Hz."],
        },
    )
    columns.check_finite(path.name, rate, but=choices.drop)
    units = ("uV",) * _N_COLUMNS
    return replace(recording, units=units, holds_envelope=True)


READER = Reader("mmm", "MMM envelopes (.csv, 22 columns at 30 Hz)", recognises, read, column_rows)
