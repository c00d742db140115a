"""The import of films: progress, ESC that keeps what is done, going on, failures, several films."""

from __future__ import annotations

import time
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from fake_window import Window, event, modal_context
from film_track import film_track, write_talking_film
from film_writer import numbered, write_film
from imported_scene import head, state

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.scene.actions import curves
from eifer.eifer_addon.scene.sources import source_of
from eifer.eifer_addon.scene.takes import current_take, track_from_object
from eifer.eifer_addon.scene.video_imports import (
    VideoChoices,
    VideoImport,
    choices_of_take,
    facts_of,
    is_partial,
    unfinished_films,
)
from eifer.eifer_addon.scene.video_scene import set_rate
from eifer.eifer_addon.scene.video_stage import film_of
from eifer.eifer_addon.scene.video_takes import write_video_take
from eifer.operators import import_video

pytestmark = pytest.mark.usefixtures("registered")
PATIENCE_S = 120.0


class FilmWindow(Window):
    """A window that also shows how far films are."""

    def __init__(self) -> None:
        super().__init__()
        self.eifer_video = types.SimpleNamespace(
            busy=False, stopping=False, progress=0.0, status="", speed=""
        )


class Operator(import_video.ModalVideo):
    """The modal operator's own methods over a stand-in for Blender's instance."""

    bl_idname, bl_label = "eifer.run_video", "Import video"

    def __init__(self, *choices: VideoChoices, resumed: str = "") -> None:
        self.choices, self.resumed = choices, resumed
        self.reports: list[tuple[set[str], str]] = []

    def make_queue(self, context: Any) -> Any:
        return import_video.VideoQueue(context, self.choices, self.resumed)

    def report(self, kind: set[str], text: str) -> None:
        self.reports.append((kind, text))


def drive(operator: Operator, window: FilmWindow, *, stop_after: int | None = None) -> set[str]:
    """Tick until the operator ends; press ESC once so many frames are done."""
    context = modal_context(window)
    assert operator.begin(context) == {"RUNNING_MODAL"}
    started = time.monotonic()
    while time.monotonic() - started < PATIENCE_S:
        result = operator.modal(context, event("TIMER"))
        if result != {"PASS_THROUGH"}:
            return result
        film = operator.job.at_hand
        done = film.progress.done if film is not None else 0
        if stop_after is not None and done >= stop_after and not window.eifer_video.stopping:
            assert operator.modal(context, event("ESC")) == {"RUNNING_MODAL"}
        time.sleep(0.02)
    pytest.fail("the import does not end")


def at_rest(window: FilmWindow) -> bool:
    return (window.timers, window.eifer_video.busy, window.eifer_video.stopping) == (
        0,
        False,
        False,
    )


@pytest.fixture
def face(test_data: Path) -> Path:
    return test_data / "video" / "pyfeat_single_face.mp4"


@pytest.fixture
def long_face(test_data: Path) -> Path:
    return test_data / "video" / "pyfeat_WolfgangLanger_Pexels.mp4"


def test_a_film_becomes_a_take_while_the_window_lives(face: Path, open_head: Any) -> None:
    window = FilmWindow()
    operator = Operator(
        VideoChoices(face, options={"stop": 24}, new_head=True, match_rate=True, match_size=True)
    )
    assert drive(operator, window) == {"FINISHED"}
    assert at_rest(window)
    assert operator.reports[-1] == ({"INFO"}, "Wrote the take 'pyfeat_single_face'")
    obj, scene = head(), bpy.context.scene
    action = current_take(obj)
    assert scene.render.fps == 30
    assert (scene.frame_start, scene.frame_end) == (1, 24)
    assert len(track_from_object(bpy.context, obj)) == 24
    assert "24 frames over 0.8 s" in facts_of(action)
    assert '["confidence"]' in {curve.data_path for curve in curves(obj)}
    camera = film_of(scene, action)
    assert scene.camera == camera
    assert (scene.render.resolution_x, scene.render.resolution_y) == (640, 360)
    identity = [b.value for b in obj.data.shape_keys.key_blocks if b.name.startswith("shape.")]
    assert np.ptp(identity) > 0.1, "the new head has nobody's proportions"
    assert not list(unfinished_films().iterdir())


