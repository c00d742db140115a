"""Which head a back end needs, and which back ends are offered."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from film_track import film_track
from flame_writer import write_flame
from imported_scene import head, state
from tiny_reconstructor import smirk_rows, tiny

from eifer.eifer_addon import api
from eifer.eifer_addon.heads.model import HeadModel
from eifer.eifer_addon.scene.controls import METADATA_KEY
from eifer.eifer_addon.scene.rig import add_head
from eifer.eifer_addon.scene.takes import current_take
from eifer.eifer_addon.scene.video_heads import is_basis_of, with_heads
from eifer.eifer_addon.scene.video_imports import VideoChoices
from eifer.eifer_addon.scene.video_marks import mark_take
from eifer.eifer_addon.track import Camera
from eifer.operators import import_video_options as options

FILM = Path("film.mp4")


@pytest.fixture
def flame(tmp_path: Path) -> str:
    path = tmp_path / "generic_model.pkl"
    write_flame(path)
    return str(path)


@pytest.fixture
def networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two networks of the user's for SMIRK."""
    pytest.importorskip("onnx", reason="onnx is needed to write the models of this test")
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("EIFER_MODELS", str(folder))
    weights = np.stack([smirk_rows({f"exp.{k:03d}": 1.0}) for k in range(3)])
    for name in ("smirk", "mine"):
        tiny(folder / f"{name}.onnx", "smirk", weights, smirk_rows({"cam.000": 8.0}))
    return folder


def as_flame(obj: bpy.types.Object, name: str, sha256: str = "") -> None:
    """Let a head in the scene pass for one of a FLAME file."""
    obj[METADATA_KEY] = {**dict(obj[METADATA_KEY]), "head": name, "sha256": sha256}


def test_the_back_ends_are_those_that_come_along_and_the_users(networks: Path) -> None:
    items = options._backend_items(None, None)
    assert [item[0] for item in items] == ["mediapipe", "encoder", "mine", "smirk"]
    assert items[2][1] == "SMIRK (mine)"
    assert options._backend_items(None, None) is items, "Blender keeps pointers to these strings"
    assert options._backend_of("mediapipe") == ("mediapipe", {})
    assert options._backend_of("mine") == ("smirk", {"model": "mine"})


def test_a_fit_takes_the_file_of_the_chosen_head_when_it_is_known(
    rigged: bpy.types.Object, flame: str
) -> None:
    from eifer.eifer_addon.files import sha256_of

    chosen = VideoChoices(FILM)
    assert with_heads(bpy.context, chosen, flame).source_file is None
    as_flame(rigged, "flame2020", sha256_of(flame))
    found = with_heads(bpy.context, chosen, flame, own=True)
    assert found.source_file == Path(flame)
    assert found.options == {"space": "own"}
    as_flame(rigged, "flame2020", "another")
    found = with_heads(bpy.context, chosen, flame, own=True)
    assert (found.source_file, dict(found.options)) == (None, {})


def test_a_network_of_flame_meets_the_head_in_its_own_space_or_in_arkit(
    rigged: bpy.types.Object, flame: str
) -> None:
    chosen = VideoChoices(FILM, backend="smirk")
    found = with_heads(bpy.context, chosen, flame)
    assert (found.source_file, dict(found.options)) == (Path(flame), {"space": "arkit52"})
    as_flame(rigged, "flame2020")
    assert dict(with_heads(bpy.context, chosen, flame).options) == {}
    new = with_heads(bpy.context, VideoChoices(FILM, backend="smirk", new_head=True), flame)
    assert (new.head_file, new.source_file, dict(new.options)) == (Path(flame), Path(flame), {})


def test_an_identity_goes_to_a_head_of_its_own_basis_only(synthetic_head: HeadModel) -> None:
    assert is_basis_of("mediapipe", synthetic_head)
    assert not is_basis_of("smirk", synthetic_head)
    assert is_basis_of("smirk", synthetic_head.replace(name="flame2020"))


@pytest.mark.usefixtures("registered", "networks")
def test_a_network_drives_a_flame_head_in_its_own_coefficients(
    synthetic_head: HeadModel, test_data: Path
) -> None:
    add_head(bpy.context, synthetic_head.replace(name="flame2020"))
    film = test_data / "video" / "pyfeat_single_face.mp4"
    assert bpy.ops.eifer.import_video(filepath=str(film), last=3, backend="mine") == {"FINISHED"}
    action = current_take(head())
    assert action["eifer_space"].startswith("flame2020")
    assert action["eifer_backend"] == "smirk"
    assert bpy.context.scene.camera is not None


@pytest.mark.usefixtures("registered", "networks", "small_open_head")
def test_a_network_whose_basis_is_unknown_here_is_refused_before_the_work(
    test_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bpy.ops.eifer.add_head()
    before = state()
    film = test_data / "video" / "pyfeat_single_face.mp4"
    with pytest.raises(RuntimeError, match="flame2020"):
        bpy.ops.eifer.import_video(filepath=str(film), backend="smirk")
    assert state() == before


def test_a_point_on_a_face_and_a_range_become_options() -> None:
    operator: Any = types.SimpleNamespace(
        first=10, last=20, step=3, smoothing_ms=0.0, keep_going=True, face="POINT",
        face_frame=12, face_at=(320, 180), face_number=0, electrodes="kuramoto", fov_deg=40.0,
    )  # fmt: skip
    assert options._reading(operator) == {
        "start": 10, "stop": 21, "step": 3, "smoothing": 0.0, "keep_going": True,
        "who": [12, 320, 180], "electrodes": "kuramoto", "fov_deg": 40.0,
    }  # fmt: skip
    operator.face, operator.smoothing_ms = "NUMBER", 80.0
    assert options._reading(operator)["who"] == 0
    operator.face, operator.last = "central", 5
    with pytest.raises(api.EiferError, match="from 10 to 5"):
        options._reading(operator)


def test_a_click_on_the_film_is_a_pixel_of_it() -> None:
    from eifer.operators.video_pick_face import point_of_picture

    seen = Camera(640, 360, 700.0, (0.0, 0.0, -0.6))
    border = np.array([[100, 50], [1380, 50], [1380, 770], [100, 770]], float)
    assert point_of_picture((100.5, 769.5), border, seen) == (0, 0)
    assert point_of_picture((740.5, 409.5), border, seen) == (320, 180)
    assert point_of_picture((1379.5, 50.5), border, seen) == (639, 359)
    assert point_of_picture((99, 400), border, seen) is None
    # A camera's view of another shape holds the film whole, between borders.
    square = np.array([[0, 0], [640, 0], [640, 640], [0, 640]], float)
    assert point_of_picture((320.5, 499.5), square, seen) == (320, 0)
    assert point_of_picture((320, 510), square, seen) is None


def test_the_frame_of_a_click_is_counted_in_the_film(rigged: bpy.types.Object) -> None:
    from eifer.operators.video_pick_face import film_frame

    scene = bpy.context.scene
    scene.render.fps, scene.frame_start = 50, 11
    track = film_track(20, 12.5, first=5)
    mark_take(bpy.context, rigged, api.apply_track(bpy.context, rigged, track), track)
    chosen = VideoChoices(FILM, options={"start": 10, "step": 2})
    for frame, wanted in ((1, 10), (31, 10), (35, 12), (51, 20)):
        scene.frame_set(frame)
        assert film_frame(bpy.context, rigged, chosen) == wanted
