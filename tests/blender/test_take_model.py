"""EMG takes use the chosen EMG2Exp model; another model makes their keys anew."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
from edited_takes import keys, write_recording

from eifer.eifer_addon import api
from eifer.eifer_addon.scene import edit_settings
from eifer.eifer_addon.scene.controls import is_head
from eifer.eifer_addon.scene.model_choice import USUAL, model_items
from eifer.eifer_addon.scene.recipes import KEY, recipe_of
from eifer.eifer_addon.scene.takes import current_take, notes_of
from eifer.eifer_addon.scene.video_marks import CONFIDENCE_PATH
from eifer.models.choosing import built_in, model_path

pytestmark = pytest.mark.usefixtures("registered", "small_open_head")
TRAINED = "emg2exp_fridlund"


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_recording(tmp_path / "smile.csv")


@pytest.fixture
def head(recording: Path) -> bpy.types.Object:
    bpy.ops.eifer.add_head(n_identity=0, n_expression=0)
    bpy.ops.eifer.import_recording(filepath=str(recording), frame_start=1)
    return next(obj for obj in bpy.context.scene.objects if is_head(obj))


def smile(head: bpy.types.Object) -> np.ndarray:
    return keys(head)['["mouthSmileLeft"]'][:, 1]


def test_another_model_makes_the_keys_again(head: bpy.types.Object, recording: Path) -> None:
    before = smile(head).copy()
    settings = edit_settings.settings_of(current_take(head))
    settings.model = TRAINED
    assert bpy.ops.eifer.remake_take() == {"FINISHED"}
    activity = api.to_activity(api.read_recording(recording))
    wanted = api.emg_to_expression(activity, model=TRAINED)
    np.testing.assert_array_equal(smile(head), wanted.column("mouthSmileLeft"))
    assert np.abs(smile(head) - before).max() > 0.01
    recipe = recipe_of(current_take(head))
    assert (recipe.model, recipe.model_sha256) == (TRAINED, built_in(TRAINED).sha256)
    # How sure the model is, frame by frame.
    np.testing.assert_allclose(keys(head)[CONFIDENCE_PATH][:, 1], wanted.confidence, atol=1e-6)
    settings.model = "emg2exp_baseline"
    assert bpy.ops.eifer.remake_take() == {"FINISHED"}
    np.testing.assert_array_equal(smile(head), before)
    assert (keys(head)[CONFIDENCE_PATH][:, 1] == 1).all()


def test_a_script_names_the_model(head: bpy.types.Object) -> None:
    assert bpy.ops.eifer.edit_take(model=TRAINED) == {"FINISHED"}
    assert recipe_of(current_take(head)).model == TRAINED
    assert edit_settings.settings_of(current_take(head)).model == TRAINED
    assert notes_of(current_take(head)).get("model", TRAINED) == TRAINED
    with pytest.raises(RuntimeError, match="There is no emg2exp model named 'nobody'"):
        bpy.ops.eifer.edit_take(model="nobody")
    assert recipe_of(current_take(head)).model == TRAINED


def test_the_list_holds_ours_the_users_and_what_the_take_was_made_with(
    head: bpy.types.Object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("EIFER_MODELS", str(folder))
    (folder / "mine.onnx").write_bytes(model_path(TRAINED, "emg2exp").read_bytes())
    elsewhere = tmp_path / "elsewhere.onnx"
    elsewhere.write_bytes(model_path(TRAINED, "emg2exp").read_bytes())
    action = current_take(head)
    assert bpy.ops.eifer.edit_take(model=str(elsewhere)) == {"FINISHED"}
    settings = edit_settings.settings_of(action)
    names = [item[0] for item in model_items(settings, None)]
    assert names[0] == USUAL
    assert {"emg2exp_baseline", TRAINED, "mine", str(elsewhere)} <= set(names)
    assert settings.model == str(elsewhere)
    settings.model = "mine"
    assert bpy.ops.eifer.remake_take() == {"FINISHED"}
    assert recipe_of(action).model == "mine"


def test_a_take_of_before_keeps_the_model_that_it_was_made_with(head: bpy.types.Object) -> None:
    action = current_take(head)
    before = smile(head).copy()
    assert '"model": ""' in str(action[KEY])
    assert bpy.ops.eifer.remake_take() == {"FINISHED"}
    np.testing.assert_array_equal(smile(head), before)
