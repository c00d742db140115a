"""A training in a child process, as Blender starts it: progress, a stop, and what is left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from torch_shim import torch_or_skip

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.training_job import TrainingJob, TrainingRequest, checked_name, workshop
from eifer.models.sessions import load_model

PATIENCE_S = 240.0


@pytest.fixture(autouse=True)
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EIFER_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def ended(job: TrainingJob, at_progress: Callable[[], None] = lambda: None) -> str:
    until = time.monotonic() + PATIENCE_S
    told = False
    try:
        while job.poll() == "running" and time.monotonic() < until:
            if job.progress and not told:
                told = True
                at_progress()
            time.sleep(0.02)
        return job.state
    finally:
        job.close()


def a_request(*settings: str) -> TrainingRequest:
    wanted = ("trainer.log_every=1", "trainer.checkpoint_every=5", "trainer.tensorboard=false")
    return TrainingRequest(
        "anna", "/no/such/folder", settings=(*wanted, *settings), build="tiny_task:for_a_job"
    )


def test_a_stopped_training_keeps_the_best_so_far_as_a_model_of_the_user(own_models: Path) -> None:
    torch_or_skip("lightning")
    job = TrainingJob(a_request("trainer.max_steps=100000", "trainer.max_minutes=3"))
    assert job.describe() == "Starting"
    state = ended(job, job.finish)
    job.check()
    assert state == "done"
    assert 0 < job.made["steps"] < 100000
    assert job.describe().startswith("Step ")
    assert 0.0 < job.share <= 1.0
    model = load_model(own_models / "anna.onnx", kind="emg2exp")
    assert model.card.training["command"].startswith("eifer train emg2exp --data")
    assert (workshop("anna") / "out" / "best.ckpt").is_file()
    assert [path.name for path in own_models.glob("*.onnx")] == ["anna.onnx"]


def test_a_folder_without_sessions_is_one_sentence_from_the_child(own_models: Path) -> None:
    job = TrainingJob(TrainingRequest("anna", str(own_models)))
    assert ended(job) == "failed"
    with pytest.raises(EiferError, match="holds no sessions"):
        job.check()
    assert not list(own_models.glob("*.onnx"))


def test_a_python_without_torch_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = tmp_path / "hidden"
    (hidden / "torch").mkdir(parents=True)
    (hidden / "torch" / "__init__.py").write_text("raise ModuleNotFoundError('', name='torch')")
    monkeypatch.syspath_prepend(str(hidden))
    job = TrainingJob(a_request())
    assert ended(job) == "failed"
    with pytest.raises(EiferError, match="needs the Python package torch") as told:
        job.check()
    assert "pip install torch" in told.value.remedy


def test_a_python_that_cannot_run_or_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EiferError, match="cannot be started"):
        TrainingJob(TrainingRequest("anna", "x", python=str(tmp_path / "python")))
    if sys.platform != "win32":
        wrong = tmp_path / "python3"
        wrong.write_text("#!/bin/sh\necho 'no module of that kind' >&2\nexit 3\n")
        wrong.chmod(0o755)
        job = TrainingJob(TrainingRequest("anna", "x", python=str(wrong)))
        assert ended(job) == "failed"
        with pytest.raises(EiferError, match="python3 could not train: no module of that kind"):
            job.check()


@pytest.mark.parametrize("name", ["", "  ", "../x", "a/b", "emg2exp_baseline"])
def test_a_name_that_no_model_can_have_is_refused(name: str) -> None:
    with pytest.raises(EiferError):
        checked_name(name)
    assert checked_name(" Anna 01 ") == "Anna 01"
