"""Training a tiny network: the curve goes on after a kill, faults lose nothing, a card tells all.

One reference training is shared; every other one differs from it in one thing.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch_shim import torch_or_skip

torch = torch_or_skip()
torch_or_skip("lightning")

from tiny_task import TinyTask, a_config  # noqa: E402

from eifer.eifer_addon.errors import Cancelled, EiferError  # noqa: E402
from eifer.models.sessions import load_model  # noqa: E402
from eifer.models.training import run as training  # noqa: E402
from eifer.models.training.callbacks import Stop  # noqa: E402
from eifer.models.training.progress import Progress  # noqa: E402
from eifer.models.training.resume import SeededSampler  # noqa: E402
from eifer.models.training.run import TrainResult, train  # noqa: E402

HERE = Path(__file__).resolve().parents[1]
_CHILD = (
    "from eifer.models.training.faults import need_torch; need_torch();"
    "import tiny_task; tiny_task.main()"
)
#: TensorBoard is imported once, in the test that asks for it.
WITHOUT = "trainer.tensorboard=false"


def a_training(out: Path, *overrides: str, **choices: Any) -> TrainResult:
    return train(a_config(WITHOUT, *overrides), out, build=TinyTask, command=["test"], **choices)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("reference")
    a_training(out)
    return out


def weights(out: Path, name: str = "last.ckpt") -> np.ndarray:
    state = torch.load(out / name, weights_only=True)["state_dict"]
    return np.concatenate([value.numpy().ravel() for value in state.values()])


def curve(out: Path) -> list[dict[str, str]]:
    with (out / "metrics.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_training_learns_and_leaves_a_model_whose_card_says_how_it_was_made(
    reference: Path,
) -> None:
    rows = curve(reference)
    assert [int(row["step"]) for row in rows] == list(range(1, 31))
    assert float(rows[-1]["val/loss"]) < 0.3 * float(rows[0]["loss/fit"])
    model = load_model(reference / "emg2exp.onnx")
    card = model.card
    assert card.training_data == "50 points of a known curve"
    assert card.training["seed"] == 0
    assert card.training["steps"] == 30
    assert card.training["command"] == "test"
    assert card.training["data_sha256"] == "ab" * 32
    assert card.metrics["onnx_difference"] < 1e-4
    assert card.metrics["val/loss"] == pytest.approx(float(rows[-1]["val/loss"]))
    versions = json.loads((reference / "training.json").read_text())["versions"]
    assert {"eifer", "torch", "lightning"} <= set(versions)


def test_what_speaks_against_the_result_is_told_at_the_end(tmp_path: Path) -> None:
    class Judged(TinyTask):
        def judge(self, metrics: Mapping[str, float]) -> Sequence[str]:
            return [f"A loss of {metrics['val/loss']:.3f} is too much."]

    made = train(a_config(WITHOUT), tmp_path, build=Judged, command=["test"])
    assert made.notes == (f"A loss of {made.metrics['val/loss']:.3f} is too much.",)


def test_a_killed_training_goes_on_to_the_very_same_result(reference: Path, tmp_path: Path) -> None:
    # After step 16, which has a checkpoint, and before validation at 20.
    child = subprocess.run(
        [sys.executable, "-c", _CHILD, str(tmp_path), WITHOUT, "export.kill_at=18"],
        check=False, cwd=HERE, capture_output=True, timeout=240,
    )  # fmt: skip
    assert child.returncode == -9, child.stderr.decode()[-2000:]
    made = a_training(tmp_path)
    assert made.notes == ("resumed at step 16",)
    np.testing.assert_array_equal(weights(tmp_path), weights(reference))
    assert curve(tmp_path) == curve(reference)


@pytest.mark.parametrize("at", [3, 10])
def test_a_training_stopped_anywhere_goes_on_as_if_nothing_had_happened(
    reference: Path, tmp_path: Path, at: int
) -> None:
    stop = Stop()

    def on_progress(progress: Progress) -> None:
        if progress.step >= at:
            stop.interrupt()

    first = a_training(tmp_path, on_progress=on_progress, stop=stop)
    assert (first.state, first.model) == ("stopped", None)
    assert first.steps <= at + 1
    assert a_training(tmp_path).state == "done"
    np.testing.assert_array_equal(weights(tmp_path), weights(reference))


def steps_in_table(out: Path) -> set[int]:
    with (out / "metrics.csv").open(newline="", encoding="utf-8") as stream:
        return {int(row["step"]) for row in csv.DictReader(stream)}


@pytest.mark.parametrize("at", [13, 20])
def test_a_signal_to_end_keeps_the_present_step(reference: Path, tmp_path: Path, at: int) -> None:
    made = a_training(tmp_path, f"export.term_at={at}")
    assert (made.state, made.steps) == ("stopped", at)
    assert json.loads((tmp_path / "training.json").read_text())["state"] == "stopped"
    assert a_training(tmp_path).notes == (f"resumed at step {at}",)
    np.testing.assert_array_equal(weights(tmp_path), weights(reference))
    assert steps_in_table(tmp_path) - {at} == steps_in_table(reference) - {at}


def test_memory_that_runs_out_halves_the_batch_and_not_the_result(
    reference: Path, tmp_path: Path
) -> None:
    told: list[str] = []
    made = a_training(
        tmp_path, "export.memory_at=13", "model.dropout=0.0",
        on_progress=lambda p: told.append(p.note),
    )  # fmt: skip
    assert any("batches of 4, and 2 of them per step" in note for note in made.notes)
    assert "memory ran out" in " ".join(told)
    assert made.steps == 30
    whole = a_training(tmp_path / "whole", "model.dropout=0.0")
    np.testing.assert_allclose(weights(tmp_path), weights(whole.out), atol=1e-5)


def test_a_device_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(EiferError, match="cannot use the accelerator 'abacus' as it is set"):
        a_training(tmp_path, "trainer.accelerator=abacus")


def test_memory_for_not_even_one_example_is_an_error(tmp_path: Path, monkeypatch: Any) -> None:
    def too_much(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(training, "_fit", too_much)
    with pytest.raises(EiferError, match="not enough memory even for batches of 1"):
        a_training(tmp_path)


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("export.nan_at=14", "loss 'fit' is not a number at step 1[34].*step 12 is kept"),
        ("export.device_at=14", "device failed after step 13: CUDA error.*step 12 is kept"),
    ],
)
def test_a_fault_keeps_the_last_good_checkpoint_and_can_be_resumed(
    reference: Path, tmp_path: Path, fault: str, cause: str
) -> None:
    with pytest.raises(EiferError, match=cause):
        a_training(tmp_path, fault)
    assert np.isfinite(weights(tmp_path)).all()
    a_training(tmp_path)
    np.testing.assert_array_equal(weights(tmp_path), weights(reference))


def test_the_best_so_far_is_exported_when_a_listener_cancels(tmp_path: Path) -> None:
    def on_progress(progress: Progress) -> None:
        if progress.step >= 15:
            raise Cancelled

    made = a_training(tmp_path, on_progress=on_progress)
    assert made.state == "done"
    assert made.steps < 20
    assert made.model is not None
    assert load_model(made.model).card.training["best_step"] <= made.steps


def test_another_network_does_not_go_on_in_the_same_folder(reference: Path, tmp_path: Path) -> None:
    with pytest.raises(EiferError, match=r"other settings: model\.width"):
        a_training(reference, "model.width=9")
    with pytest.raises(EiferError, match="of another network"):
        a_training(tmp_path, "model.width=9", f"model.start_from={reference / 'best.ckpt'}")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "last.ckpt").write_bytes(b"not a checkpoint")
    with pytest.raises(EiferError, match=r"last\.ckpt cannot be used: it is damaged"):
        a_training(tmp_path / "bad")
    assert a_training(tmp_path / "bad", "trainer.max_steps=2", resume=False).steps == 2


def test_a_full_disk_is_said_and_the_last_checkpoint_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    from eifer.models.training import callbacks

    saved: list[int] = []
    whole = callbacks.pl.Trainer.save_checkpoint

    def save(self: Any, path: Any, *rest: Any, **more: Any) -> None:
        saved.append(1)
        if len(saved) > 2:
            Path(path).write_bytes(b"half of a check")
            raise OSError(errno.ENOSPC, "No space left on device")
        whole(self, path, *rest, **more)

    monkeypatch.setattr(callbacks.pl.Trainer, "save_checkpoint", save)
    with pytest.raises(EiferError, match=r"best\.ckpt could not be written: the disk is full"):
        a_training(tmp_path)
    assert np.isfinite(weights(tmp_path)).all()
    assert [path.name for path in tmp_path.glob(".*ckpt")] == []


def test_early_stopping_pictures_mixed_precision_and_tensorboard(tmp_path: Path) -> None:
    config = a_config(
        "trainer.patience=1", "trainer.sample_every=10", "trainer.precision=bf16-mixed",
        "trainer.max_steps=200", "trainer.validate_every=5", "optimiser.learning_rate=1.0",
    )  # fmt: skip
    made = train(config, tmp_path, build=TinyTask)
    assert made.steps < 200
    assert (tmp_path / "samples" / "step_0000010_curve.png").is_file()
    pytest.importorskip("tensorboard")
    assert list((tmp_path / "tensorboard").glob("events*"))


def test_a_changed_learning_rate_holds_for_the_resumed_part(
    reference: Path, tmp_path: Path
) -> None:
    a_training(tmp_path, "trainer.max_steps=8")
    a_training(tmp_path, "trainer.max_steps=9", "optimiser.learning_rate=0.001")
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert state["optimizer_states"][0]["param_groups"][0]["lr"] == pytest.approx(0.0008)


def test_the_limit_of_time_ends_a_training_with_a_model(tmp_path: Path) -> None:
    made = a_training(tmp_path, "trainer.max_minutes=0.0001", "trainer.max_steps=100000")
    assert made.steps < 100000
    assert made.model is not None


def test_examples_come_in_an_order_that_only_the_seed_and_the_place_decide() -> None:
    whole = list(islice(SeededSampler(10, 3), 20))
    assert sorted(whole[:10]) == sorted(whole[10:]) == list(range(10))
    assert whole[:10] != whole[10:]
    later = SeededSampler(10, 3)
    later.start = 13
    assert list(islice(later, 7)) == whole[13:]
    assert list(islice(SeededSampler(10, 4), 20)) != whole
