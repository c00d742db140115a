"""Tracks and spaces: what is refused, and what survives a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.spaces import ARKIT52, ARKIT_NAMES, get_space
from eifer.eifer_addon.track import Camera, ExpressionTrack


def make_track(n_frames: int = 12, **changes: object) -> ExpressionTrack:
    """A short track of random coefficients."""
    generator = np.random.default_rng(3)
    fields: dict[str, object] = {
        "space": ARKIT52,
        "coefficients": generator.random((n_frames, 52), dtype=np.float32),
        "timestamps": np.arange(n_frames) / 30,
        "confidence": np.ones(n_frames, np.float32),
        "provenance": {"model": "test", "simulated": True},
    }
    return ExpressionTrack(**(fields | changes))  # type: ignore[arg-type]


def test_a_saved_track_comes_back_bit_for_bit(tmp_path: Path) -> None:
    camera = Camera(1280, 720, 1400.5, (0.01, -0.02, -0.61))
    track = make_track(
        head_pose=np.ones((12, 6), np.float32), identity=np.zeros(3, np.float32), camera=camera
    )
    loaded = ExpressionTrack.load(track.save(tmp_path / "take.npz"))
    for name in ("coefficients", "timestamps", "confidence", "head_pose", "identity"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(track, name))
    assert loaded.space == track.space
    assert loaded.provenance == track.provenance
    assert loaded.camera == camera
    assert [p.name for p in tmp_path.iterdir()] == ["take.npz"]


def test_a_value_that_is_not_a_number_is_named() -> None:
    values = np.zeros((12, 52), np.float32)
    values[7, ARKIT_NAMES.index("jawOpen")] = np.nan
    with pytest.raises(EiferError, match=r"frame 7, coefficient 'jawOpen'"):
        make_track(coefficients=values)


def test_timestamps_that_go_back_are_named() -> None:
    times = np.arange(12) / 30
    times[5] = times[4]
    with pytest.raises(EiferError, match="do not increase at frame 5"):
        make_track(timestamps=times)


def test_wrong_shape_says_what_is_needed() -> None:
    with pytest.raises(EiferError, match=r"\(12, 52\)"):
        make_track(coefficients=np.zeros((12, 51), np.float32))


def test_the_arkit_space_has_the_52_names_once() -> None:
    assert len(set(ARKIT_NAMES)) == 52
    assert list(ARKIT_NAMES) == sorted(ARKIT_NAMES)


def test_parametric_space_lists_expression_jaw_and_eyelids() -> None:
    space = get_space("flame2020:e50j3l2")
    assert len(space) == 55
    assert space.coefficients[50:] == ("jaw.x", "jaw.y", "jaw.z", "eyelid.left", "eyelid.right")
    clipped = space.clip(np.full(55, -9.0))
    assert clipped[0] == -9.0
    np.testing.assert_allclose(clipped[50:], [0.0, -0.2, -0.2, 0.0, 0.0])


def test_unknown_space_is_refused() -> None:
    with pytest.raises(EiferError, match="'arkit53' is not known"):
        get_space("arkit53")


def test_describe_names_what_moves_most() -> None:
    values = np.zeros((12, 52), np.float32)
    values[3, ARKIT_NAMES.index("mouthPucker")] = 1
    assert "most moving: mouthPucker" in make_track(coefficients=values).describe()


def test_a_camera_sees_the_subjects_left_on_the_right_and_up_as_up() -> None:
    camera = Camera(640, 480, 1000.0, (0.0, 0.0, -0.5))
    pixels = camera.project(np.array([[0.0, 0, 0], [0.05, 0.025, 0], [0, 0, 0.1]]))
    np.testing.assert_allclose(pixels, [[320, 240], [420, 190], [320, 240]])


def test_a_damaged_camera_is_refused(tmp_path: Path) -> None:
    camera = Camera(0, 480, 1000.0, (0.0, 0.0, -0.5))
    path = make_track(camera=camera).save(tmp_path / "take.npz")
    with pytest.raises(EiferError, match="has no picture"):
        ExpressionTrack.load(path)
