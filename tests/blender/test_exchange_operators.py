"""Tracks of other programs in and out of Blender, through bpy.ops."""

from __future__ import annotations

import json
from pathlib import Path

import bpy
import numpy as np
import pytest
import track_files as files
from imported_scene import head as the_head

from eifer.eifer_addon import api
from eifer.eifer_addon.scene.controls import is_head
from eifer.eifer_addon.scene.takes import current_take, notes_of

pytestmark = pytest.mark.usefixtures("registered", "small_open_head")


@pytest.mark.parametrize(
    ("write", "name", "options"),
    [
        (files.livelink, "take.csv", {}),
        (files.openface, "film.csv", {}),
        (files.pyfeat, "film.csv", {"rate_hz": 25.0, "angles": "degrees"}),
        (files.mediapipe, "clip_params.csv", {}),
    ],
)
def test_tracks_of_other_programs_become_takes(
    write: object, name: str, options: dict[str, object], tmp_path: Path
) -> None:
    path = write(tmp_path / name)  # type: ignore[operator]
    assert bpy.ops.eifer.import_track(filepath=str(path), **options) == {"FINISHED"}
    action = current_take(the_head())
    assert action is not None
    assert notes_of(action)["format"] in ("livelink", "openface", "pyfeat", "mmm")
    track = api.read_track(path, **options)
    frame = int(np.argmax(track.confidence > 0))
    fps = bpy.context.scene.render.fps / bpy.context.scene.render.fps_base
    exact = 1 + track.timestamps[frame] * fps
    bpy.context.scene.frame_set(int(exact), subframe=exact % 1)
    jaw = float(track.column("jawOpen")[frame])
    assert the_head()["jawOpen"] == pytest.approx(jaw, abs=1e-4)


def test_a_file_without_a_frame_rate_asks_for_it(tmp_path: Path) -> None:
    path = files.pyfeat(tmp_path / "film.csv")
    with pytest.raises(RuntimeError, match="Give the film's frame rate"):
        bpy.ops.eifer.import_track(filepath=str(path))
    assert not any(is_head(obj) for obj in bpy.context.scene.objects)