def test_escape_keeps_what_is_done_and_the_film_can_go_on(
    long_face: Path, small_open_head: None
) -> None:
    bpy.ops.eifer.add_head()
    set_rate(bpy.context.scene, 23.976)
    obj = head()
    window, chosen = FilmWindow(), VideoChoices(long_face, options={"stop": 90}, camera=False)
    operator = Operator(chosen)
    assert drive(operator, window, stop_after=8) == {"FINISHED"}
    assert at_rest(window)
    action = current_take(obj)
    assert is_partial(action)
    done = len(track_from_object(bpy.context, obj))
    assert 0 < done < 90
    assert f"Stopped after {done} of 90 frames" in facts_of(action)
    assert [m.name for m in bpy.context.scene.timeline_markers][-1] == "Import stopped"
    assert list(unfinished_films().iterdir()), "nothing is kept to go on with"
    actions = list(bpy.data.actions)
    resumed = Operator(choices_of_take(action), resumed=action.name)
    assert drive(resumed, window) == {"FINISHED"}
    assert current_take(obj) == action
    assert list(bpy.data.actions) == actions, "going on made another take"
    assert not is_partial(action)
    assert len(track_from_object(bpy.context, obj)) == 90
    assert len(source_of(bpy.context, obj)) == 90
    assert "Import stopped" not in {m.name for m in bpy.context.scene.timeline_markers}


def test_escape_before_anything_is_done_changes_nothing(face: Path) -> None:
    before, window = state(), FilmWindow()
    operator = Operator(VideoChoices(face))
    context = modal_context(window)
    operator.begin(context)
    operator.modal(context, event("ESC"))
    assert operator.modal(context, event("TIMER")) == {"CANCELLED"}
    kind, text = operator.reports[-1]
    assert kind == {"INFO"}
    assert text == "The import of pyfeat_single_face.mp4 was cancelled; nothing was changed."
    assert at_rest(window)
    assert state() == before


def test_opening_another_file_ends_the_child(face: Path) -> None:
    window = FilmWindow()
    operator = Operator(VideoChoices(face))
    context = modal_context(window)
    operator.begin(context)
    operator.modal(context, event("TIMER"))
    assert operator.job.at_hand.is_running
    operator.cancel(context)
    assert at_rest(window)
    assert not operator.job.at_hand.is_running


def test_a_film_without_a_face_among_several_is_a_warning(face: Path, tmp_path: Path) -> None:
    grey = write_film(tmp_path / "grey.mp4", [np.full((64, 96, 3), 128, np.uint8)] * 4)
    text = tmp_path / "notes.mp4"
    text.write_text("Dear diary, no film today.\n")
    window, before = FilmWindow(), state()
    operator = Operator(VideoChoices(grey), VideoChoices(text))
    assert drive(operator, window) == {"CANCELLED"}
    assert state() == before
    said = operator.reports[-1][1]
    assert "grey.mp4" in said
    assert "notes.mp4" in said
    operator = Operator(VideoChoices(text), VideoChoices(face, options={"stop": 2}, camera=False))
    assert drive(operator, window) == {"FINISHED"}
    assert current_take(head()).name == "pyfeat_single_face"
    warned = [text for kind, text in operator.reports if kind == {"WARNING"}]
    assert any("notes.mp4" in text for text in warned)


def test_an_import_in_a_script_needs_no_window(face: Path) -> None:
    result = bpy.ops.eifer.import_video(filepath=str(face), last=3, take="Anna", shown="PLANE")
    assert result == {"FINISHED"}
    action = current_take(head())
    assert action.name == "Anna"
    assert bpy.context.scene.render.fps == 30, "an empty scene takes the film's rate"
    chosen = choices_of_take(action)
    assert (chosen.plane, chosen.background, dict(chosen.options)) == (True, False, {"stop": 4})


