"""Films without electrodes in Blender: beside the original, switched, saved, and stopped."""

from __future__ import annotations

import time
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
import pytest
from dotted_films import dotted_pictures
from fake_window import Window, event, modal_context
from film_writer import write_film
from imported_scene import head
from tiny_translator import tiny_translator

from eifer.eifer_addon import api
from eifer.eifer_addon.scene.takes import current_take
from eifer.eifer_addon.scene.video_clean import CLEAN, SHOWN, free_clean_path, has_clean
from eifer.eifer_addon.scene.video_clean_job import CleanExport
from eifer.eifer_addon.scene.video_imports import VideoChoices, facts_of
from eifer.eifer_addon.scene.video_stage import PLANE, film_of
from eifer.eifer_addon.scene.video_takes import write_video_take
from eifer.operators import import_video, import_video_options, video_clean

pytestmark = pytest.mark.usefixtures("registered")
N = 6


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_translator(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="module")
def film(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    worn = dotted_pictures(test_data, range(20, 20 + 2 * N, 2)).worn
    return write_film(tmp_path_factory.mktemp("film") / "worn.mp4", worn)


@pytest.fixture
def imported(film: Path, model: Path, tmp_path: Path, open_head: Any) -> bpy.types.Object:
    """The film's take, with its clean film, on a new head."""
    clean = tmp_path / "clean.mp4"
    options = {"remove_electrodes": True, "translator": str(model), "clean_film": str(clean)}
    chosen = VideoChoices(
        film, options=options, new_head=True, match_rate=True, plane=True, render=True
    )
    queue = import_video.VideoQueue(bpy.context, [chosen])
    while not queue.step(0.0):
        time.sleep(0.01)
    bpy.context.view_layer.objects.active = head()
    return head()


def shown_in(camera: bpy.types.Object) -> set[str]:
    """Names of the files that a film's camera, plane and compositor show."""
    scene = bpy.context.scene
    tree = getattr(scene, "compositing_node_group", None) or scene.node_tree
    images = [
        camera.data.background_images[0].image, camera[PLANE].data, tree.nodes["Film"].image
    ]  # fmt: skip
    return {Path(bpy.path.abspath(image.filepath)).name for image in images}


def test_an_import_without_electrodes_shows_the_clean_film_and_switches_to_the_original(
    imported: bpy.types.Object,
) -> None:
    take = current_take(imported)
    camera = film_of(bpy.context.scene, take)
    assert has_clean(camera)
    assert camera[SHOWN]
    assert shown_in(camera) == {"clean.mp4"}
    assert "Electrodes removed by tiny" in facts_of(take)
    offset = camera.data.background_images[0].image_user.frame_offset
    bpy.ops.eifer.switch_film(version="ORIGINAL")
    assert shown_in(camera) == {"worn.mp4"}
    bpy.ops.eifer.switch_film()
    assert shown_in(camera) == {"clean.mp4"}
    assert camera.data.background_images[0].image_user.frame_offset == offset
    assert len(bpy.data.images) <= 3, "each switch loads the film again"
    Path(camera[CLEAN]).unlink()
    assert not bpy.ops.eifer.switch_film.poll()


def test_a_take_of_a_film_as_it_was_gets_a_clean_one_by_the_button(
    film: Path, model: Path, tmp_path: Path, open_head: Any
) -> None:
    track = api.video_to_expression(film, workers=1)
    chosen = VideoChoices(film, options={"translator": str(model)}, new_head=True)
    action = write_video_take(bpy.context, track, chosen)
    bpy.context.view_layer.objects.active = head()
    camera = film_of(bpy.context.scene, action)
    assert not has_clean(camera)
    out = tmp_path / "saved"
    assert bpy.ops.eifer.save_clean_video(filepath=str(out)) == {"FINISHED"}
    assert (tmp_path / "saved.mp4").is_file()
    assert camera[SHOWN]


class FilmWindow(Window):
    def __init__(self) -> None:
        super().__init__()
        self.eifer_video = types.SimpleNamespace(
            busy=False, stopping=False, progress=0.0, status="", speed=""
        )


class Operator(import_video.ModalVideo):
    """The modal operator's own methods over a stand-in for Blender's instance."""

    bl_idname, bl_label = "eifer.run_clean_video", "Save clean video"

    def __init__(self, export: CleanExport) -> None:
        self.export, self.reports = export, list[tuple[set[str], str]]()

    def make_queue(self, _context: Any) -> Any:
        return self.export

    def report(self, kind: set[str], text: str) -> None:
        self.reports.append((kind, text))


def test_escape_leaves_no_half_film(film: Path, model: Path, tmp_path: Path) -> None:
    long = write_film(tmp_path / "long.mp4", [frame.image for frame in _frames(film)] * 40)
    out, window = tmp_path / "out.mp4", FilmWindow()
    operator = Operator(CleanExport(long, out, {"model": str(model), "workers": 1}))
    context = modal_context(window)
    assert operator.begin(context) == {"RUNNING_MODAL"}
    began, result = time.monotonic(), {"PASS_THROUGH"}
    while result == {"PASS_THROUGH"} and time.monotonic() - began < 120:
        if operator.job.progress > 0 and not window.eifer_video.stopping:
            assert operator.modal(context, event("ESC")) == {"RUNNING_MODAL"}
        result = operator.modal(context, event("TIMER"))
        time.sleep(0.01)
    assert result == {"CANCELLED"}
    assert operator.reports[-1][1].startswith("The cleaning of long.mp4 was cancelled")
    assert not out.exists()
    assert not list(tmp_path.glob(".out*"))
    assert (window.timers, window.eifer_video.busy) == (0, False)


def _frames(film: Path) -> Any:
    from eifer.eifer_addon.video.decode import open_video

    return open_video(film).frames()


def test_the_dialog_s_choices_become_options(film: Path, tmp_path: Path) -> None:
    given = types.SimpleNamespace(remove_electrodes=True, clean_path="")
    found = import_video_options._cleaning(given, film, several=False)
    assert found == {
        "remove_electrodes": True, "clean_film": str(film.with_name("worn_clean.mp4"))
    }  # fmt: skip
    given.clean_path = str(tmp_path / "mine")
    found = import_video_options._cleaning(given, film, several=False)
    assert found["clean_film"] == str(tmp_path / "mine.mp4")
    assert import_video_options._cleaning(given, film, several=True)["clean_film"] == str(
        tmp_path / "worn_clean.mp4"
    )
    given.remove_electrodes = False
    assert import_video_options._cleaning(given, film, several=False) == {}


def test_names_of_clean_films_take_nothing_that_is_there(tmp_path: Path) -> None:
    film = tmp_path / "a.mov"
    assert free_clean_path(film).name == "a_clean.mp4"
    (tmp_path / "a_clean.mp4").touch()
    assert free_clean_path(film).name == "a_clean_2.mp4"
    chosen = replace(VideoChoices(film), options={"translator": "mine.onnx", "start": 3, "fit": 1})
    assert video_clean.cleaning_options(chosen.options) == {"model": "mine.onnx", "start": 3}