@pytest.mark.parametrize(
    ("form", "suffix", "precision"),
    [("csv", ".csv", 0), ("npz", ".npz", 0), ("livelink", ".csv", 6e-9)],
)
def test_a_take_is_exported_and_comes_back(
    form: str, suffix: str, precision: float, tmp_path: Path
) -> None:
    # At the scene's own rate, so that every frame of the track is a frame of the scene.
    track = files.some_track(
        timestamps=np.arange(20) / 24, confidence=np.ones(20, np.float32), head_pose=None
    )
    source = api.export(track, tmp_path / "source.csv")[0]
    bpy.ops.eifer.import_track(filepath=str(source), take="first")
    goal = tmp_path / "out"
    options = {"format": form, "rate_hz": 24}
    assert bpy.ops.eifer.export_track(filepath=str(goal), **options) == {"FINISHED"}
    written = goal.with_suffix(suffix)
    back = api.read_track(written, **({"rate_hz": 24} if form == "livelink" else {}))
    np.testing.assert_allclose(back.coefficients, track.coefficients, atol=precision)
    np.testing.assert_allclose(back.timestamps, track.timestamps, atol=1e-6)
    assert back.provenance["simulated"] is True
    if form == "livelink":
        assert json.loads((tmp_path / "out.json").read_text())["simulated"] is True
    before = written.read_bytes()
    with pytest.raises(RuntimeError, match="exists already"):
        bpy.ops.eifer.export_track(filepath=str(written), **options)
    assert written.read_bytes() == before
    assert bpy.ops.eifer.export_track(filepath=str(written), overwrite=True, **options) == {
        "FINISHED"
    }


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Three seconds of two muscles at 1 kHz with a burst in the middle."""
    random = np.random.default_rng(3)
    seconds = np.arange(3000) / 1000
    gain = np.where((seconds > 1) & (seconds < 2), 80.0, 2.0)[:, None]
    rows = np.column_stack([seconds, random.normal(size=(3000, 2)) * gain])
    path = tmp_path / "smile.csv"
    np.savetxt(path, rows, delimiter=",", header="time,Zyg li,Zyg re", comments="", fmt="%.6f")
    return path


@pytest.mark.parametrize("form", ["csv", "npz", "bids"])
def test_a_takes_activity_is_exported_as_it_was_made(
    form: str, recording: Path, tmp_path: Path
) -> None:
    assert bpy.ops.eifer.import_recording(filepath=str(recording)) == {"FINISHED"}
    goal = tmp_path / "out"
    done = bpy.ops.eifer.export_track(filepath=str(goal), format=form, what="activity")
    assert done == {"FINISHED"}
    made = api.to_activity(api.read_recording(recording))
    written = {"csv": "out.csv", "npz": "out.npz"}.get(form)
    path = tmp_path / written if written else next(goal.glob("sub-01/emg/*_physio.tsv.gz"))
    back = api.read_activity(path)
    assert back.muscles == made.muscles
    np.testing.assert_allclose(back.values, made.values, atol=1e-6)
    assert set(made.filters) <= set(back.filters)
    if form == "bids":
        assert path.name == "sub-01_task-smile_recording-activity_physio.tsv.gz"
        about = json.loads(path.with_name(path.name.replace(".tsv.gz", ".json")).read_text())
        assert len(about["SoftwareFilters"]) == len(back.filters)


def test_a_take_without_a_recording_has_no_activity_to_export(tmp_path: Path) -> None:
    source = api.export(files.some_track(), tmp_path / "source.csv")[0]
    bpy.ops.eifer.import_track(filepath=str(source))
    with pytest.raises(RuntimeError, match="remembers no recording"):
        bpy.ops.eifer.export_track(filepath=str(tmp_path / "out"), what="activity")
    assert not (tmp_path / "out.csv").exists()
    done = bpy.ops.eifer.export_track(
        filepath=str(tmp_path / "deriv.csv"), format="bids", subject="p1", task="x", session="2"
    )
    assert done == {"FINISHED"}
    name = "sub-p1_ses-2_task-x_recording-expression_physio.tsv.gz"
    assert (tmp_path / "deriv" / "sub-p1" / "ses-2" / "beh" / name).exists()


@pytest.mark.parametrize("form", ["csv", "npz", "livelink"])
def test_the_head_pose_of_a_take_comes_back(form: str, tmp_path: Path) -> None:
    track = files.some_track(
        timestamps=np.arange(20) / 24, confidence=np.ones(20, np.float32), identity=None
    )
    source = api.export(track, tmp_path / "source.csv")[0]
    bpy.ops.eifer.import_track(filepath=str(source))
    bpy.ops.eifer.export_track(filepath=str(tmp_path / "out"), format=form, rate_hz=24)
    written = tmp_path / f"out.{'npz' if form == 'npz' else 'csv'}"
    back = api.read_track(written, **({"rate_hz": 24} if form == "livelink" else {}))
    assert track.head_pose is not None
    assert back.head_pose is not None
    columns = slice(0, 3) if form == "livelink" else slice(None)
    wanted = track.head_pose[:, columns]
    np.testing.assert_allclose(back.head_pose[:, columns], wanted, atol=2e-6)


def test_export_needs_a_head_with_a_take() -> None:
    assert not bpy.ops.eifer.export_track.poll()
    bpy.ops.eifer.add_head()
    assert not bpy.ops.eifer.export_track.poll()


def test_track_menus_are_in_file_import_and_export() -> None:
    for menu in ("TOPBAR_MT_file_import", "TOPBAR_MT_file_export"):
        names = [draw.__name__ for draw in getattr(bpy.types, menu)._dyn_ui_initialize()]
        assert any(name in ("draw_import_menu", "draw_export_menu") for name in names)
