"""A take of monopolar channels remembers its pairs, its sides, and what the other side does."""

from __future__ import annotations

from pathlib import Path

import bpy
import pytest
from edited_takes import everything

from eifer.eifer_addon import cli
from eifer.eifer_addon.scene.controls import is_head
from eifer.eifer_addon.scene.recipes import forget_activities, recipe_of
from eifer.eifer_addon.scene.takes import current_take
from eifer.eifer_addon.signals.edf_writer import write_edf
from eifer.models.synthetic.physiology import simulate_recording

pytestmark = pytest.mark.usefixtures("registered", "small_open_head")


def test_a_take_of_pairs_is_made_again_as_it_was(tmp_path: Path) -> None:
    recording, _ = simulate_recording(6.0, 1000.0, seed=1, scheme="fridlund-monopolar")
    path = write_edf(recording, tmp_path / "monopolar.edf")
    out = tmp_path / "take.blend"
    options = ["--sides", "left", "--fill", "mirror", "--map", "Ment li 2 - Ment li 1=mentalis li"]
    assert cli.main(["emg", str(path), "--out", str(out), *options]) == 0
    bpy.ops.wm.open_mainfile(filepath=str(out))
    obj = next(obj for obj in bpy.context.scene.objects if is_head(obj))
    bpy.context.view_layer.objects.active = obj
    montage = recipe_of(current_take(obj)).montage
    assert montage is not None
    assert montage["Zyg li 1 - Zyg li 2"] == "zygomaticus.left"
    assert montage["Ment li 2 - Ment li 1"] == "mentalis.left"
    assert not any(target and target.endswith("right") for target in montage.values())
    before = everything(obj)[1]
    forget_activities()  # so that the file is read and the pairs are made again
    assert bpy.ops.eifer.remake_take() == {"FINISHED"}
    assert everything(obj)[1] == before
