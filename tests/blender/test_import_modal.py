"""The import of recordings: its portions, ESC, and several files at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from edited_takes import write_face
from fake_window import Operator, Window, event, modal_context
from imported_scene import head, state

from eifer.eifer_addon import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.scene.imports import RecordingImport
from eifer.eifer_addon.scene.takes import current_take

pytestmark = pytest.mark.usefixtures("registered", "small_open_head")

MUSCLES = ("Zygomaticus", "Corrugator", "Mentalis")


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_face(tmp_path / "smile.csv", MUSCLES)


def drive(operator: Operator, context: Any, window: Window) -> tuple[set[str], list[Any]]:
    operator.invoke(context, event("LEFTMOUSE"))
    seen = []
    while (result := operator.modal(context, event("TIMER"))) == {"RUNNING_MODAL"}:
        seen.append((window.eifer.progress, window.eifer.status))
    return result, seen


def at_rest(window: Window) -> bool:
    return (window.timers, window.shown, window.eifer.busy) == (0, 0, False)


def test_the_modal_import_does_a_portion_per_tick_and_cleans_up(recording: Path) -> None:
    bpy.ops.eifer.add_head()
    window = Window()
    operator = Operator(recording)
    result, seen = drive(operator, modal_context(window), window)
    assert result == {"FINISHED"}
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
    steps = [share for _, share in RecordingImport.STEPS]
    assert shares[0] == pytest.approx(steps[0])
    assert shares[-1] == pytest.approx(sum(steps)) == pytest.approx(1 - RecordingImport.WRITING)
    within = [text for share, text in seen if steps[0] < share < steps[0] + steps[1]]
    assert len(within) >= 2, "the filters did not tell how far they are"
    assert "Filtering the channels, about" in within[-1]
    assert operator.reports[-1] == ({"INFO"}, "Wrote the take 'smile'")
    assert at_rest(window)
    assert current_take(head()) is not None


@pytest.mark.parametrize("ticks", range(8))
def test_escape_stops_the_import_and_changes_nothing(ticks: int, recording: Path) -> None:
    before, window = state(), Window()
    operator, context = Operator(recording), modal_context(window)
    operator.invoke(context, event("LEFTMOUSE"))
    for _ in range(ticks):
        operator.modal(context, event("TIMER"))
    assert operator.modal(context, event("ESC")) == {"CANCELLED"}
    kind, text = operator.reports[-1]
    assert kind == {"INFO"}
    assert text == "The import of smile.csv was cancelled; nothing was changed."
    assert at_rest(window)
    assert state() == before


def test_escape_within_the_filters_leaves_no_work_behind(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, told, ended = api.to_activity, [], []

    def watched(*args: Any, on_progress: Any, **options: Any) -> Any:
        def report(share: float) -> None:
            told.append(share)
            on_progress(share)

        try:
            return real(*args, on_progress=report, **options)
        finally:
            ended.append(True)

    monkeypatch.setattr(api, "to_activity", watched)
    operator, context = Operator(recording), modal_context(Window())
    operator.invoke(context, event("LEFTMOUSE"))
    for _ in range(3):
        operator.modal(context, event("TIMER"))
    assert (len(told), ended) == (2, [])
    assert operator.modal(context, event("ESC")) == {"CANCELLED"}
    assert (len(told), ended) == (2, [True])


def test_opening_another_file_ends_the_import_cleanly(recording: Path) -> None:
    window = Window()
    operator, context = Operator(recording), modal_context(window)
    operator.invoke(context, event("LEFTMOUSE"))
    for _ in range(3):
        operator.modal(context, event("TIMER"))
    operator.cancel(context)
    assert at_rest(window)


def test_a_failing_step_ends_the_modal_import(tmp_path: Path) -> None:
    window = Window()
    operator, context = Operator(tmp_path / "gone.edf"), modal_context(window)
    operator.invoke(context, event("LEFTMOUSE"))
    assert operator.modal(context, event("TIMER")) == {"CANCELLED"}
    assert "gone.edf" in operator.reports[-1][1]
    assert at_rest(window)
    assert operator.asked_again == []


def test_a_file_that_asks_for_a_choice_brings_the_dialog_back(tmp_path: Path) -> None:
    path = tmp_path / "norate.csv"
    np.savetxt(path, np.random.default_rng(1).normal(size=(3000, 2)), delimiter=",", comments="",
               header="Zygomaticus_l,Zygomaticus_r")  # fmt: skip
    window = Window()
    operator = Operator(path)
    result, _ = drive(operator, modal_context(window), window)
    assert result == {"CANCELLED"}
    assert "rate_hz=" in operator.asked_again[0]
    assert at_rest(window)


def test_several_files_become_takes_together_or_not_at_all(tmp_path: Path) -> None:
    paths = [write_face(tmp_path / f"{name}.csv", MUSCLES[:2]) for name in ("one", "two")]
    bad = tmp_path / "notes.txt"
    bad.write_text("Dear diary, no recording today.\n")
    bpy.ops.eifer.add_head()
    before, window = state(), Window()
    operator, context = Operator(*paths), modal_context(window)
    operator.invoke(context, event("LEFTMOUSE"))
    while "two.csv (2 of 2)" not in window.eifer.status:
        operator.modal(context, event("TIMER"))
    assert operator.modal(context, event("ESC")) == {"CANCELLED"}
    assert state() == before
    operator = Operator(paths[0], bad, paths[1])
    result, seen = drive(operator, modal_context(window), window)
    assert result == {"FINISHED"}
    assert {action.name for action in bpy.data.actions} == {"one", "two"}
    shares = [share for share, _ in seen]
    assert max(shares) <= 1.0
    warned = [text for kind, text in operator.reports if kind == {"WARNING"}]
    assert len(warned) == 1
    assert "notes.txt" in warned[0]


def test_several_files_through_the_operator(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_face(tmp_path / f"{name}.csv", MUSCLES[:1])
    files = [{"name": "one.csv"}, {"name": "two.csv"}]
    done = bpy.ops.eifer.import_recording(directory=str(tmp_path), files=files, take="Anna")
    assert done == {"FINISHED"}
    assert {action.name for action in bpy.data.actions} == {"Anna one", "Anna two"}


def test_files_that_are_all_no_recordings_are_refused_in_one_go(tmp_path: Path) -> None:
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_text("no numbers here\n")
    before = state()
    with pytest.raises(RuntimeError, match=r"one\.txt(.|\n)*two\.txt"):
        bpy.ops.eifer.import_recording(
            directory=str(tmp_path), files=[{"name": "one.txt"}, {"name": "two.txt"}]
        )
    assert state() == before


def test_two_heads_are_refused_before_any_work(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bpy.ops.eifer.add_head()
    bpy.ops.eifer.add_head()
    bpy.ops.object.empty_add()
    monkeypatch.setattr(api, "read_recording", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(RuntimeError, match="several heads"):
        bpy.ops.eifer.import_recording(filepath=str(recording))


def test_an_error_while_writing_gives_everything_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [write_face(tmp_path / f"{name}.csv", MUSCLES[:1]) for name in ("one", "two")]
    bpy.ops.eifer.import_recording(filepath=str(write_face(tmp_path / "old.csv", MUSCLES[:1])))
    before, real = state(), api.apply_track

    def second_fails(*args: Any, **options: Any) -> Any:
        if options["take"] == "two":
            raise EiferError("The keys cannot be written.", "Try again.")
        return real(*args, **options)

    monkeypatch.setattr(api, "apply_track", second_fails)
    files = [{"name": path.name} for path in paths]
    with pytest.raises(RuntimeError, match="cannot be written"):
        bpy.ops.eifer.import_recording(directory=str(tmp_path), files=files)
    assert state() == before
    assert current_take(head()).name == "old"
