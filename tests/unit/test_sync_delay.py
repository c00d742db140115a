"""The electro-mechanical delay is told from filters and from offsets of the clocks."""

from __future__ import annotations

import numpy as np
import pytest
from posed_session import Person, personal_table, posed_session

from eifer import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.activity import Activity
from eifer.eifer_addon.signals.convert import to_activity
from eifer.eifer_addon.signals.edits import Edits, apply_edits
from eifer.eifer_addon.signals.recording import Recording
from eifer.eifer_addon.signals.sync_result import Sync
from eifer.eifer_addon.spaces import ARKIT52
from eifer.eifer_addon.track import ExpressionTrack
from eifer.models.baseline import build_model
from eifer.models.emg2exp import emg_to_expression
from eifer.models.sessions import load_model


@pytest.fixture(scope="module")
def session() -> tuple[Recording, Activity]:
    return posed_session(Person(2))


def video_of(
    truth: Activity, delay_s: float, noise: float = 0.05, start_s: float = 0.0
) -> ExpressionTrack:
    """What a camera of 30 frames/s sees of another face than the baseline's."""
    face = load_model(build_model(personal_table(2)), kind="emg2exp")
    shown = emg_to_expression(truth, face)
    times = np.arange(1.0, shown.timestamps[-1] - 1.0, 1 / 30)
    rng = np.random.default_rng(round(1e4 * delay_s))
    values = np.stack(
        [np.interp(times - delay_s, shown.timestamps, c) for c in shown.coefficients.T], axis=1
    )
    values = np.clip(values + noise * rng.standard_normal(values.shape), 0, 1).astype(np.float32)
    return ExpressionTrack(ARKIT52, values, times + start_s, np.ones(len(times), np.float32))


@pytest.mark.parametrize("delay_s", [0.03, 0.06, 0.09, 0.12])
@pytest.mark.parametrize("preset", ["clinical", "live"])
def test_simulated_delays_are_recovered_within_ten_milliseconds(
    session: tuple[Recording, Activity], delay_s: float, preset: str
) -> None:
    activity = to_activity(session[0], preset=preset)
    found = api.estimate_delay(activity, video_of(session[1], delay_s))
    assert found.seconds == pytest.approx(delay_s, abs=0.01)
    assert found.spread_s < 0.02
    assert found.confidence > 0.6
    assert len(found.muscles) >= 6
    assert found.filter_ms == activity.delay_ms
    assert "Electro-mechanical delay" in found.describe()


def test_the_delay_to_set_makes_the_avatar_move_with_the_face(
    session: tuple[Recording, Activity],
) -> None:
    video = video_of(session[1], 0.09)
    for preset in ("clinical", "live"):
        activity = to_activity(session[0], preset=preset)
        found = api.estimate_delay(activity, video)
        edited = apply_edits(activity, Edits(delay_ms=found.edit_ms))
        track = api.emg_to_expression(edited)
        smile = ARKIT52.coefficients.index("mouthSmileLeft")
        own = np.interp(video.timestamps, track.timestamps, track.coefficients[:, smile])
        seen = video.coefficients[:, smile]
        lags = np.arange(-6, 7)
        scores = [np.corrcoef(own[10:-10], np.roll(seen, -k)[10:-10])[0, 1] for k in lags]
        assert lags[int(np.argmax(scores))] == 0, preset


def test_an_offset_of_the_clocks_is_not_taken_for_delay(
    session: tuple[Recording, Activity],
) -> None:
    activity = to_activity(session[0])
    video = video_of(session[1], 0.07, start_s=-12.5)
    found = api.estimate_delay(activity, video, sync=Sync(12.5, 0.0, 0.9, "light", 20))
    assert found.seconds == pytest.approx(0.07, abs=0.01)
    with pytest.raises(EiferError, match="in the offset already"):
        api.estimate_delay(activity, video, sync=Sync(12.5, 0.0, 0.9, "curves"))
    with pytest.raises(EiferError, match="No muscle shows a delay"):
        api.estimate_delay(activity, video_of(session[1], 0.6))


def test_one_curve_per_muscle_serves_too(session: tuple[Recording, Activity]) -> None:
    recording, truth = session
    times = np.arange(1.0, 40.0, 1 / 50)
    curves = {
        muscle: (times, np.interp(times - 0.08, truth.timestamps, truth.column(muscle)))
        for muscle in ("zygomaticus.left", "corrugator.right")
    }
    found = api.estimate_delay(to_activity(recording), curves)
    assert set(found.muscles) == set(curves)
    assert found.seconds == pytest.approx(0.08, abs=0.01)
    with pytest.raises(EiferError, match="no muscle 'risorius"):
        api.estimate_delay(to_activity(recording), {"risorius.left": curves["zygomaticus.left"]})


def test_noise_gets_no_confident_delay(session: tuple[Recording, Activity]) -> None:
    rng = np.random.default_rng(0)
    values = rng.random((900, 52)).astype(np.float32)
    times = np.arange(900) / 30.0
    noise = ExpressionTrack(ARKIT52, values, times, np.ones(900, np.float32))
    with pytest.raises(EiferError, match="No muscle shows a delay"):
        api.estimate_delay(to_activity(session[0]), noise)
