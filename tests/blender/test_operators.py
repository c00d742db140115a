"""Operators through bpy.ops: what they make, what they refuse, and that refusing costs nothing."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from fake_window import Operator
from imported_scene import head as head_in_scene

from eifer.eifer_addon import api, cli
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.scene import panels
from eifer.eifer_addon.scene.takes import current_take, notes_of
from eifer.eifer_addon.spaces import ARKIT52, get_space
from eifer.eifer_addon.track import ExpressionTrack
from eifer.operators import registration
from eifer.operators.base import guarded

pytestmark = pytest.mark.usefixtures("registered", "small_open_head")

RATE_HZ = 1000.0


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Ten seconds of two muscles and something else, as CSV with a time column."""
    random = np.random.default_rng(3)
    n = int(10 * RATE_HZ)
    burst = 1 + 40 * (np.sin(np.arange(n) / RATE_HZ * 2) > 0.5)
    data = random.normal(size=(n, 3)) * burst[:, None]
    table = np.column_stack([np.arange(n) / RATE_HZ, data])
    path = tmp_path / "smile.csv"
    np.savetxt(
        path, table, delimiter=",", fmt="%.6f", comments="",
        header="time,Zygomaticus_l,Zygomaticus_r,Thermometer",
    )  # fmt: skip
    return path


def datablocks() -> list[str]:
    return sorted(f"{block.id_type} {block.name}" for block in bpy.data.user_map())


def state() -> tuple[Any, ...]:
    scene, layer = bpy.context.scene, bpy.context.view_layer
    selected = sorted(o.name for o in layer.objects if o.select_get())
    active = layer.objects.active.name if layer.objects.active else None
    return datablocks(), selected, active, scene.frame_start, scene.frame_end


def test_add_head_puts_a_head_at_the_cursor() -> None:
    bpy.context.scene.cursor.location = (1, 2, 3)
    assert bpy.ops.eifer.add_head(n_identity=3, n_expression=4) == {"FINISHED"}
    obj = head_in_scene()
    assert bpy.context.object == obj
    assert tuple(obj.parent.location) == (1, 2, 3)
    assert len(obj.data.shape_keys.key_blocks) == 1 + 3 + 4 + 52 + 36


def test_a_recording_becomes_a_take_on_the_chosen_head(recording: Path) -> None:
    bpy.ops.eifer.add_head()
    assert bpy.ops.eifer.import_recording(filepath=str(recording), frame_start=11) == {"FINISHED"}
    action = current_take(head_in_scene())
    assert action is not None
    assert action.name == "smile"
    notes = notes_of(action)
    assert panels.mapped(notes) == [
        ("Zygomaticus_l", "Left zygomaticus"), ("Zygomaticus_r", "Right zygomaticus"),
    ]  # fmt: skip
    assert panels.unmapped(notes) == [("Thermometer",)]
    assert panels.filters(notes)
    assert bpy.context.scene.frame_end >= 250
    bpy.context.scene.frame_set(11 + int(24 * 0.8))
    strong = head_in_scene()["mouthSmileLeft"]
    bpy.context.scene.frame_set(11 + int(24 * 2.6))
    assert strong > 0.3 > head_in_scene()["mouthSmileLeft"]
    assert not any("is lost" in line for line in panels.take_lines(notes))


@pytest.mark.parametrize("preset", ["clinical", "mam"])
def test_the_take_says_what_a_slow_recording_loses(tmp_path: Path, preset: str) -> None:
    noise = np.random.default_rng(0).standard_normal(1000)
    rows = [f"{k / 250},{value:.4f}" for k, value in enumerate(noise)]
    (tmp_path / "slow.csv").write_text("\n".join(["time,Zyg li", *rows]))
    bpy.ops.eifer.add_head()
    bpy.ops.eifer.import_recording(filepath=str(tmp_path / "slow.csv"), preset=preset)
    action = current_take(head_in_scene())
    assert action is not None
    lines = panels.take_lines(notes_of(action))
    assert "Recorded at 250 Hz: a part of the EMG is lost" in lines


