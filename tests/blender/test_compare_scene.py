"""Compared methods as takes in a .blend: an avatar for each, side by side."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
from film_writer import write_film

from eifer import api
from eifer.eifer_addon.cli import main
from eifer.eifer_addon.scene.compare_scene import save_compared
from eifer.eifer_addon.scene.controls import armature_of, is_head
from eifer.eifer_addon.spaces import ARKIT52, ARKIT_NAMES
from eifer.eifer_addon.track import Camera, ExpressionTrack


def test_each_method_is_a_take_on_an_avatar_of_its_own(tmp_path: Path) -> None:
    pictures = [np.full((120, 160, 3), 60 + 20 * k, np.uint8) for k in range(4)]
    film = write_film(tmp_path / "grey.mp4", pictures)
    for label, most in (("one", 0.9), ("two", 0.4)):
        values = np.zeros((4, 52), np.float32)
        values[:, ARKIT_NAMES.index("jawOpen")] = np.linspace(0, most, 4)
        track = ExpressionTrack(
            ARKIT52, values, np.arange(4) / 30, np.ones(4, np.float32),
            np.zeros((4, 6), np.float32), camera=Camera(160, 120, 200.0, (0.0, 0.0, -0.7)),
        )  # fmt: skip
        track.save(tmp_path / f"{label}.npz")
    blend = tmp_path / "compared.blend"
    assert main([
        "compare", str(film), "--backends", "--tracks", str(tmp_path / "one.npz"),
        str(tmp_path / "two.npz"), "--out", str(tmp_path / "out"), "--blend", str(blend),
        "--columns", "1", "--tile", "48",
    ]) == 0  # fmt: skip
    bpy.ops.wm.open_mainfile(filepath=str(blend), use_scripts=False)
    scene = bpy.context.scene
    heads = sorted(filter(is_head, scene.objects), key=lambda one: armature_of(one).location.x)
    assert len(heads) == 2
    assert armature_of(heads[1]).location.x - armature_of(heads[0]).location.x > 0.2
    assert {"one", "two"} <= {action.name.partition(" ")[0] for action in bpy.data.actions}
    scene.frame_set(scene.frame_start + 3)
    assert [round(float(head["jawOpen"]), 2) for head in heads] == [0.9, 0.4]
    assert scene.camera.data.type == "ORTHO"


def test_an_identity_of_another_basis_leaves_the_head_an_average_one(tmp_path: Path) -> None:
    """SMIRK gives 300 coefficients of FLAME, which are none of the open head's 100."""
    film = write_film(tmp_path / "grey.mp4", [np.full((120, 160, 3), 90, np.uint8)] * 2)
    values, times, sure = np.zeros((2, 52), np.float32), np.arange(2) / 30, np.ones(2, np.float32)
    tracks = {
        name: ExpressionTrack(
            ARKIT52, values, times, sure, identity=np.ones(size, np.float32),
            provenance={"backend": name},
        )
        for name, size in (("smirk", 300), ("deca", 100))
    }  # fmt: skip
    blend = save_compared(tracks, film, tmp_path / "compared.blend")
    bpy.ops.wm.open_mainfile(filepath=str(blend), use_scripts=False)
    heads = [obj for obj in bpy.context.scene.objects if is_head(obj)]
    average = api.load_head().template[:, 1]
    assert len(heads) == 2
    for head in heads:
        points = np.array([vertex.co[:] for vertex in head.data.vertices])
        assert np.ptp(points, axis=0).max() == pytest.approx(np.ptp(average), rel=1e-3)
