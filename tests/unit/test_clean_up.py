"""Clean-up after the take: what is changed, what is not, and never any lag."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eifer.eifer_addon import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.regions import opposite
from eifer.eifer_addon.spaces import ARKIT52, get_space
from eifer.eifer_addon.track import Camera, ExpressionTrack
from eifer.eifer_addon.video.track_edits import TrackEdits

FPS = 30.0
RNG = np.random.default_rng(7)
NAMES = ARKIT52.coefficients


def track_of(n: int = 300, space: str = "arkit52", **columns: np.ndarray) -> ExpressionTrack:
    """A still face but for the named columns (underscores stand for dots)."""
    named = get_space(space)
    values = np.zeros((n, len(named)), np.float32)
    for name, column in columns.items():
        values[:, named.coefficients.index(name.replace("_", "."))] = column
    pose = np.zeros((n, 6), np.float32)
    return ExpressionTrack(named, values, np.arange(n) / FPS, np.ones(n, np.float32), pose)


def speech(n: int, noise: float = 0.0) -> np.ndarray:
    """Smooth movement up to 2 Hz between 0.1 and 0.9, with frame noise on request."""
    t = np.arange(n) / FPS
    wave = sum(np.sin(2 * np.pi * f * t + f) for f in (0.3, 0.7, 1.3, 2.0)) / 4
    return 0.5 + 0.35 * wave + noise * RNG.standard_normal(n)


def blinks(n: int, at: tuple[int, ...], height: float = 1.0) -> np.ndarray:
    """Closings of 7 frames."""
    values = np.full(n, 0.08)
    for k in at:
        shape = height * np.array([0.2, 0.6, 0.95, 1, 0.8, 0.5, 0.2])
        values[k - 3 : k + 4] = np.maximum(0.08, shape)
    return values


def lag_in_frames(before: np.ndarray, after: np.ndarray) -> float:
    """Place of the peak of the cross-correlation, between frames."""
    # The ends must not count: what is cut off there differs from lag to lag.
    fade = np.hanning(len(before))
    a, b = fade * (before - before.mean()), fade * (after - after.mean())
    lags = np.arange(-8, 9)
    score = np.array([np.dot(a[8:-8], np.roll(b, -k)[8:-8]) for k in lags])
    top = int(np.argmax(score))
    left, middle, right = score[top - 1 : top + 2]
    return float(lags[top] + 0.5 * (left - right) / (left - 2 * middle + right))


def test_nothing_asked_gives_the_same_track() -> None:
    track = track_of(jawOpen=speech(300))
    assert api.clean_up(track, TrackEdits()) is track
    assert api.clean_up(track, {"neutral_s": 3.0}) is track


def test_smoothing_calms_without_lag_and_keeps_movement() -> None:
    clean, noisy = speech(900), speech(900, 0.05)
    done = api.clean_up(track_of(900, jawOpen=noisy), {"smoothing_hz": 5.0}).column("jawOpen")
    assert abs(lag_in_frames(clean, done)) < 0.05
    assert np.std(done - clean) < 0.6 * np.std(noisy - clean)
    still = api.clean_up(track_of(900, jawOpen=clean), {"smoothing_hz": 5.0}).column("jawOpen")
    assert abs(lag_in_frames(clean, still)) < 0.01
    assert np.abs(still - clean).max() < 0.05


def test_a_ramp_stays_a_ramp_to_its_ends_at_uneven_times() -> None:
    track = track_of(200)
    times = np.cumsum(RNG.uniform(0.02, 0.05, 200))
    values = track.coefficients.copy()
    values[:, NAMES.index("jawOpen")] = times / times[-1]
    uneven = ExpressionTrack(ARKIT52, values, times, track.confidence)
    done = api.clean_up(uneven, {"smoothing_hz": 1.0}).column("jawOpen")
    np.testing.assert_allclose(done, times / times[-1], atol=1e-5)


def test_blinks_and_gaze_are_not_smoothed_with_the_face() -> None:
    lids, look = blinks(300, (60, 150, 240)), np.where(np.arange(300) < 100, 0.0, 0.6)
    track = track_of(eyeBlinkLeft=lids, eyeBlinkRight=lids, eyeLookUpLeft=look)
    done = api.clean_up(track, {"smoothing_hz": 1.0})
    np.testing.assert_array_equal(done.column("eyeBlinkLeft"), track.column("eyeBlinkLeft"))
    np.testing.assert_array_equal(done.column("eyeLookUpLeft"), track.column("eyeLookUpLeft"))
    own = api.clean_up(track, {"eyelid_smoothing_hz": 3.0}).column("eyeBlinkLeft")
    assert own[60] < 0.9 * lids[60]


@pytest.mark.parametrize("kind", ["gap", "missing", "cut"])
def test_nothing_is_smeared_over_gaps_and_cuts(kind: str) -> None:
    step = np.where(np.arange(200) < 100, 0.1, 0.9)
    track = track_of(200, jawOpen=step)
    confidence, keep = track.confidence.copy(), np.ones(200, bool)
    provenance: dict[str, Any] = {}
    if kind == "gap":
        confidence[95:105] = 0
    elif kind == "missing":
        keep[95:105] = False
    else:
        provenance["cuts"] = [100 / FPS]
    track = ExpressionTrack(
        ARKIT52, track.coefficients[keep], track.timestamps[keep], confidence[keep],
        provenance=provenance,
    )  # fmt: skip
    done = api.clean_up(track, {"smoothing_hz": 1.0})
    np.testing.assert_allclose(done.coefficients, track.coefficients, atol=1e-6)
    np.testing.assert_array_equal(done.confidence, track.confidence)


def test_gain_and_offset_by_part_side_and_coefficient() -> None:
    flat = np.full(50, 0.2)
    moving = ("mouthSmileLeft", "mouthSmileRight", "mouthPucker", "browInnerUp", "eyeBlinkLeft",
              "eyeLookUpLeft")  # fmt: skip
    track = track_of(50, **dict.fromkeys(moving, flat))
    edits = {
        "gain": {"mouth": 2.0, "mouth.left": 3.0, "mouthPucker": 0.5, "eyes": 4.0, "gaze": 1.5},
        "offset": {"brow": 0.1, "jawOpen": 0.3},
    }
    done = api.clean_up(track, edits)
    found = {name: round(float(done.column(name)[0]), 3) for name in NAMES}
    assert (found["mouthSmileLeft"], found["mouthSmileRight"]) == (0.6, 0.4)
    assert (found["mouthPucker"], found["browInnerUp"], found["jawOpen"]) == (0.1, 0.3, 0.3)
    assert (found["eyeBlinkLeft"], found["eyeLookUpLeft"]) == (0.8, 0.3)
    assert found["browDownLeft"] == 0.1
    assert api.clean_up(track, {"gain": {"eyes": 5.0}}).coefficients.max() <= 1.0


def test_mirroring_swaps_sides_of_face_head_and_camera() -> None:
    track = track_of(20, mouthSmileLeft=np.full(20, 0.7), jawLeft=np.full(20, 0.2),
                     eyeLookInLeft=np.full(20, 0.4))  # fmt: skip
    pose = np.tile(np.array([0.1, 0.2, 0.3, 0.01, 0.02, 0.03], np.float32), (20, 1))
    camera = Camera(640, 360, 700.0, (0.05, 0.0, -0.6))
    track = ExpressionTrack(ARKIT52, track.coefficients, track.timestamps, track.confidence, pose,
                            camera=camera)  # fmt: skip
    once = api.clean_up(track, {"mirror": True})
    assert once.column("mouthSmileRight")[0] == np.float32(0.7)
    assert once.column("mouthSmileLeft")[0] == 0.0
    assert once.column("jawRight")[0] == np.float32(0.2)
    assert once.column("eyeLookInRight")[0] == np.float32(0.4)
    np.testing.assert_allclose(once.head_pose[0], [0.1, -0.2, -0.3, -0.01, 0.02, 0.03])
    # A point of the flipped head is seen where the flipped picture shows it.
    from scipy.spatial.transform import Rotation

    point = np.array([0.04, 0.05, 0.06])
    seen = camera.project(Rotation.from_rotvec(pose[0, :3]).apply(point) + pose[0, 3:])
    flipped = Rotation.from_rotvec(once.head_pose[0, :3]).apply(point * [-1, 1, 1])
    other = once.camera.project(flipped + once.head_pose[0, 3:])
    np.testing.assert_allclose(other, [640 - seen[0], seen[1]], atol=1e-4)
    twice = api.clean_up(once, {"mirror": True})
    np.testing.assert_array_equal(twice.coefficients, track.coefficients)
    assert all(opposite(opposite(name)) == name for name in NAMES)


def test_symmetry_is_a_share() -> None:
    track = track_of(10, mouthSmileLeft=np.full(10, 0.8), jawOpen=np.full(10, 0.5))
    half = api.clean_up(track, {"symmetry": 0.5})
    whole = api.clean_up(track, {"symmetry": 1.0})
    assert half.column("mouthSmileLeft")[0] == pytest.approx(0.6)
    assert half.column("mouthSmileRight")[0] == pytest.approx(0.2)
    assert whole.column("mouthSmileLeft")[0] == pytest.approx(0.4)
    assert whole.column("jawOpen")[0] == pytest.approx(0.5)


def test_blinks_close_together_and_flutter_goes() -> None:
    n, at = 600, (100, 200, 300, 480)
    left = blinks(n, at, 0.75) + 0.015 * RNG.standard_normal(n)
    right = blinks(n, at, 0.6) + 0.015 * RNG.standard_normal(n)
    left[400:420] = np.hanning(20)  # a wink
    done = api.clean_up(track_of(n, eyeBlinkLeft=left, eyeBlinkRight=right), {"eyelids": 1.0})
    one, other = done.column("eyeBlinkLeft"), done.column("eyeBlinkRight")
    for frame in at:
        assert min(one[frame - 2 : frame + 3].max(), other[frame - 2 : frame + 3].max()) > 0.95
        assert np.abs(one - other)[frame - 8 : frame + 9].max() < 0.02
        assert abs(int(np.argmax(one[frame - 5 : frame + 6])) - 5) <= 1
    assert one[405:415].max() > 0.9
    assert other[405:415].max() < 0.2
    open_eye = np.r_[20:90, 110:190, 210:290]
    assert np.std(np.diff(one[open_eye])) < 0.3 * np.std(np.diff(left[open_eye]))
    still = api.clean_up(track_of(n, eyeBlinkLeft=left), {"eyelids": 0.0})
    assert still.provenance == {}


def test_fixations_are_held_and_saccades_stay_quick() -> None:
    n = 300
    target = np.select([np.arange(n) < 100, np.arange(n) < 200], [-0.3, 0.4], 0.0)
    noise = 0.03 * RNG.standard_normal((2, n))
    left, right = target + noise[0], target + noise[1]
    columns = {
        "eyeLookOutLeft": np.maximum(left, 0), "eyeLookInLeft": np.maximum(-left, 0),
        "eyeLookInRight": np.maximum(right, 0), "eyeLookOutRight": np.maximum(-right, 0),
    }  # fmt: skip
    done = api.clean_up(track_of(n, **columns), {"gaze": 1.0})
    way = done.column("eyeLookOutLeft") - done.column("eyeLookInLeft")
    assert np.std(way[10:90]) < 0.5 * np.std(left[10:90])
    assert np.abs(way - target)[np.r_[5:98, 102:198, 202:295]].max() < 0.06
    # The whole of a saccade happens between the two frames at which it happened.
    assert way[100] - way[99] > 0.6
    assert (np.minimum(done.column("eyeLookOutLeft"), done.column("eyeLookInLeft")) == 0).all()


def test_gaze_behind_closed_lids_is_carried_over() -> None:
    lids, look = blinks(200, (100,)), np.zeros(200)
    look[98:103] = 0.7
    track = track_of(200, eyeBlinkLeft=lids, eyeBlinkRight=lids, eyeLookDownLeft=look,
                     eyeLookDownRight=look)  # fmt: skip
    assert api.clean_up(track, {"gaze": 1.0}).column("eyeLookDownLeft").max() < 0.1


def test_the_calmest_stretch_or_a_chosen_frame_becomes_rest() -> None:
    n = 600
    wave = np.where(np.arange(n) < 300, 0.3, speech(n))
    track = track_of(n, mouthFrownLeft=wave, browDownLeft=np.full(n, 0.4), jawLeft=np.full(n, 0.1))
    calm = api.clean_up(track, {"neutral": "calm"})
    at = calm.provenance["clean_up"][0]["neutral_at_s"]
    assert 0 < at < 10
    assert np.abs(calm.coefficients[50]).max() < 1e-6
    full = api.clean_up(track_of(n, jawOpen=np.linspace(0.2, 1, n)), {"neutral": "frame"})
    assert full.column("jawOpen")[-1] == pytest.approx(1.0)
    chosen = api.clean_up(track, {"neutral": "frame", "neutral_s": 400 / FPS})
    assert chosen.column("mouthFrownLeft")[400] == pytest.approx(0.0, abs=0.05)
    # What moves both ways is shifted: rest to the left makes the middle a movement to the right.
    back = track_of(n, jawLeft=np.where(np.arange(n) < 300, 0.2, 0.0))
    assert api.clean_up(back, {"neutral": "frame"}).column("jawRight")[-1] == pytest.approx(0.2)


def test_a_neutral_frame_without_a_face_is_refused() -> None:
    track = track_of(100, jawOpen=speech(100))
    track.confidence[40:60] = 0
    with pytest.raises(EiferError, match=r"No face was seen at 1.66667 s \(frame 50\)"):
        api.clean_up(track, {"neutral": "frame", "neutral_s": 50 / FPS})
    with pytest.raises(EiferError, match="no frame at 99 s"):
        api.clean_up(track, {"neutral": "frame", "neutral_s": 99.0})
    track.confidence[::5] = 0
    with pytest.raises(EiferError, match="without a gap"):
        api.clean_up(track, {"neutral": "calm"})


def test_the_head_is_smoothed_levelled_and_stilled() -> None:
    track = track_of(300)
    pose = track.head_pose
    pose[:, 1] = speech(300)
    clean = pose.copy()
    moved = api.clean_up(track, {"head_smoothing_hz": 4.0}).head_pose
    assert abs(lag_in_frames(clean[:, 1], moved[:, 1])) < 0.01
    pose += 0.01 * RNG.standard_normal(pose.shape).astype(np.float32)
    calm = api.clean_up(track, {"head_smoothing_hz": 4.0}).head_pose
    assert np.std((calm - clean)[:, 2:]) < 0.6 * np.std((pose - clean)[:, 2:])
    level = api.clean_up(track, {"level_head": True})
    assert np.abs(level.head_pose[:, :3].mean(axis=0)).max() < 0.01
    assert level.camera is None
    still = api.clean_up(track, {"head_motion": 0.0}).head_pose
    assert not still.any()
    assert api.clean_up(track, {"head_motion": 0.5}).head_pose[9, 1] == pytest.approx(
        pose[9, 1] / 2, abs=1e-3
    )


def test_a_models_own_space_takes_what_makes_sense() -> None:
    n = 300
    track = track_of(n, "flame2020:e50j3l2", exp_003=speech(n, 0.1), eyelid_left=blinks(n, (150,)),
                     jaw_x=np.full(n, 0.2))  # fmt: skip
    done = api.clean_up(track, {
        "smoothing_hz": 4.0, "eyelids": 1.0, "gain": {"jaw.x": 2.0, "expression": 1.5},
    })  # fmt: skip
    assert done.column("jaw.x")[0] == pytest.approx(0.4)
    raw, new = track.column("exp.003"), done.column("exp.003")
    assert np.std(np.diff(new)) < 0.7 * np.std(np.diff(raw))
    rest = api.clean_up(track, {"neutral": "frame"})
    assert rest.column("jaw.x")[0] == pytest.approx(0.0)
    for edits in ({"mirror": True}, {"symmetry": 0.5}, {"gaze": 1.0}, {"gain": {"mouth": 2.0}}):
        with pytest.raises(EiferError, match="flame2020:e50j3l2"):
            api.clean_up(track, edits)


def test_the_document_says_everything(tmp_path: Path) -> None:
    edits = TrackEdits("calm", mirror=True, gain={"mouth.left": 1.5}, gaze=0.5, smoothing_hz=6)
    assert TrackEdits.from_document(json.dumps(edits.as_document())) == edits
    assert edits.changed({"gaze": 0}) == edits.changed('{"gaze": 0}') != edits
    done = api.clean_up(track_of(jawOpen=speech(300)), edits)
    saved = ExpressionTrack.load(done.save(tmp_path / "clean.npz"))
    again = api.clean_up(saved, {"head_motion": 0.0})
    history = again.provenance["clean_up"]
    assert TrackEdits.from_document(history[0]["edits"]) == edits
    assert len(history) == 2
    # A take notes the history as text; a track that is read back from its keys has it so.
    noted = replace(saved, provenance={"clean_up": json.dumps(history), "cuts": "[3.0]"})
    assert len(api.clean_up(noted, {"smoothing_hz": 2.0}).provenance["clean_up"]) == 3


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ({"gain": {"chin": 2.0}}, "no part of the face 'chin'"),
        ({"gain": {"mouth.up": 2.0}}, "no part of the face 'mouth.up'"),
        ({"gain": {"mouth": 50.0}}, "gain of mouth cannot be 50"),
        ({"symmetry": "much"}, "symmetry is no number"),
        ({"neutral": "first"}, "no neutral 'first'"),
        ({"blinks": 1}, "knows no 'blinks'"),
        ("no json", "cannot be read"),
        ({"format_version": 99}, "newer EIFER"),
        ({"smoothing_hz": float("nan")}, "cannot be nan"),
    ],
)
def test_bad_edits_get_one_sentence(edits: Any, message: str) -> None:
    with pytest.raises(EiferError, match=message):
        api.clean_up(track_of(10), edits)


def test_gaps_at_the_ends_and_tracks_of_one_frame() -> None:
    everything = TrackEdits(
        mirror=True, symmetry=0.5, eyelids=1, gaze=1, smoothing_hz=3, eyelid_smoothing_hz=3,
        head_smoothing_hz=3, level_head=True,
    )  # fmt: skip
    for n in (0, 1, 2, 5):
        done = api.clean_up(track_of(n), everything)
        assert len(done) == n
    track = track_of(60, jawOpen=speech(60))
    track.confidence[:20] = track.confidence[50:] = 0
    done = api.clean_up(track, everything)
    np.testing.assert_array_equal(done.confidence, track.confidence)
    assert np.isfinite(done.coefficients).all()
    track.confidence[:] = 0
    assert np.isfinite(api.clean_up(track, everything).head_pose).all()