def test_a_recording_without_a_head_brings_the_open_head(recording: Path) -> None:
    assert bpy.ops.eifer.import_recording(filepath=str(recording)) == {"FINISHED"}
    assert current_take(head_in_scene()) is not None


def test_a_recording_finds_the_only_head_though_another_object_is_active(recording: Path) -> None:
    bpy.ops.eifer.add_head()
    bpy.ops.object.empty_add()
    bpy.ops.eifer.import_recording(filepath=str(recording))
    assert current_take(head_in_scene()) is not None


def test_two_heads_and_none_chosen_is_refused(recording: Path) -> None:
    bpy.ops.eifer.add_head()
    bpy.ops.eifer.add_head()
    bpy.ops.object.empty_add()
    refused(lambda: bpy.ops.eifer.import_recording(filepath=str(recording)), "several heads")


def test_a_track_is_imported(tmp_path: Path) -> None:
    bpy.ops.eifer.add_head()
    values = np.tile(np.linspace(0, 1, 20, dtype=np.float32)[:, None], (1, 52))
    track = ExpressionTrack(ARKIT52, values, np.arange(20) / 24, np.ones(20, np.float32))
    path = track.save(tmp_path / "ramp.npz")
    assert bpy.ops.eifer.import_track(filepath=str(path), frame_start=0) == {"FINISHED"}
    bpy.context.scene.frame_set(19)
    assert head_in_scene()["jawOpen"] == pytest.approx(1.0)


def test_presets_are_applied_and_need_a_head() -> None:
    assert not bpy.ops.eifer.apply_preset.poll()
    bpy.ops.eifer.add_head()
    assert bpy.ops.eifer.apply_preset(preset="happy") == {"FINISHED"}
    assert head_in_scene()["mouthSmileLeft"] == pytest.approx(0.85)
    bpy.context.view_layer.objects.active = head_in_scene().parent
    assert bpy.ops.eifer.apply_preset(preset="neutral") == {"FINISHED"}
    assert head_in_scene()["mouthSmileLeft"] == 0


def refused(call: Any, words: str) -> None:
    """`call` ends with the sentence, and neither the scene nor the selection changed."""
    before = state()
    with pytest.raises(RuntimeError, match=words) as caught:
        call()
    assert "Traceback" not in str(caught.value)
    assert state() == before


def make(folder: Path, name: str, data: bytes) -> str:
    path = folder / name
    path.write_bytes(data)
    return str(path)


def _table(channel: str, value: str, rate_hz: int) -> bytes:
    lines = [f"time,{channel}", *(f"{k / rate_hz:.3f},{value}" for k in range(3 * rate_hz))]
    return "\n".join(lines).encode()


@pytest.mark.parametrize("has_head", [False, True])
@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("empty.csv", b"", "empty.csv"),
        ("empty.edf", b"", "empty.edf"),
        ("short.edf", b"0       " + b" " * 200, "short.edf"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n" + bytes(200), "picture.csv"),
        ("nan.csv", _table("Zygomaticus_l", "nan", 1000), "nan.csv"),
        ("none.csv", _table("A", "1", 1000), "muscle"),
        ("slow.csv", _table("Zygomaticus_l", "1", 50), "Hz"),
        ("what.docx", b"PK\x03\x04", "what.docx"),
    ],
)  # fmt: skip
def test_bad_recordings_are_refused_and_change_nothing(
    has_head: bool, name: str, data: bytes, words: str, tmp_path: Path
) -> None:
    if has_head:
        bpy.ops.eifer.add_head()
    path = make(tmp_path, name, data)
    refused(lambda: bpy.ops.eifer.import_recording(filepath=path), words)


def test_a_missing_recording_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gone.edf"
    refused(lambda: bpy.ops.eifer.import_recording(filepath=str(path)), "gone.edf")


def test_a_take_name_that_exists_is_refused(recording: Path) -> None:
    bpy.ops.eifer.import_recording(filepath=str(recording), take="first")
    again = lambda: bpy.ops.eifer.import_recording(filepath=str(recording), take="first")  # noqa: E731
    refused(again, "'first' exists already")
    assert bpy.ops.eifer.import_recording(filepath=str(recording)) == {"FINISHED"}
    assert bpy.ops.eifer.import_recording(filepath=str(recording)) == {"FINISHED"}
    assert {a.name for a in bpy.data.actions} == {"first", "smile", "smile.001"}


