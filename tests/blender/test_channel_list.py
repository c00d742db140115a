"""The list of a take's channels: what it shows, what can be changed in it, and what that does."""

from __future__ import annotations

import json
import types
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from edited_takes import everything, keys, write_face

from eifer.eifer_addon import api
from eifer.eifer_addon.scene import channel_list, panels, recipes
from eifer.eifer_addon.scene.controls import is_head
from eifer.eifer_addon.scene.edit_settings import recipe_is_changed, settings_of
from eifer.eifer_addon.scene.recipes import recipe_of
from eifer.eifer_addon.scene.takes import current_take, notes_of
from eifer.operators import explain_channel

pytestmark = pytest.mark.usefixtures("registered", "small_open_head")

MUSCLES = ("Zygomaticus", "Corrugator", "Mentalis")


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_face(tmp_path / "smile.csv", MUSCLES)


@pytest.fixture
def head(recording: Path) -> bpy.types.Object:
    bpy.ops.eifer.add_head(n_identity=0, n_expression=0)
    bpy.ops.eifer.import_recording(filepath=str(recording))
    return next(obj for obj in bpy.context.scene.objects if is_head(obj))


def rows(head: bpy.types.Object) -> dict[str, Any]:
    return {row.name: row for row in settings_of(current_take(head)).channels}


def test_every_channel_is_listed_with_muscle_side_and_quality(head: bpy.types.Object) -> None:
    found = rows(head)
    assert list(found) == [f"{m}_{s}" for m in MUSCLES for s in "lr"] + ["Thermometer"]
    first = found["Zygomaticus_l"]
    assert (first.muscle, first.side, first.repair) == ("zygomaticus", "left", "keep")
    assert found["Thermometer"].muscle == "NONE"
    for row in found.values():
        assert row.level in ("good", "doubtful", "bad")
        assert row.name in row.sentence


def test_a_dead_channel_is_marked_and_can_be_mirrored(tmp_path: Path) -> None:
    path = write_face(tmp_path / "dead.csv", MUSCLES)
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    table[:, 2] = 0.0
    header = path.read_text().partition("\n")[0]
    np.savetxt(path, table, delimiter=",", fmt="%.6f", comments="", header=header)
    bpy.ops.eifer.import_recording(filepath=str(path))
    head = next(obj for obj in bpy.context.scene.objects if is_head(obj))
    dead = rows(head)["Zygomaticus_r"]
    assert dead.level == "bad"
    assert "never changes" in dead.sentence
    assert channel_list.ICONS[dead.level] == "CANCEL"
    assert not keys(head)['["mouthSmileRight"]'][:, 1].any()
    dead.repair = "mirror"
    action = current_take(head)
    assert recipe_is_changed(action, recipe_of(action))
    assert bpy.ops.eifer.remake_take() == {"FINISHED"}
    after = keys(head)
    np.testing.assert_array_equal(after['["mouthSmileLeft"]'], after['["mouthSmileRight"]'])
    assert recipe_of(action).repair == {"Zygomaticus_r": "mirror"}
    assert rows(head)["Zygomaticus_r"].repair == "mirror"
    assert not recipe_is_changed(action, recipe_of(action))


def test_a_channel_can_be_given_another_muscle_and_undone(
    head: bpy.types.Object, recording: Path
) -> None:
    name = head.name
    bpy.ops.ed.undo_push(message="before")
    before = everything(head)
    row = rows(head)["Thermometer"]
    row.muscle, row.side = "masseter", "both"
    rows(head)["Mentalis_l"].muscle = "NONE"
    assert bpy.ops.eifer.remake_take("EXEC_DEFAULT", True) == {"FINISHED"}
    recipe = recipe_of(current_take(head))
    assert recipe.montage["Thermometer"] == "masseter"
    assert recipe.montage["Mentalis_l"] is None
    expected = api.to_activity(api.read_recording(recording), montage=dict(recipe.montage))
    track = api.emg_to_expression(expected)
    table = keys(head)['["mouthSmileLeft"]']
    np.testing.assert_array_equal(table[:, 1], track.column("mouthSmileLeft"))
    pairs = dict(json.loads(str(notes_of(current_take(head))["channels"])))
    assert pairs["Thermometer"].startswith("masseter")
    assert "Mentalis_l" in json.loads(str(notes_of(current_take(head))["unmapped"]))
    bpy.ops.ed.undo()
    again = everything(bpy.data.objects[name])
    assert again[1] == before[1]
    assert again[0]["smile"]["eifer_recipe"] == before[0]["smile"]["eifer_recipe"]


