"""Choices for films are checked before the work begins."""

from __future__ import annotations

import math
from typing import Any

import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.video.options import VideoOptions


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"smoothing": -3.0}, "cannot be smoothed by -3 s"),
        ({"smoothing": math.nan}, "cannot be smoothed by nan s"),
        ({"electrodes": "frilund"}, "electrode scheme 'frilund' is not known"),
        ({"fov_deg": 400.0}, "no camera's"),
    ],
)
def test_what_the_fit_would_refuse_is_refused_at_once(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(EiferError, match=sentence):
        VideoOptions.of(wrong)


def test_what_the_fit_takes_passes() -> None:
    options = VideoOptions.of({"smoothing": 0, "electrodes": "kuramoto", "fov_deg": 40})
    assert options.to_provenance() == {"smoothing": 0, "electrodes": "kuramoto", "fov_deg": 40}
