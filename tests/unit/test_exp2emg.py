"""From expressions to muscles: which act, when, how sure, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from eifer import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.spaces import ARKIT52, ARKIT_NAMES, get_space
from eifer.eifer_addon.track import ExpressionTrack
from eifer.models.choosing import built_in, model_path
from eifer.models.emg_schemes import muscles_of
from eifer.models.exp2emg import predict_muscles

SCHEMES = ("fridlund", "kuramoto")


def shown(rate_hz: float = 30.0, seconds: float = 4.0, **coefficients: float) -> ExpressionTrack:
    """A symmetric expression that comes at 1.5 s within 0.4 s, is held for 1 s, and goes."""
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    shape = np.clip((times - 1.5) / 0.4, 0, 1) - np.clip((times - 2.9) / 0.5, 0, 1)
    values = np.zeros((len(times), 52), np.float32)
    for k, name in enumerate(ARKIT_NAMES):
        base = name.removesuffix("Left").removesuffix("Right")
        values[:, k] = coefficients.get(base, 0.0) * shape
    return ExpressionTrack(ARKIT52, values, times, np.ones(len(times), np.float32))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_card_says_how_it_was_made(scheme: str) -> None:
    card = built_in(f"exp2emg_{scheme}").card
    assert card.outputs == muscles_of(scheme)
    assert card.inputs == ARKIT_NAMES
    assert card.metrics["test_rho"] > 0.4
    assert f"default_weights exp2emg_{scheme}" in card.training["command"]
    assert model_path(f"exp2emg_{scheme}", "exp2emg").stat().st_size <= 300_000


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_smile_is_the_zygomaticus_and_raised_brows_are_the_frontalis(scheme: str) -> None:
    smile = api.expression_to_emg(shown(mouthSmile=0.7, cheekSquint=0.3), scheme=scheme)
    assert smile.muscles == muscles_of(scheme)
    assert (smile.rate_hz, smile.source["predicted"]) == (100.0, True)
    top = dict(zip(smile.muscles, smile.values.max(axis=0), strict=True))
    assert top["zygomaticus.left"] > 0.25
    assert top["zygomaticus.left"] > 2 * top["frontalis_medialis.left"]
    brows = api.expression_to_emg(shown(browInnerUp=0.7, browOuterUp=0.7), scheme=scheme)
    top = dict(zip(brows.muscles, brows.values.max(axis=0), strict=True))
    assert top["frontalis_medialis.left"] > 0.25
    assert top["frontalis_medialis.left"] > 2 * top["zygomaticus.left"]
    np.testing.assert_array_equal(brows.values[:20], 0.0)
    assert smile.source["expected_error"]["zygomaticus.left"] > 0


def test_muscles_act_before_the_face_moves() -> None:
    track = shown(mouthSmile=0.7, cheekSquint=0.3)
    found = api.expression_to_emg(track)
    muscle = found.column("zygomaticus.left")
    face = np.interp(found.timestamps, track.timestamps, track.column("mouthSmileLeft"))
    # By its end: how steeply muscle and face rise differs, because force saturates.
    let_go = found.timestamps[muscle > 0.8 * muscle.max()][-1]
    fallen = found.timestamps[face > 0.8 * face.max()][-1]
    assert 0.02 < fallen - let_go < 0.25


def test_the_rate_of_the_track_changes_nothing_but_the_frames() -> None:
    slow = api.expression_to_emg(shown(25.0, mouthSmile=0.7))
    fast = api.expression_to_emg(shown(120.0, mouthSmile=0.7))
    assert (slow.rate_hz, fast.rate_hz) == (100.0, pytest.approx(120.0))
    at = np.interp(slow.timestamps, fast.timestamps, fast.column("zygomaticus.left"))
    np.testing.assert_allclose(slow.column("zygomaticus.left")[20:-20], at[20:-20], atol=0.08)


def test_a_gap_is_rest_and_a_short_one_is_bridged() -> None:
    track = shown(mouthSmile=0.7)
    for frames, bridged in ((slice(60, 63), True), (slice(50, 80), False)):
        sure = np.ones(len(track), np.float32)
        sure[frames] = 0.0
        gappy = ExpressionTrack(ARKIT52, track.coefficients, track.timestamps, sure)
        found = api.expression_to_emg(gappy)
        middle = found.column("zygomaticus.left")[round(65 / 30 * 100)]
        assert bool(middle > 0.2) is bridged


def test_left_and_right_are_told_apart() -> None:
    track = shown(mouthSmile=0.7)
    values = track.coefficients.copy()
    values[:, ARKIT_NAMES.index("mouthSmileRight")] = 0.0
    found = api.expression_to_emg(
        ExpressionTrack(ARKIT52, values, track.timestamps, track.confidence)
    )
    left, right = (found.column(f"zygomaticus.{side}").max() for side in ("left", "right"))
    assert left > 0.2
    assert right < 0.5 * left


def test_what_cannot_be_used_is_one_sentence() -> None:
    track = shown(mouthSmile=0.7)
    nothing = ExpressionTrack(
        ARKIT52, track.coefficients, track.timestamps, np.zeros(len(track), np.float32)
    )
    with pytest.raises(EiferError, match="has 0 frames that can be used"):
        api.expression_to_emg(nothing)
    with pytest.raises(EiferError, match="no electrode scheme 'nobody'"):
        api.expression_to_emg(track, scheme="nobody")
    space = get_space("bfm09:e64")
    other = ExpressionTrack(
        space, np.zeros((len(track), 64), np.float32), track.timestamps, track.confidence
    )
    with pytest.raises(EiferError, match="takes the expression space arkit52, but the track is in"):
        predict_muscles(other, built_in("exp2emg_fridlund"))
    with pytest.raises(EiferError, match="There is no exp2emg model named 'nobody'"):
        api.expression_to_emg(track, model="nobody")
