"""A film's beginning, or each of its frames, is marked in the recording; faces are compared."""

from __future__ import annotations

import numpy as np
import pytest
from fused_session import DELAY_S, make_session

from eifer.eifer_addon import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.recording import Event, Recording
from eifer.eifer_addon.spaces import ARKIT52
from eifer.eifer_addon.track import ExpressionTrack


def film(n: int = 300) -> ExpressionTrack:
    return ExpressionTrack(ARKIT52, np.zeros((n, 52), np.float32), np.arange(n) / 30.0,
                           np.ones(n, np.float32))  # fmt: skip


def recording(onsets: np.ndarray, channel: np.ndarray | None = None) -> Recording:
    samples = np.zeros((1, 20_000)) if channel is None else channel[None]
    events = tuple(Event(float(onset), "camera", 0.01) for onset in onsets)
    return Recording.from_array(samples, 1000.0, ("STATUS",), units=("uV",), events=events)


def test_one_mark_is_the_first_frame() -> None:
    sync = api.synchronise(recording(np.array([2.5])), film(), method="start", event="camera")
    assert (sync.seconds, sync.drift_ppm, sync.method) == (2.5, 0.0, "start")
    assert sync.notes == ()
    several = api.synchronise(
        recording(np.array([2.5, 9.0])), film(), method="start", event="camera"
    )
    assert several.seconds == 2.5
    assert several.confidence < sync.confidence
    assert "first of 2 pulses" in several.describe()


def test_a_pulse_for_every_frame_tells_the_drift() -> None:
    rng = np.random.default_rng(0)
    onsets = 3.0 + (1 + 80e-6) * film().timestamps + 2e-4 * rng.standard_normal(300)
    sync = api.synchronise(recording(onsets), film(), method="start", event="camera")
    assert sync.seconds == pytest.approx(3.0, abs=1e-4)
    assert sync.drift_ppm == pytest.approx(80.0, abs=4 * sync.drift_error_ppm)
    assert (sync.matched, round(sync.residual_ms, 1)) == (300, 0.2)
    assert sync.error_ms < 0.1
    lost = api.synchronise(recording(onsets[:-3]), film(), method="start", event="camera")
    assert lost.confidence < sync.confidence
    assert "3 pulses or frames are lost" in lost.describe()


def test_a_channel_can_hold_the_pulses() -> None:
    pulses = np.zeros(20_000)
    for onset in 3.0 + film().timestamps:
        pulses[round(1000 * onset) : round(1000 * onset) + 10] = 5.0
    sync = api.synchronise(recording(np.zeros(0), pulses), film(), method="start", trigger="STATUS")
    assert sync.matched == 300
    assert sync.seconds == pytest.approx(3.0, abs=2e-3)


def test_only_a_film_begins() -> None:
    one = recording(np.array([2.5]))
    with pytest.raises(EiferError, match="Only a film has a first frame"):
        api.synchronise(one, one, method="start", event="camera")


def test_muscles_are_compared_as_the_face_they_make() -> None:
    session = make_session(4)
    sync = api.synchronise(session.activity, session.video)
    away = sync.seconds - (session.offset_s - DELAY_S)
    # The mean of all muscles against the mean of the whole face was 30 ms off here.
    assert abs(away) < 0.01
    assert abs(away) < 4 * sync.error_ms / 1000