def test_scripts_change_mapping_and_repair_by_name(head: bpy.types.Object) -> None:
    done = bpy.ops.eifer.edit_take(
        montage='{"Thermometer": "masseter.left"}', repair='{"Mentalis_l": "drop"}'
    )
    assert done == {"FINISHED"}
    recipe = recipe_of(current_take(head))
    assert recipe.montage["Thermometer"] == "masseter.left"
    assert recipe.montage["Zygomaticus_l"] == "zygomaticus.left"
    assert recipe.repair == {"Mentalis_l": "drop"}
    assert channel_list.target_words(rows(head)["Mentalis_l"]) == "dropped"
    bpy.ops.eifer.edit_take(repair='{"Mentalis_l": "keep"}')
    assert recipe_of(current_take(head)).repair == {}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"montage": '{"Nose": "zygomaticus"}'}, "names the channel 'Nose'"),
        ({"montage": '{"Thermometer": "nose"}'}, "unknown muscle 'nose'"),
        ({"montage": "[1"}, "The montage cannot be read"),
        ({"repair": '{"Thermometer": "drop"}'}, "no muscle belongs to it"),
        ({"repair": '{"Mentalis_l": "pray"}'}, "no repair 'pray'"),
    ],
)
def test_what_cannot_be_changed_changes_nothing(
    head: bpy.types.Object, options: dict[str, str], words: str
) -> None:
    before = everything(head)
    with pytest.raises(RuntimeError, match=words):
        bpy.ops.eifer.edit_take(**options)
    assert everything(head) == before


def test_one_muscle_for_two_channels_is_one_sentence(head: bpy.types.Object) -> None:
    row = rows(head)["Thermometer"]
    row.muscle, row.side = "zygomaticus", "left"
    action = current_take(head)
    assert recipe_is_changed(action, recipe_of(action))
    with pytest.raises(RuntimeError, match="'Zygomaticus_l' and 'Thermometer' both stand for"):
        bpy.ops.eifer.remake_take()


def test_the_bar_is_the_activity_at_the_current_frame(head: bpy.types.Object) -> None:
    curves = keys(head)
    for frame in (5, 30, 60):
        bpy.context.scene.frame_set(frame)
        for name, row in rows(head).items():
            shown = channel_list.activity_now(head, row)
            if name == "Thermometer":
                assert shown is None
                continue
            table = curves[f'["activity_{row.muscle}_{row.side}"]']
            wanted = np.interp(frame, table[:, 0], table[:, 1])
            assert shown == pytest.approx(min(1.0, wanted), abs=1e-4)


class Recorder:
    """Takes what a row draws."""

    def __init__(self) -> None:
        self.drawn: list[tuple[str, Any]] = []

    def row(self, **_: Any) -> Recorder:
        return self

    split = box = column = row

    def operator(self, name: str, icon: str = "", **_: Any) -> Any:
        self.drawn.append((name, icon))
        return types.SimpleNamespace()

    def label(self, text: str = "", icon: str = "") -> None:
        self.drawn.append(("label", text))

    def progress(self, factor: float, text: str) -> None:
        self.drawn.append(("progress", (text, factor)))

    def prop(self, owner: Any, name: str, **_: Any) -> None:
        assert name in owner.bl_rna.properties
        self.drawn.append(("prop", name))

    def template_list(self, kind: str, _id: str, owner: Any, name: str, *_: Any, **__: Any) -> None:
        assert hasattr(bpy.types, kind)
        self.drawn.append(("list", len(getattr(owner, name))))


