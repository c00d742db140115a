"""Film and EMG of one session in Blender: one timeline, both takes to look at, and a fused one."""

from __future__ import annotations

import json
from pathlib import Path

import bpy
import numpy as np
import pytest
from edited_takes import Layout, everything, keys
from fused_session import DELAY_S, Session, make_session
from led_video import Led, frame_times, write_led_video

from eifer.eifer_addon import api
from eifer.eifer_addon.scene import session_panel
from eifer.eifer_addon.scene.controls import armature_of, is_head
from eifer.eifer_addon.scene.playing_takes import is_played
from eifer.eifer_addon.scene.session import sync_of, track_of_take
from eifer.eifer_addon.scene.session_beside import beside_of
from eifer.eifer_addon.scene.sources import source_of
from eifer.eifer_addon.scene.takes import current_take, notes_of, track_from_object
from eifer.eifer_addon.signals.edf_writer import write_edf

pytestmark = pytest.mark.usefixtures("registered", "small_open_head")

SMILE = '["mouthSmileLeft"]'
FPS = 24
START = 11


@pytest.fixture(scope="module")
def session() -> Session:
    return make_session(1, duration_s=25.0)


@pytest.fixture
def head(session: Session, tmp_path: Path) -> bpy.types.Object:
    """A head with the takes of both, of which it plays the EMG's."""
    edf = tmp_path / "session.edf"
    write_edf(session.recording, edf)
    bpy.ops.eifer.add_head(n_identity=0, n_expression=0)
    obj = next(obj for obj in bpy.context.scene.objects if is_head(obj))
    film = api.apply_track(bpy.context, obj, session.video, take="film", frame_start=START)
    bpy.ops.eifer.import_recording(filepath=str(edf), take="emg", frame_start=1)
    settings = bpy.context.scene.eifer_session
    settings.film, settings.emg = film, current_take(obj)
    return obj


def test_movement_finds_the_offset_and_lays_the_take(
    head: bpy.types.Object, session: Session
) -> None:
    settings = bpy.context.scene.eifer_session
    before = keys(head)[SMILE]
    assert bpy.ops.eifer.find_offset() == {"FINISHED"}
    assert settings.seconds == pytest.approx(session.offset_s - DELAY_S, abs=0.02)
    sync = sync_of(settings.emg)
    assert (sync.method, np.isfinite(sync.error_ms)) == ("curves", True)
    texts: list[str] = []
    session_panel.draw_session(Layout(texts), bpy.context)
    assert any(text.startswith("By movement: within") for text in texts)
    after = keys(head)[SMILE]
    np.testing.assert_array_equal(after[:, 1], before[:, 1])
    # The EMG at its own time `seconds` lies where the film begins.
    moved = before[:, 0] - 1 + START - settings.seconds * FPS
    np.testing.assert_allclose(after[:, 0], moved, atol=2e-3)


def test_offset_and_drift_by_hand_move_the_keys_at_once(head: bpy.types.Object) -> None:
    settings, before = bpy.context.scene.eifer_session, keys(head)[SMILE]
    settings.seconds = 2.0
    settings.drift_ppm = 20_000.0
    expected = START + ((before[:, 0] - 1) / FPS - 2.0) / 1.02 * FPS
    np.testing.assert_allclose(keys(head)[SMILE][:, 0], expected, atol=2e-3)
    # Edits of the recording keep the place and the drift.
    assert bpy.ops.eifer.edit_take(edits='{"gain": {"zygomaticus": 0.5}}') == {"FINISHED"}
    np.testing.assert_allclose(keys(head)[SMILE][:, 0], expected, atol=2e-3)
    settings.drift_ppm = settings.seconds = 0.0
    np.testing.assert_allclose(keys(head)[SMILE][:, 0], before[:, 0] + START - 1, atol=2e-3)
    assert sync_of(settings.emg).method == "by hand"


def test_the_fused_take_is_what_the_script_api_fuses(
    head: bpy.types.Object, session: Session
) -> None:
    settings = bpy.context.scene.eifer_session
    settings.covered = {"mouth", "cheek"}
    settings.seconds = session.offset_s
    film = settings.film
    assert bpy.ops.eifer.fuse_takes() == {"FINISHED"}
    fused = current_take(head)
    assert fused == settings.fused
    assert fused not in (film, settings.emg)
    emg = track_of_take(bpy.context, head, settings.emg)
    expected = api.fuse(
        session.video, emg, offset_s=settings.seconds, occlusion={"mouth": 1.0, "cheek": 1.0}
    )
    read = track_from_object(bpy.context, head)
    np.testing.assert_allclose(
        read.column("mouthSmileLeft"), expected.column("mouthSmileLeft"), atol=1e-6
    )
    notes = json.loads(str(notes_of(fused)["fusion"]))
    assert notes["delay_ms"] == pytest.approx(1000 * DELAY_S, abs=15)
    assert any("% film" in line for line in session_panel.fused_lines(fused))
    # Once more with another delay: the same take, other keys.
    before = keys(head)[SMILE]
    settings.own_delay, settings.delay_ms = True, 300.0
    assert bpy.ops.eifer.fuse_takes() == {"FINISHED"}
    assert current_take(head) == fused
    assert np.abs(keys(head)[SMILE][:, 1] - before[:, 1]).max() > 0.05
    assert bpy.ops.eifer.clean_up(edits='{"gain": {"mouth": 0.0}}') == {"FINISHED"}
    assert not keys(head)[SMILE][:, 1].any()


