"""Takes: keys at their moments, one action each, nothing overwritten, nothing left behind."""

from __future__ import annotations

from dataclasses import replace

import bpy
import numpy as np
import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads.model import HeadModel, rodrigues
from eifer.eifer_addon.scene import actions, channels, controls
from eifer.eifer_addon.scene.axes import from_blender
from eifer.eifer_addon.scene.keyframes import apply_track
from eifer.eifer_addon.scene.rig import add_head
from eifer.eifer_addon.scene.takes import current_take, notes_of, takes_of, track_from_object
from eifer.eifer_addon.spaces import ARKIT52, ARKIT_NAMES, get_space
from eifer.eifer_addon.track import ExpressionTrack

PARAMETRIC = get_space("synthetic:e50j3l2")


def arkit_track(n_frames: int = 90, rate_hz: float = 50.0) -> ExpressionTrack:
    random = np.random.default_rng(4)
    values = random.uniform(0, 1, (n_frames, 52)).astype(np.float32)
    values[:, ARKIT_NAMES.index("tongueOut")] = 0.0
    times = np.arange(n_frames) / rate_hz + random.uniform(0, 0.004, n_frames)
    provenance = {"source": "simulated.edf", "simulated": True, "filters": ["notch", "envelope"]}
    return ExpressionTrack(
        ARKIT52, values, times, np.ones(n_frames, np.float32), provenance=provenance
    )


def parametric_track(n_frames: int = 40) -> ExpressionTrack:
    random = np.random.default_rng(6)
    values = random.normal(size=(n_frames, len(PARAMETRIC))).astype(np.float32)
    values[:, 50:] = PARAMETRIC.clip(values * 0.2)[:, 50:]
    return ExpressionTrack(
        PARAMETRIC, values, np.arange(n_frames) / 25.0, np.ones(n_frames, np.float32),
        head_pose=random.normal(size=(n_frames, 6)).astype(np.float32) * 0.2,
    )  # fmt: skip


def curve_of(block: bpy.types.ID, path: str, index: int = 0) -> bpy.types.FCurve:
    return next(c for c in actions.curves(block) if (c.data_path, c.array_index) == (path, index))


@pytest.mark.parametrize(("fps", "fps_base"), [(24, 1.0), (30, 1.001), (60, 1.0)])
def test_keys_stand_at_their_timestamps(
    fps: int, fps_base: float, rigged: bpy.types.Object
) -> None:
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = fps, fps_base
    track = arkit_track()
    apply_track(bpy.context, rigged, track, frame_start=5)
    for name in ("jawOpen", "mouthSmileLeft"):
        curve = curve_of(rigged, f'["{name}"]')
        for time, value in zip(track.timestamps, track.column(name), strict=True):
            frame = np.float32(5 + time * fps / scene.render.fps_base)
            assert curve.evaluate(float(frame)) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("make", [arkit_track, parametric_track])
def test_a_take_reads_back_as_the_track(make: object, rigged: bpy.types.Object) -> None:
    track = make()  # type: ignore[operator]
    apply_track(bpy.context, rigged, track)
    found = track_from_object(bpy.context, rigged)
    assert found.space == track.space
    assert np.abs(found.coefficients - track.coefficients).max() <= 1e-6
    assert np.abs(found.timestamps - track.timestamps).max() <= 1e-5


def test_playback_shows_the_track_on_the_face(
    rigged: bpy.types.Object, synthetic_head: HeadModel
) -> None:
    """Every stage between the coefficients and the evaluated vertices, jaw and head pose too."""
    bpy.context.scene.render.fps = 25
    track = replace(parametric_track(), coefficients=parametric_track().coefficients.copy())
    track.coefficients[:, 53:] = 0.0
    apply_track(bpy.context, rigged, track, frame_start=1)
    for k in (0, 7, 39):
        bpy.context.scene.frame_set(1 + k)
        pose = np.zeros((5, 3))
        pose[0], pose[2] = track.head_pose[k, :3], track.coefficients[k, 50:53]
        expected, _ = synthetic_head.forward(expression=track.coefficients[k, :50], pose=pose)
        expected = expected + track.head_pose[k, 3:]
        graph = bpy.context.evaluated_depsgraph_get()
        mesh = rigged.evaluated_get(graph).data
        points = np.array([v.co for v in mesh.vertices])
        assert np.abs(from_blender(points) - expected).max() <= 1e-5


