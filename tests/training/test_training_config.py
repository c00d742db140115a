"""Settings of a training: defaults, files, overrides, and every mistake in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.models.training.config import (
    CONFIGS,
    TASKS,
    differences,
    load_config,
    read_config,
    save_config,
)

DEFAULTS: dict[str, Any] = {
    "loss": {"adversarial": 1.0, "shape": 0.5},
    "model": {"name": "some", "widths": [8, 16], "encoder": None},
    "rules": {"loss.shape": {"minimum": 0.0}, "model.encoder": {"type": "text"}},
    "smoke": {"model.widths": [2, 2]},
}


def test_defaults_file_and_overrides_lie_over_each_other_in_this_order(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("seed: 3\nloss:\n  shape: 2\ntrainer: {max_steps: 7}\n")
    config = load_config(
        "emg2exp", file, ["loss.shape=0", "optimiser.learning_rate=1e-3"], defaults=DEFAULTS
    )
    assert config.seed == 3
    assert config.loss == {"adversarial": 1.0, "shape": 0.0}
    assert config.trainer["max_steps"] == 7
    assert config.optimiser["learning_rate"] == 0.001
    assert config["data.batch_size"] == 32


def test_the_smoke_size_gives_way_to_what_is_set_by_hand() -> None:
    config = load_config("emg2exp", None, ["trainer.max_steps=3"], smoke=True, defaults=DEFAULTS)
    assert config.model["widths"] == [2, 2]
    assert config.trainer["max_steps"] == 3
    assert config.trainer["validate_every"] == 10


@pytest.mark.parametrize(
    ("text", "cause", "remedy"),
    [
        ("loss.adversrial=0", "unknown key 'loss.adversrial'", "'loss.adversarial' is meant"),
        ("los.shape=0", "unknown key 'los'", "'loss' is meant"),
        ("zzz=1", "unknown key 'zzz'", "There are task, seed, data"),
        ("loss.shape=much", "'loss.shape' the value 'much', but it takes a number", ""),
        ("loss.shape=-1", "at least 0.0", ""),
        ("loss=3", "'loss' the value 3, but it is a section", "adversarial, shape"),
        ("trainer.max_steps=2.5", "it takes a whole number", ""),
        ("trainer.deterministic=7", "it takes true or false", ""),
        ("trainer.max_steps=true", "it takes a whole number", ""),
        ("data.split_by=frame", "the value 'frame'", "auto, subject, session, movement"),
        ("model.encoder=3", "it takes text", ""),
        ("model.widths=[a]", "an item that is not a whole number", ""),
        ("loss.shape", "'loss.shape' sets nothing", "--set section.key=value"),
        ("loss.shape=[", "not valid YAML", ""),
        ("loss.shape=.nan", "it takes a number", ""),
    ],
)
def test_a_mistake_is_refused_with_the_key(text: str, cause: str, remedy: str) -> None:
    with pytest.raises(EiferError) as told:
        load_config("emg2exp", None, [text], defaults=DEFAULTS)
    assert cause in told.value.cause
    assert remedy in told.value.remedy


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (b"\xff\xfe\x00", "cannot be read as text"),
        (b"- 1\n- 2\n", "holds no keys"),
        (b"loss: {shape: 1\n", "not valid YAML in line"),
        (b"task: encoder\n", "configures the training of 'encoder', not of 'emg2exp'"),
        (b"loss:\n  shpe: 1\n", "unknown key 'loss.shpe'"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name(tmp_path: Path, text: bytes, cause: str) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_bytes(text)
    with pytest.raises(EiferError, match=r"wrong\.yaml") as told:
        load_config("emg2exp", file, defaults=DEFAULTS)
    assert cause in told.value.cause
    with pytest.raises(EiferError, match="does not exist"):
        load_config("emg2exp", tmp_path / "gone.yaml", defaults=DEFAULTS)


def test_what_is_null_may_stay_so_and_takes_the_type_of_its_rule() -> None:
    assert load_config("emg2exp", defaults=DEFAULTS).model["encoder"] is None
    config = load_config("emg2exp", None, ["model.encoder=smirk.pt"], defaults=DEFAULTS)
    assert config.model["encoder"] == "smirk.pt"
    assert config.with_values({"model.encoder": None}).model["encoder"] is None


def test_a_written_configuration_is_read_back_and_can_be_given_again(tmp_path: Path) -> None:
    config = load_config("emg2exp", None, ["seed=9", "loss.shape=0.25"], defaults=DEFAULTS)
    save_config(config, tmp_path / "config.yaml")
    assert read_config(tmp_path / "config.yaml", config) == config.values()
    again = load_config("emg2exp", tmp_path / "config.yaml", defaults=DEFAULTS)
    assert again == config
    changed = again.with_values({"loss.shape": 1, "seed": 2})
    assert differences(config.values(), changed.values()) == ["loss.shape", "seed"]
    assert config.loss["shape"] == 0.25


def test_a_network_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(EiferError, match="'giant'") as told:
        load_config("translator", None, ["model.name=giant"])
    assert "mc_cyclegan" in told.value.remedy
    with pytest.raises(EiferError, match="no training of 'dance'"):
        load_config("dance")


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.*.yaml")), ids=lambda file: file.stem)
def test_every_default_file_is_complete_and_its_smoke_size_is_valid(file: Path) -> None:
    task, _, model = file.stem.partition(".")
    assert task in TASKS
    config = load_config(task, None, [f"model.name={model}"], smoke=True)
    assert config.model["name"] == model
    assert config.loss, "every loss has a weight"
