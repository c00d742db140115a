"""EMG2Exp and Exp2EMG trained on tiny sessions: what is learned, exported, and refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch_shim import torch_or_skip

torch_or_skip("lightning")

from emg_folder_shim import DELAY_S, write_sessions  # noqa: E402

from eifer.eifer_addon.cli import main  # noqa: E402
from eifer.eifer_addon.errors import EiferError  # noqa: E402
from eifer.eifer_addon.exchange import read_activity  # noqa: E402
from eifer.eifer_addon.track import ExpressionTrack  # noqa: E402
from eifer.models.emg2exp import emg_to_expression  # noqa: E402
from eifer.models.exp2emg import expression_to_emg  # noqa: E402
from eifer.models.sessions import load_model  # noqa: E402
from eifer.models.training.config import load_config  # noqa: E402
from eifer.models.training.run import train  # noqa: E402

SMALL = (
    "trainer.max_steps=250", "trainer.validate_every=125", "data.batch_size=8", "data.frames=80",
    "model.hidden=24", "data.keep_all=1.0", "data.two_sided=0", "model.from_model=''",
    "data.own_scale=0", "data.gain=0.05",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sessions(tmp_path_factory.mktemp("sessions"))


def configured(task: str, name: str, folder: Path, *more: str) -> Any:
    values = [f"model.name={name}", f"data.folders=['{folder}']", *SMALL, *more]
    return load_config(task, None, values)


def read_clip(folder: Path, clip: str = "both") -> tuple[Any, ExpressionTrack]:
    place = folder / "S0" / "1"
    activity = read_activity(place / f"{clip}_activity.npz")
    return activity, ExpressionTrack.load(place / f"{clip}_track.npz")


def test_a_causal_model_learns_the_rule_and_the_delay(folder: Path, tmp_path: Path) -> None:
    result = train(configured("emg2exp", "causal", folder, "model.memory=16"), tmp_path)
    assert result.model is not None
    model = load_model(result.model, kind="emg2exp")
    assert model.card.states == {"past": "next_past", "memory": "next_memory"}
    assert (model.card.rate_hz, model.card.space) == (100.0, "arkit52")
    assert "3 subjects" in model.card.training_data
    activity, wanted = read_clip(folder)
    track = emg_to_expression(activity, model)
    smile = np.interp(wanted.timestamps, track.timestamps, track.column("mouthSmileLeft"))
    true = wanted.column("mouthSmileLeft")
    assert np.corrcoef(smile, true)[0, 1] > 0.97
    lags = np.arange(-12, 13)
    scores = [np.corrcoef(np.roll(smile, k), true)[0, 1] for k in lags]
    assert abs(lags[int(np.argmax(scores))]) <= 1  # 33 ms; the delay to be learned is 80
    assert DELAY_S > 2 / 30
    assert track.provenance["mean_confidence"] > 0.5


def test_the_command_trains_goes_on_and_leaves_a_model(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    few = [part for value in SMALL[2:] for part in ("--set", value)]
    command = ["train", "emg2exp", "--data", str(folder), "--out", str(out), *few]
    assert main([*command, "--set", "trainer.max_steps=6"]) == 0
    assert f"Trained 6 steps: {out / 'emg2exp.onnx'}" in capsys.readouterr().out
    assert main([*command, "--set", "trainer.max_steps=9"]) == 0
    said = capsys.readouterr().out
    assert "Trained 9 steps" in said
    assert "resumed at step 6" in said
    assert (
        main(["train", "emg2exp", "--config", str(out / "config.yaml"), "--show-config", "--json"])
        == 0
    )
    assert json.loads(capsys.readouterr().out)["trainer"]["max_steps"] == 9
    activity, _ = read_clip(folder)
    assert len(emg_to_expression(activity, out / "emg2exp.onnx")) > 100


def test_a_model_of_a_frame_notes_the_delay_that_it_cannot_know(
    folder: Path, tmp_path: Path
) -> None:
    config = configured("emg2exp", "frame", folder, "trainer.max_steps=60")
    result = train(config, tmp_path)
    assert result.card is not None
    assert result.card.normalisation["delay_ms"] == pytest.approx(1000 * DELAY_S, abs=20)
    assert result.card.normalisation["missing"] == -1.0


def test_muscles_are_told_from_a_space_of_flame(tmp_path: Path) -> None:
    folder = write_sessions(tmp_path / "flame", space="flame2020:e50j3l2")
    config = configured("exp2emg", "window", folder, "model.before=4", "model.after=14")
    result = train(config, tmp_path / "out")
    assert result.model is not None
    activity, track = read_clip(folder)
    found = expression_to_emg(track, load_model(result.model))
    at = np.searchsorted(activity.timestamps, found.timestamps).clip(0, len(activity) - 1)
    for muscle in ("zygomaticus.left", "corrugator.right"):
        true = activity.column(muscle)[at]
        assert np.corrcoef(found.column(muscle), true)[0, 1] > 0.9


def test_a_training_begins_from_a_model(folder: Path, tmp_path: Path) -> None:
    first = train(configured("emg2exp", "frame", folder, "trainer.max_steps=60"), tmp_path / "a")
    assert first.model is not None
    begun = configured(
        "emg2exp", "frame", folder, "trainer.max_steps=1", "optimiser.learning_rate=0.0",
        f"model.from_model={first.model}",
    )  # fmt: skip
    second = train(begun, tmp_path / "b")
    assert second.model is not None
    values = np.random.default_rng(0).random((5, 4)).astype(np.float32)
    np.testing.assert_allclose(
        load_model(first.model).run(values), load_model(second.model).run(values), atol=1e-5
    )
    assert second.card is not None
    assert "begun from" in second.card.training_data


def test_bad_sessions_are_named(folder: Path, tmp_path: Path) -> None:
    from eifer.models.training.emg.loading import load_pairs

    with pytest.raises(EiferError, match="space arkit52, but flame2020:e50j3 is to be learned"):
        load_pairs(configured("emg2exp", "frame", folder, "data.space=flame2020:e50j3"))
    with pytest.raises(EiferError, match="frames"):
        load_pairs(configured("emg2exp", "frame", folder, "data.minimum_frames=1000000"))
    with pytest.raises(EiferError, match="No folder with sessions was named"):
        load_pairs(load_config("emg2exp", None, ["model.name=frame"]))