@pytest.mark.parametrize("data", [b"", b"cos\nsystem\n(S'true'\ntR.", b"hello", bytes(1000)])
def test_a_flame_file_that_is_none_is_refused(data: bytes, tmp_path: Path) -> None:
    path = make(tmp_path, "generic_model.pkl", data)
    refused(lambda: bpy.ops.eifer.add_head(filepath=path), "generic_model.pkl")


@pytest.mark.parametrize("data", [b"", b"hello"])
def test_a_track_that_is_none_is_refused(data: bytes, tmp_path: Path) -> None:
    path = make(tmp_path, "track.npz", data)
    refused(lambda: bpy.ops.eifer.import_track(filepath=path), "track.npz")


def test_a_failure_after_the_head_was_added_takes_it_away_again(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise EiferError("The keys cannot be written.", "Try again.")

    bpy.ops.object.empty_add()
    monkeypatch.setattr(api, "apply_track", fail)
    refused(
        lambda: bpy.ops.eifer.import_recording(filepath=str(recording)), "keys cannot be written"
    )


def test_an_unforeseen_error_is_reported_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(api, "add_head", fail)
    refused(bpy.ops.eifer.add_head, "not foreseen .ZeroDivisionError: division by zero")
    monkeypatch.setitem(os.environ, "EIFER_RAISE", "1")
    with pytest.raises(RuntimeError, match="Traceback"):
        bpy.ops.eifer.add_head()


def test_warnings_of_a_job_are_reported() -> None:
    def warn() -> None:
        warnings.warn("This head has no ARKit controls.", UserWarning, stacklevel=2)

    operator = Operator(Path())
    assert guarded(operator, warn) == {"FINISHED"}  # type: ignore[arg-type]
    assert operator.reports == [({"WARNING"}, "This head has no ARKit controls.")]


def test_edit_mode_gives_a_reason(recording: Path) -> None:
    bpy.ops.eifer.add_head()
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        with pytest.raises(RuntimeError, match="object mode"):
            bpy.ops.eifer.import_recording(filepath=str(recording))
        with pytest.raises(RuntimeError, match="object mode"):
            bpy.ops.eifer.add_head()
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")


def test_the_command_is_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(cli, "main", lambda argv: seen.append(argv) or 2)
    assert registration.run_command(["inspect", "x.edf"]) == 2
    assert seen == [["inspect", "x.edf"]]


def test_a_parametric_track_of_another_basis_goes_through_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bpy.ops.eifer.add_head()
    space = get_space("flame2020:e50")
    track = ExpressionTrack(
        space, np.zeros((3, 50), np.float32), np.arange(3.0), np.ones(3, np.float32)
    )
    asked: list[str] = []

    def carry(given: ExpressionTrack, to: str) -> ExpressionTrack:
        asked.append(to)
        return ExpressionTrack(
            ARKIT52, np.zeros((3, 52), np.float32), given.timestamps, given.confidence
        )

    monkeypatch.setattr(api, "retarget", carry)
    bpy.ops.eifer.import_track(filepath=str(track.save(tmp_path / "flame.npz")))
    assert asked == ["arkit52"]


def test_a_head_takes_the_identity_of_a_track(tmp_path: Path) -> None:
    fields = (ARKIT52, np.zeros((2, 52), np.float32), np.arange(2) / 30, np.ones(2, np.float32))
    plain = ExpressionTrack(*fields).save(tmp_path / "plain.npz")
    person = ExpressionTrack(*fields, identity=np.array([1.5, -0.5], np.float32))
    before = datablocks()
    with pytest.raises(RuntimeError, match="holds no identity"):
        bpy.ops.eifer.add_head(identity_track=str(plain))
    assert datablocks() == before
    bpy.ops.eifer.add_head(identity_track=str(person.save(tmp_path / "person.npz")), n_identity=2)
    keys = bpy.context.object.data.shape_keys.key_blocks
    assert [keys[f"shape.00{k}"].value for k in range(2)] == [1.5, -0.5]