def test_a_part_can_be_covered_for_a_while(head: bpy.types.Object, session: Session) -> None:
    scene = bpy.context.scene
    settings = scene.eifer_session
    settings.seconds = session.offset_s
    scene.use_preview_range = True
    scene.frame_preview_start, scene.frame_preview_end = START + 5 * FPS, START + 6 * FPS
    assert bpy.ops.eifer.add_covered() == {"FINISHED"}
    scene.frame_set(20)
    scene.use_preview_range = False
    assert bpy.ops.eifer.add_covered() == {"FINISHED"}
    assert (settings.stretches[1].first, settings.stretches[1].last) == (20, 20 + FPS)
    texts: list[str] = []
    session_panel.draw_session(Layout(texts), bpy.context)
    assert texts.count("From") == 2
    assert bpy.ops.eifer.remove_covered(index=1) == {"FINISHED"}
    assert bpy.ops.eifer.fuse_takes() == {"FINISHED"}
    fused = source_of(bpy.context, head)
    covered = (fused.timestamps > 5.01) & (fused.timestamps < 5.99)
    assert fused.visibility["mouth"][covered].max() == 0.0
    assert fused.visibility["mouth"][(fused.timestamps > 6.3) & (fused.timestamps < 6.6)].max() > 0


def test_each_take_is_shown_alone_or_beside_the_other(head: bpy.types.Object) -> None:
    settings = bpy.context.scene.eifer_session
    settings.seconds = 3.2
    assert bpy.ops.eifer.show_takes(mode="FILM") == {"FINISHED"}
    assert current_take(head) == settings.film
    assert bpy.ops.eifer.show_takes(mode="BESIDE") == {"FINISHED"}
    other = beside_of(bpy.context.scene, head)
    assert other is not None
    assert (current_take(head), current_take(other)) == (settings.film, settings.emg)
    assert armature_of(other) != armature_of(head)
    assert armature_of(other).location.x > head.dimensions.x
    frame = START + 8 * FPS
    bpy.context.scene.frame_set(frame)
    film = track_of_take(bpy.context, head, settings.film).column("mouthSmileLeft")
    assert head["mouthSmileLeft"] == pytest.approx(film[8 * 30], abs=0.01)
    assert other["mouthSmileLeft"] != pytest.approx(head["mouthSmileLeft"], abs=1e-3)
    # Its shape keys follow its own controls, not those of the first head.
    block = other.data.shape_keys.evaluated_get(bpy.context.evaluated_depsgraph_get())
    moved = block.key_blocks["mouthSmileLeft"].value
    assert moved == pytest.approx(other["mouthSmileLeft"], abs=1e-5)
    assert bpy.ops.eifer.show_takes(mode="EMG") == {"FINISHED"}
    assert is_played(head, settings.emg)
    assert other.hide_render
    assert bpy.ops.eifer.show_takes(mode="BESIDE") == {"FINISHED"}
    assert beside_of(bpy.context.scene, head) == other
    assert not other.hide_viewport


def test_what_cannot_be_done_changes_nothing(head: bpy.types.Object) -> None:
    settings, before = bpy.context.scene.eifer_session, everything(head)
    settings.method = "start"
    with pytest.raises(RuntimeError, match="No trigger is named"):
        bpy.ops.eifer.find_offset()
    settings.method, settings.trigger = "light", "smile"
    with pytest.raises(RuntimeError, match="The film of 'film' is not at"):
        bpy.ops.eifer.find_offset()
    with pytest.raises(RuntimeError, match="no fused take yet"):
        bpy.ops.eifer.show_takes(mode="FUSED")
    assert everything(head) == before
    settings.seconds = 900.0
    laid = everything(head)
    with pytest.raises(RuntimeError, match="Check the offset"):
        bpy.ops.eifer.fuse_takes()
    assert everything(head) == laid
    settings.emg = settings.film
    assert not bpy.ops.eifer.fuse_takes.poll()


def test_a_mark_in_the_recording_is_the_films_beginning(
    head: bpy.types.Object, session: Session
) -> None:
    settings = bpy.context.scene.eifer_session
    name = session.recording.events[0].name
    settings.method, settings.trigger = "start", name
    assert bpy.ops.eifer.find_offset() == {"FINISHED"}
    first = min(e.onset_s for e in session.recording.events if e.name == name)
    assert settings.seconds == pytest.approx(first, abs=0.01)


def test_a_light_in_the_film_is_found_beside_the_moved_blend(
    head: bpy.types.Object, session: Session, tmp_path: Path
) -> None:
    settings = bpy.context.scene.eifer_session
    name = max(e.name for e in session.recording.events)
    driven = [
        (e.onset_s - session.offset_s, e.onset_s + e.duration_s - session.offset_s)
        for e in session.recording.events
        if e.name == name
    ]
    write_led_video(tmp_path / "film.mp4", Led(driven), frame_times(20.0, 30.0), face=False)
    settings.film["eifer_file"] = "/gone/film.mp4"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "moved.blend"))
    settings.method, settings.trigger = "light", name
    assert bpy.ops.eifer.find_offset() == {"FINISHED"}
    assert settings.seconds == pytest.approx(session.offset_s, abs=0.03)
    assert sync_of(settings.emg).method == "light"