def test_rows_and_panel_draw_what_they_should(head: bpy.types.Object) -> None:
    settings = settings_of(current_take(head))
    draw = channel_list.EIFER_UL_channels.draw_item
    for k, row in enumerate(settings.channels):
        layout = Recorder()
        draw(None, bpy.context, layout, settings, row, 0, settings, "active_channel", k)
        kinds = [kind for kind, _ in layout.drawn]
        assert kinds[:2] == ["eifer.explain_channel", "label"]
        assert kinds[2] == ("label" if row.name == "Thermometer" else "progress")
    panel = channel_list.VIEW3D_PT_eifer_channels
    assert panel.poll(bpy.context)
    drawn = types.SimpleNamespace(layout=Recorder())
    panel.draw(drawn, bpy.context)
    assert ("list", 7) in drawn.layout.drawn
    assert ("prop", "muscle") in drawn.layout.drawn
    assert not any(kind == "eifer.remake_take" for kind, _ in drawn.layout.drawn)
    settings.channels[0].muscle = "NONE"
    drawn = types.SimpleNamespace(layout=Recorder())
    panel.draw(drawn, bpy.context)
    assert any(kind == "eifer.remake_take" for kind, _ in drawn.layout.drawn)
    panel.draw_header_preset(drawn, bpy.context)
    assert drawn.layout.drawn[-1] == ("label", "5 of 7")


def test_the_tooltip_is_the_finding_and_a_click_chooses_the_channel(
    head: bpy.types.Object,
) -> None:
    settings = settings_of(current_take(head))
    describe = explain_channel.EIFER_OT_explain_channel.description
    found = describe(bpy.context, types.SimpleNamespace(channel=3))
    assert f"{found}." == settings.channels[3].sentence
    assert bpy.ops.eifer.explain_channel(channel=3) == {"FINISHED"}
    assert settings.active_channel == 3
    assert bpy.ops.eifer.explain_channel(channel=99) == {"CANCELLED"}


def test_the_list_can_be_searched_by_channel_and_muscle(head: bpy.types.Object) -> None:
    settings = settings_of(current_take(head))
    found = types.SimpleNamespace(filter_name="corru", bitflag_filter_item=1)
    flags, _ = channel_list.EIFER_UL_channels.filter_items(found, bpy.context, settings, "channels")
    assert [row.name for row, flag in zip(settings.channels, flags, strict=True) if flag] == [
        "Corrugator_l", "Corrugator_r",
    ]  # fmt: skip


def test_takes_without_a_recipe_keep_the_plain_list(head: bpy.types.Object) -> None:
    action = current_take(head)
    del action[recipes.KEY]
    assert channel_list.settings_at_hand(bpy.context) is None
    assert ("Zygomaticus_l", "Left zygomaticus") in panels.mapped(notes_of(action))


def test_a_pair_of_channels_is_a_row(tmp_path: Path) -> None:
    path = write_face(tmp_path / "pairs.csv", MUSCLES[:2])
    montage = {"format_version": 1, "channels": {
        "Zygomaticus_l": None, "Zygomaticus_r": None, "Corrugator_l": "corrugator.left",
        "Corrugator_r": None, "Zygomaticus_l - Zygomaticus_r": "zygomaticus",
    }}  # fmt: skip
    (tmp_path / "pairs.json").write_text(json.dumps(montage))
    bpy.ops.eifer.import_recording(filepath=str(path), montage_file=str(tmp_path / "pairs.json"))
    head = next(obj for obj in bpy.context.scene.objects if is_head(obj))
    row = rows(head)["Zygomaticus_l - Zygomaticus_r"]
    assert (row.muscle, row.side) == ("zygomaticus", "both")
    assert row.level
    before = everything(head)[1]
    recipes.forget_activities()
    assert bpy.ops.eifer.remake_take() == {"FINISHED"}
    assert everything(head)[1] == before
