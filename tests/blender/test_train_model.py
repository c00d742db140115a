"""A subject's model trained from the takes of one session in Blender."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from edited_takes import Layout
from fused_session import Session, make_session
from torch_shim import torch_or_skip

from eifer.eifer_addon import api
from eifer.eifer_addon.scene import training_panel
from eifer.eifer_addon.scene.controls import is_head
from eifer.eifer_addon.scene.playing_takes import play_take
from eifer.eifer_addon.scene.recipes import recipe_of
from eifer.eifer_addon.scene.takes import current_take
from eifer.eifer_addon.scene.training_session import save_for_training
from eifer.eifer_addon.signals.edf_writer import write_edf
from eifer.eifer_addon.training_job import TrainingJob, TrainingRequest
from eifer.models.sessions import load_model
from eifer.models.training.data_folders import find_sessions
from eifer.operators import train_model

pytestmark = pytest.mark.usefixtures("registered", "small_open_head")


@pytest.fixture(scope="module")
def session() -> Session:
    return make_session(1, duration_s=25.0)


@pytest.fixture
def head(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bpy.types.Object:
    monkeypatch.setenv("EIFER_MODELS", str(tmp_path / "models"))
    edf = tmp_path / "session.edf"
    write_edf(session.recording, edf)
    bpy.ops.eifer.add_head(n_identity=0, n_expression=0)
    obj = next(obj for obj in bpy.context.scene.objects if is_head(obj))
    film = api.apply_track(bpy.context, obj, session.video, take="film", frame_start=11)
    bpy.ops.eifer.import_recording(filepath=str(edf), take="emg", frame_start=1)
    settings = bpy.context.scene.eifer_session
    settings.film, settings.emg = film, current_take(obj)
    return obj


def lay(session: Session) -> None:
    bpy.context.scene.eifer_session.seconds = session.offset_s


def texts() -> str:
    said: list[str] = []
    training_panel.draw_training(Layout(said), bpy.context)
    return " ".join(said)


def test_both_takes_are_saved_as_clips_on_one_clock(
    head: bpy.types.Object, session: Session, tmp_path: Path
) -> None:
    lay(session)
    takes = bpy.context.scene.eifer_session
    count = save_for_training(
        bpy.context, head, takes.film, takes.emg, "Anna", tmp_path / "session"
    )
    (found,) = find_sessions(tmp_path / "session")
    assert (found.subject, len(found.clips)) == ("Anna", count)
    activities = [clip.read_emg() for clip in found.clips]
    tracks = [clip.read_track() for clip in found.clips]
    times = np.concatenate([track.timestamps for track in tracks])
    smile = np.concatenate([track.column("mouthSmileLeft") for track in tracks])
    muscle = np.concatenate([
        np.interp(track.timestamps - 0.07, one.timestamps, one.column("zygomaticus.left"))
        for track, one in zip(tracks, activities, strict=True)
    ])  # fmt: skip
    assert np.corrcoef(smile, muscle)[0, 1] > 0.6
    # The film's first frame is at the offset of the recording's clock.
    assert times.min() == pytest.approx(session.offset_s, abs=0.1)


def test_takes_that_were_never_laid_are_not_trained_on(
    head: bpy.types.Object, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where torch is missing, that is said first.
    monkeypatch.setattr(train_model, "has_torch", lambda: True)
    with pytest.raises(RuntimeError, match="was never laid onto the film"):
        bpy.ops.eifer.train_model(subject="Anna")


def test_without_torch_the_button_says_where_to_name_a_python(
    head: bpy.types.Object, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(session)
    monkeypatch.setattr(train_model, "has_torch", lambda: False)
    with pytest.raises(RuntimeError, match=r"needs torch.*add-on's preferences"):
        bpy.ops.eifer.train_model(subject="Anna")


def test_a_trained_model_is_the_users_and_the_fold_tells_of_it(
    head: bpy.types.Object, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch_or_skip("lightning")
    asked: list[TrainingRequest] = []

    def tiny(request: TrainingRequest) -> TrainingJob:
        asked.append(request)
        return TrainingJob(replace(request, build="tiny_task:for_a_job"))

    monkeypatch.setattr(train_model, "TrainingJob", tiny)
    lay(session)
    settings: Any = bpy.context.scene.eifer_training
    settings.subject, settings.network, settings.minutes = "Anna", "frame", 5.0
    settings.use = False
    assert "At most" in texts()
    assert bpy.ops.eifer.train_model(settings="trainer.max_steps=6") == {"FINISHED"}
    assert {"model.name=frame", "trainer.max_minutes=5", "data.split_by=movement"} <= {
        *asked[0].settings
    }
    assert find_sessions(asked[0].data)[0].subject == "Anna"
    assert load_model(tmp_path / "models" / "Anna.onnx").card.training["steps"] == 6
    assert settings.made == "Anna"
    assert "Trained 'Anna' in" in texts()


class _Made:
    """A training that is over, of which a model of ours came."""

    share, note, state = 1.0, "", "done"

    def __init__(self, before: float) -> None:
        self.made = {
            "name": "emg2exp_baseline", "seconds": 61.0, "metrics": {"validation/r2": 0.44},
            "before": {"validation/r2": before},
        }  # fmt: skip

    def poll(self) -> str:
        return self.state

    def check(self) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize(("before", "used"), [(0.13, True), (0.5, False)])
def test_a_model_that_is_better_than_before_is_the_takes_at_once(
    head: bpy.types.Object, session: Session, monkeypatch: pytest.MonkeyPatch, before: float,
    used: bool,
) -> None:  # fmt: skip
    monkeypatch.setattr(train_model, "has_torch", lambda: True)
    monkeypatch.setattr(train_model, "TrainingJob", lambda _request: _Made(before))
    lay(session)
    takes = bpy.context.scene.eifer_session
    assert recipe_of(takes.emg).model != "emg2exp_baseline"
    play_take(head, takes.film)
    assert bpy.ops.eifer.train_model(subject="Anna") == {"FINISHED"}
    assert (recipe_of(takes.emg).model == "emg2exp_baseline") == used
    assert current_take(head) == (takes.emg if used else takes.film)
    assert f"explains 44% of held-out clips ({before:.0%} before)" in texts()


def test_the_emg_take_is_made_again_with_the_chosen_model(
    head: bpy.types.Object, session: Session
) -> None:
    lay(session)
    film, emg = bpy.context.scene.eifer_session.film, bpy.context.scene.eifer_session.emg
    assert current_take(head) == emg
    assert bpy.ops.eifer.use_trained_model(model="emg2exp_baseline") == {"FINISHED"}
    assert recipe_of(emg).model == "emg2exp_baseline"
    assert film != emg
