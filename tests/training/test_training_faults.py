"""What is said when training cannot go on, and how its progress is told; no torch is needed."""

from __future__ import annotations

import errno
import io
import json
import sys

import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.models.training import faults
from eifer.models.training.progress import JsonProgress, Progress, TextProgress, spell


def test_without_torch_one_sentence_gives_the_line_for_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(EiferError, match="needs the Python package torch") as told:
        faults.need_torch()
    assert "pip install torch torchvision lightning" in told.value.remedy


def test_memory_that_ran_out_is_told_from_a_lost_device_and_from_mistakes() -> None:
    memory = [
        MemoryError(), OSError(errno.ENOMEM, "no"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("CUDA error: out of memory"), type("OutOfMemoryError", (RuntimeError,), {})(),
    ]  # fmt: skip
    lost = [
        RuntimeError("CUDA error: unspecified launch failure"), RuntimeError("NCCL error in: …"),
        type("AcceleratorError", (RuntimeError,), {})("gone"),
    ]  # fmt: skip
    for error in memory:
        assert faults.is_out_of_memory(error)
        assert not faults.is_lost_device(error)
    for error in lost:
        assert faults.is_lost_device(error)
        assert not faults.is_out_of_memory(error)
    mistake = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    assert not faults.is_lost_device(mistake)
    assert not faults.is_out_of_memory(mistake)


def test_a_part_of_the_loss_is_blamed_before_the_sum() -> None:
    nan = float("nan")
    assert (
        faults.first_not_finite({"loss": nan, "loss/shape": nan, "loss/fit": 1.0}) == "loss/shape"
    )
    assert faults.first_not_finite({"loss": float("inf"), "loss/fit": 1.0}) == "loss"
    assert faults.first_not_finite({"loss": 1.0}) is None
    told = faults.not_finite("loss/shape", nan, 120, 100)
    assert "'shape' is not a number at step 120" in told.cause
    assert "checkpoint of step 100 is kept" in told.cause
    assert "loss.shape" in told.remedy


def test_progress_is_a_line_for_a_person_and_json_for_a_program() -> None:
    progress = Progress(50, 200, 61.0, 183.0, {"loss": 0.25, "loss/fit": 0.2}, 0.3)
    text, lines = io.StringIO(), io.StringIO()
    telling = TextProgress("Training", text)
    telling(progress)
    telling(progress)  # too soon for another line
    telling(Progress(60, 200, 70.0, note="memory ran out"))
    assert text.getvalue().splitlines() == [
        "Training: step 50 of 200, loss 0.25, best 0.3, 3 min left", "Training: memory ran out",
    ]  # fmt: skip
    JsonProgress(lines)(progress)
    assert Progress.from_document(json.loads(lines.getvalue())["progress"]) == progress
    assert progress.share == 0.25


def test_durations_are_spelled_as_people_say_them() -> None:
    assert [spell(s) for s in (0.4, 59, 60, 3599, 11100)] == [
        "0 s", "59 s", "1 min", "60 min", "3 h 5 min"
    ]  # fmt: skip
