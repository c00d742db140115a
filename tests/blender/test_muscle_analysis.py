"""Muscles told from a film's take in Blender: on the avatar, in the panel, and as files."""

from __future__ import annotations

import csv
import json
import types
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from muscle_films import FILM_HZ, simulated
from muscle_scene import colours
from tiny_exp2emg import write_exp2emg

from eifer.eifer_addon import api
from eifer.eifer_addon.heads.model import HeadModel
from eifer.eifer_addon.scene.muscle_activity import has_activity, property_of
from eifer.eifer_addon.scene.muscle_analysis import RESULT, process_of, result_of, take_to_analyse
from eifer.eifer_addon.scene.muscle_analysis_panel import lines_of, state_line
from eifer.eifer_addon.scene.muscle_map import show_map
from eifer.eifer_addon.signals.edf_writer import write_edf
from eifer.eifer_addon.track import ExpressionTrack
from eifer.operators import analyse_muscles

LEFT = property_of("zygomaticus.left")
#: When the simulated person smiles, and rests, in s.
SMILE_S, REST_S = 4.5, 0.3


def film() -> ExpressionTrack:
    """What a film of the simulated person shows."""
    shown = api.emg_to_expression(simulated()[1], model="baseline")
    times = np.arange(0.0, 19.5, 1 / FILM_HZ)
    values = [np.interp(times - 0.08, shown.timestamps, c) for c in shown.coefficients.T]
    return ExpressionTrack(
        shown.space, np.stack(values, 1).astype(np.float32), times,
        np.ones(len(times), np.float32), provenance={"simulated": True},
    )  # fmt: skip


@pytest.fixture
def avatar(registered: None, open_head: HeadModel, tmp_path: Path) -> bpy.types.Object:
    """A head that plays a film's take, with a small model chosen."""
    scene = bpy.context.scene
    scene.render.fps = 30
    obj = api.add_head(bpy.context, open_head, n_identity=2, n_expression=2)
    api.apply_track(bpy.context, obj, film(), take="smiles", frame_start=1, frame_range="fit")
    bpy.context.view_layer.objects.active = obj
    scene.eifer_muscles.model = str(write_exp2emg(tmp_path / "tiny.onnx"))
    return obj


def at(obj: bpy.types.Object, seconds: float) -> float:
    """The left zygomaticus at a time."""
    bpy.context.scene.frame_set(1 + round(FILM_HZ * seconds))
    return float(obj[LEFT])


def test_activity_of_a_film_follows_the_timeline(avatar: bpy.types.Object) -> None:
    assert not has_activity(avatar)
    assert bpy.ops.eifer.analyse_muscles() == {"FINISHED"}
    assert has_activity(avatar)
    assert at(avatar, SMILE_S) > 0.5
    assert abs(at(avatar, REST_S)) < 0.15
    show_map(bpy.context, avatar)
    at(avatar, REST_S)
    rest = colours(avatar)
    at(avatar, SMILE_S)
    assert np.abs(colours(avatar) - rest).max() > 0.3
    result = result_of(take_to_analyse(bpy.context))
    assert result is not None
    assert not result["has_measured"]
    assert len(result["rows"]) == 11
    assert list(lines_of(result)) == []
    assert "11 muscles" in state_line(take_to_analyse(bpy.context), result)


def test_beside_a_recording_and_out_as_files(avatar: bpy.types.Object, tmp_path: Path) -> None:
    write_edf(simulated()[0], tmp_path / "session.edf")
    settings = bpy.context.scene.eifer_muscles
    settings.measured, settings.recording = "FILE", str(tmp_path / "session.edf")
    assert bpy.ops.eifer.analyse_muscles() == {"FINISHED"}
    result = json.loads(str(avatar.animation_data.action[RESULT]))
    assert result["has_measured"]
    assert result["delay_ms"] == pytest.approx(80, abs=12)
    rows = {row["muscle"]: row for row in result["rows"]}
    assert rows["zygomaticus"]["rho_left"] > 0.4
    assert any("follows the muscles" in line for line in lines_of(result))
    assert bpy.ops.eifer.save_muscle_report(filepath=str(tmp_path / "page.html")) == {"FINISHED"}
    assert (tmp_path / "page.png").stat().st_size > 100_000
    assert "Spearman" in (tmp_path / "page.html").read_text("utf-8")
    assert bpy.ops.eifer.export_muscles(filepath=str(tmp_path / "table")) == {"FINISHED"}
    with (tmp_path / "table.csv").open(encoding="utf-8") as stream:
        first = next(csv.DictReader(stream))
    assert {"time_s", "muscle", "side", "predicted", "measured", "movement"} <= set(first)


def test_the_take_of_a_recording_is_taken_for_what_was_measured(
    avatar: bpy.types.Object, tmp_path: Path
) -> None:
    take = avatar.animation_data.action
    write_edf(simulated()[0], tmp_path / "session.edf")
    assert bpy.ops.eifer.import_recording(filepath=str(tmp_path / "session.edf")) == {"FINISHED"}
    emg = avatar.animation_data.action
    assert emg != take
    assert take_to_analyse(bpy.context) is None
    assert not bpy.ops.eifer.analyse_muscles.poll()
    from eifer.eifer_addon.scene.playing_takes import play_take

    play_take(avatar, take)
    settings = bpy.context.scene.eifer_muscles
    settings.measured, settings.emg = "TAKE", emg
    assert bpy.ops.eifer.analyse_muscles() == {"FINISHED"}
    assert result_of(take)["has_measured"]  # type: ignore[index]
    assert result_of(emg) is None


def test_a_failure_changes_nothing(avatar: bpy.types.Object, tmp_path: Path) -> None:
    settings = bpy.context.scene.eifer_muscles
    settings.measured, settings.recording = "FILE", str(tmp_path / "none.edf")
    with pytest.raises(RuntimeError, match="does not exist"):
        bpy.ops.eifer.analyse_muscles()
    settings.measured, settings.model = "NONE", str(tmp_path / "none.onnx")
    with pytest.raises(RuntimeError, match="does not exist"):
        bpy.ops.eifer.analyse_muscles()
    assert not has_activity(avatar)
    assert RESULT not in avatar.animation_data.action
    assert not bpy.ops.eifer.save_muscle_report.poll()


class _Fake:
    """An operator's own things, for its functions without a window."""

    bl_idname, bl_label = "eifer.analyse_muscles", "Analyse Muscles"

    def __init__(self) -> None:
        self.said: list[tuple[set[str], str]] = []
        self.timer = None

    def report(self, kind: set[str], text: str) -> None:
        self.said.append((kind, text))

    def __getattr__(self, name: str) -> Any:
        return types.MethodType(getattr(analyse_muscles.EIFER_OT_analyse_muscles, name), self)


def test_the_window_lives_on_and_escape_stops(
    avatar: bpy.types.Object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        analyse_muscles.EIFER_OT_analyse_muscles, "_end", lambda _self, _context, result: result
    )
    operator: Any = _Fake()
    operator._start(bpy.context)
    tick = types.SimpleNamespace(type="TIMER")
    results = [operator.modal(bpy.context, tick)]
    assert results == [{"PASS_THROUGH"}]
    assert operator.modal(bpy.context, types.SimpleNamespace(type="MOUSEMOVE")) == {"PASS_THROUGH"}
    escape = types.SimpleNamespace(type="ESC")
    assert operator.modal(bpy.context, escape) == {"CANCELLED"}
    assert not has_activity(avatar)
    assert process_of(take_to_analyse(bpy.context)) is None