def test_gaps_are_not_keyed_and_constant_coefficients_get_one_key(
    rigged: bpy.types.Object,
) -> None:
    track = arkit_track()
    track.confidence[20:30] = 0
    apply_track(bpy.context, rigged, track)
    assert len(curve_of(rigged, '["jawOpen"]').keyframe_points) == 80
    assert len(curve_of(rigged, '["tongueOut"]').keyframe_points) == 1


def test_curves_are_grouped_by_region_and_linear(rigged: bpy.types.Object) -> None:
    apply_track(bpy.context, rigged, arkit_track())
    groups = {c.data_path: c.group.name for c in actions.curves(rigged)}
    assert groups['["browInnerUp"]'] == "Brows"
    assert groups['["mouthSmileLeft"]'] == "Mouth"
    assert set(groups.values()) == {"Brows", "Eyes", "Cheeks", "Nose", "Mouth", "Jaw", "Tongue"}
    points = curve_of(rigged, '["jawOpen"]').keyframe_points
    assert {p.interpolation for p in points} == {"LINEAR"}


def test_a_take_is_one_action_with_a_slot_of_its_name_and_its_provenance(
    rigged: bpy.types.Object,
) -> None:
    action = apply_track(bpy.context, rigged, arkit_track(), take="session 1")
    assert action.name == "session 1"
    assert action.use_fake_user
    assert notes_of(action)["source"] == "simulated.edf"
    assert notes_of(action)["space"] == "arkit52"
    assert notes_of(action)["filters"] == '["notch", "envelope"]'
    if actions.HAS_SLOTS:
        assert [slot.name_display for slot in action.slots] == ["session 1"]
        assert rigged.animation_data.action_slot == action.slots[0]


def test_an_earlier_take_is_kept_and_the_new_one_gets_a_suffix(rigged: bpy.types.Object) -> None:
    first = apply_track(bpy.context, rigged, arkit_track(), take="smile")
    count = len(curve_of(rigged, '["jawOpen"]').keyframe_points)
    second = apply_track(bpy.context, rigged, arkit_track(30), take="smile")
    assert (first.name, second.name) == ("smile", "smile.001")
    assert current_take(rigged) == second
    assert takes_of(rigged) == [first, second]
    slot = first.slots[0] if actions.HAS_SLOTS else None
    actions.play(rigged, first, slot)
    assert len(curve_of(rigged, '["jawOpen"]').keyframe_points) == count
    with pytest.raises(EiferError, match="'smile' exists already"):
        apply_track(bpy.context, rigged, arkit_track(30), take="smile", exists="error")


def test_a_new_take_puts_what_the_old_one_moved_to_rest(rigged: bpy.types.Object) -> None:
    apply_track(bpy.context, rigged, parametric_track())
    bpy.context.scene.frame_set(12)
    jaw = controls.armature_of(rigged).pose.bones["jaw"]
    assert jaw.rotation_quaternion.w < 0.9999
    apply_track(bpy.context, rigged, arkit_track())
    bpy.context.scene.frame_set(13)
    assert tuple(jaw.rotation_quaternion) == (1, 0, 0, 0)
    assert rigged.data.shape_keys.key_blocks["exp.000"].value == 0


@pytest.mark.parametrize(
    ("how", "expected"), [("keep", (1, 250)), ("extend", (1, 301)), ("fit", (100, 301))]
)
def test_frame_range(how: str, expected: tuple[int, int], rigged: bpy.types.Object) -> None:
    scene = bpy.context.scene
    scene.render.fps, scene.frame_start, scene.frame_end = 100, 1, 250
    track = ExpressionTrack(
        ARKIT52, np.zeros((3, 52), np.float32), np.array([0.0, 1.0, 2.005]), np.ones(3, np.float32)
    )
    apply_track(bpy.context, rigged, track, frame_start=100, frame_range=how)  # type: ignore[arg-type]
    assert (scene.frame_start, scene.frame_end) == expected