def test_a_failure_while_writing_gives_everything_back(
    tmp_path: Path, small_open_head: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_talking_film(tmp_path / "a.mp4", n=10)
    bpy.ops.eifer.add_head()
    scene = bpy.context.scene
    before = (state(), scene.render.fps, scene.render.resolution_x, len(scene.timeline_markers))
    queue = import_video.VideoQueue(bpy.context, [VideoChoices(path, match_rate=True)] * 2)
    for job in queue._jobs:
        job._track = film_track(10, lost=(3,), rate_hz=25.0)
    queue._at = 2
    from eifer.eifer_addon.scene import video_queue

    real, calls = video_queue.write_video_take, []

    def second_fails(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == 2:
            raise EiferError("The keys cannot be written.", "Try again.")
        return real(*args)

    monkeypatch.setattr(video_queue, "write_video_take", second_fails)
    with pytest.raises(EiferError, match="cannot be written"):
        queue.step(0.0)
    assert len(calls) == 2
    after = (state(), scene.render.fps, scene.render.resolution_x, len(scene.timeline_markers))
    assert after == before


def test_a_take_takes_the_films_rate_and_keeps_still_when_told(
    tmp_path: Path, small_open_head: None
) -> None:
    path = write_talking_film(tmp_path / "a.mp4", n=10)
    track = film_track(10, rate_hz=30000 / 1001)
    with pytest.warns(UserWarning, match="stays still"):
        action = write_video_take(
            bpy.context, track, VideoChoices(path, head_motion=False, match_rate=True)
        )
    render = bpy.context.scene.render
    assert (render.fps, render.fps_base) == (30, pytest.approx(1.001))
    obj = head()
    assert not [c for c in curves(obj.find_armature()) if "root" in c.data_path]
    assert action["eifer_mean_confidence"] == pytest.approx(track.confidence.mean())


def test_a_film_without_a_head_brings_a_head_of_that_person(
    tmp_path: Path, small_open_head: None
) -> None:
    path = write_talking_film(tmp_path / "a.mp4", n=10)
    track = replace(film_track(10), identity=np.array([1.5, -0.5], np.float32))
    write_video_take(bpy.context, track, VideoChoices(path))
    keys = head().data.shape_keys.key_blocks
    assert (keys["shape.000"].value, keys["shape.001"].value) == (1.5, -0.5)
    write_video_take(bpy.context, track, VideoChoices(path, new_head=True))
    first, second = (o for o in bpy.context.scene.objects if o.type == "ARMATURE")
    assert first.location.x != second.location.x, "two new heads stand in each other"
    assert {"a", "a.001"} <= {action.name for action in bpy.data.actions}


def test_showing_a_film_again_brings_its_camera_before_the_head(
    tmp_path: Path, small_open_head: None
) -> None:
    path = write_talking_film(tmp_path / "a.mp4", n=10)
    track = replace(film_track(10, lost=(4,)), identity=np.array([1.5], np.float32))
    action = write_video_take(bpy.context, track, VideoChoices(path))
    rig, camera = head().find_armature(), film_of(bpy.context.scene, action)
    before = rig.matrix_world.inverted() @ camera.matrix_world
    rig.location, rig.rotation_euler.z = (3, 0, 1), 1.0
    bpy.context.view_layer.update()
    bpy.context.scene.camera = None
    bpy.context.scene.timeline_markers.clear()
    assert bpy.ops.eifer.show_film() == {"FINISHED"}
    bpy.context.view_layer.update()
    after = rig.matrix_world.inverted() @ camera.matrix_world
    assert np.allclose(after, before, atol=1e-5)
    assert bpy.context.scene.camera == camera
    assert [m.name for m in bpy.context.scene.timeline_markers] == ["Face lost", "Face back"]
    bpy.data.objects.remove(camera)
    assert bpy.ops.eifer.add_film(sound=False) == {"FINISHED"}
    assert film_of(bpy.context.scene, action) is not None


def test_choices_survive_a_take(tmp_path: Path) -> None:
    chosen = VideoChoices(
        tmp_path / "a.mp4", "Anna", options={"who": [3, 20, 40], "step": 2}, render=True,
        head_file=tmp_path / "flame.pkl", source_file=tmp_path / "flame.pkl", new_head=True,
    )  # fmt: skip
    again = VideoChoices.from_document(chosen.to_document())
    assert again == chosen
    for text in ("", "{}", "[1]", '{"format_version": 1, "path": 3}'):
        with pytest.raises(EiferError):
            VideoChoices.from_document(text)


def test_rates_are_those_that_editors_know() -> None:
    scene = bpy.context.scene
    for rate, variable, wanted in (
        (29.97002, False, 30000 / 1001), (25.0, False, 25.0), (29.3, True, 30000 / 1001),
        (17.5, True, 17.5), (240.0, False, 240.0), (0.0, False, 240.0),
    ):  # fmt: skip
        set_rate(scene, rate, is_variable=variable)
        assert scene.render.fps / scene.render.fps_base == pytest.approx(wanted, rel=1e-6)


def test_waiting_films_say_so(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mp4", [numbered(0)])
    job = VideoImport(VideoChoices(path))
    assert job.progress.message == "a.mp4 waits."
    assert job.share == 0.0


def test_the_dialog_offers_the_fits_own_smoothing() -> None:
    from eifer.eifer_addon.video.fit_smooth import DEFAULT_S
    from eifer.operators import import_video_options

    assert pytest.approx(1000 * DEFAULT_S) == import_video_options._SMOOTHING_MS