def test_sliders_widen_for_large_coefficients(rigged: bpy.types.Object) -> None:
    values = np.zeros((2, len(PARAMETRIC)), np.float32)
    values[1, 3] = 7.5
    track = ExpressionTrack(PARAMETRIC, values, np.array([0.0, 1.0]), np.ones(2, np.float32))
    apply_track(bpy.context, rigged, track, frame_start=0)
    bpy.context.scene.frame_set(24)
    assert rigged.data.shape_keys.key_blocks["exp.003"].value == pytest.approx(7.5)


def test_quaternions_do_not_flip_between_keys(rigged: bpy.types.Object) -> None:
    angles = np.linspace(0, 2.5 * np.pi, 40)
    pose = np.zeros((40, 6), np.float32)
    pose[:, 1] = np.mod(angles + np.pi, 2 * np.pi) - np.pi
    track = replace(arkit_track(40), head_pose=pose)
    apply_track(bpy.context, rigged, track, frame_start=0)
    rig = controls.armature_of(rigged)
    path = 'pose.bones["root"].rotation_quaternion'
    keys = np.array([[p.co[1] for p in curve_of(rig, path, k).keyframe_points] for k in (0, 2)]).T
    assert np.abs(np.diff(keys, axis=0)).max() < 0.2
    turned = rodrigues(pose[:, :3].astype(np.float64))[:, 0, 0]
    assert np.allclose(1 - 2 * keys[:, 1] ** 2, turned, atol=1e-5)


@pytest.mark.parametrize(
    ("space", "words"),
    [
        (
            "flame2020:e50j3l2",
            "is of the basis 'synthetic'. Carry the track over with api.retarget",
        ),
        ("synthetic:e60", "no such shape key"),
    ],
)
def test_a_track_of_another_space_is_refused(
    space: str, words: str, rigged: bpy.types.Object
) -> None:
    chosen = get_space(space)
    values = np.ones((3, len(chosen)), np.float32)
    track = ExpressionTrack(chosen, values, np.arange(3.0), np.ones(3, np.float32))
    before = sorted(b.name_full for b in bpy.data.user_map())
    with pytest.raises(EiferError, match=words):
        apply_track(bpy.context, rigged, track)
    assert sorted(b.name_full for b in bpy.data.user_map()) == before


def test_eyelids_without_controls_are_named_and_the_rest_is_keyed(
    synthetic_head: HeadModel,
) -> None:
    obj = add_head(bpy.context, synthetic_head.replace(units=None))
    with pytest.warns(UserWarning, match=r"want of a place .* eyelid\.left, eyelid\.right"):
        action = apply_track(bpy.context, obj, parametric_track())
    assert notes_of(action)["not_keyed"] == "eyelid.left, eyelid.right"
    assert len(curve_of(obj.data.shape_keys, 'key_blocks["exp.007"].value').keyframe_points) == 40


def test_a_head_without_arkit_controls_says_so(synthetic_head: HeadModel) -> None:
    obj = add_head(bpy.context, synthetic_head.replace(units=None))
    with pytest.raises(EiferError, match="has no ARKit controls"):
        apply_track(bpy.context, obj, arkit_track())


def test_a_track_of_gaps_only_is_refused(rigged: bpy.types.Object) -> None:
    track = replace(arkit_track(), confidence=np.zeros(90, np.float32))
    with pytest.raises(EiferError, match="no usable frame"):
        apply_track(bpy.context, rigged, track)


def test_a_failure_midway_leaves_nothing_behind(
    rigged: bpy.types.Object, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = apply_track(bpy.context, rigged, arkit_track(), take="first")
    written: list[str] = []

    write = actions.CurveWriter.write

    def fail_after_ten(*arguments: object) -> None:
        written.append("curve")
        if len(written) > 10:
            raise MemoryError("no memory for the keys")
        write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(actions.CurveWriter, "write", fail_after_ten)
    with pytest.raises(MemoryError):
        apply_track(bpy.context, rigged, replace(parametric_track()), take="second")
    assert list(bpy.data.actions) == [first]
    assert current_take(rigged) == first
    assert actions.playing(controls.armature_of(rigged)) == (None, None)


def test_regions_cover_every_control() -> None:
    assert "Face" not in {channels.region(name) for name in ARKIT_NAMES}
