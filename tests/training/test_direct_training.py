"""The directly trained translator: its network, its losses, and a training of a few steps."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from torch_shim import torch_or_skip

from eifer.eifer_addon.errors import EiferError
from eifer.models.training.config import load_config
from eifer.models.translator import load_translator

torch = torch_or_skip()

from eifer.models.training.direct import losses  # noqa: E402
from eifer.models.training.direct.network import Exported, Translator  # noqa: E402
from eifer.models.training.direct.task import build  # noqa: E402
from eifer.models.training.run import train  # noqa: E402


def test_the_network_keeps_sizes_and_the_exported_one_its_range() -> None:
    network = Translator((8, 12, 16), (0, 1, 1), (1, 1))
    image = torch.rand(2, 3, 64, 96)
    clean, coverage = network(image)
    assert clean.shape == image.shape
    assert coverage.shape == (2, 1, 64, 96)
    with torch.no_grad():
        network.head.bias += 3
        clean, coverage = Exported(network)(image)
    assert 0 <= float(clean.min()) <= float(clean.max()) <= 1
    assert 0 < float(coverage.min()) <= float(coverage.max()) < 1


def test_a_right_coverage_and_right_colours_cost_less_than_wrong_ones() -> None:
    weights = losses.Weights()
    target = torch.zeros(1, 1, 64, 64)
    target[..., 20:40, 20:40] = 1
    right, wrong = (target * 2 - 1) * 6, torch.full_like(target, -6.0)
    assert losses.coverage_loss(right, target, weights) < 0.1
    assert losses.coverage_loss(wrong, target, weights) > 1
    clean = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert losses.picture_loss(clean, clean, target, weights) == 0
    inside, outside = clean.clone(), clean.clone()
    inside[..., 25:30, 25:30] += 0.5
    outside[..., 50:55, 50:55] += 0.5
    costs = [float(losses.picture_loss(one, clean, target, weights)) for one in (inside, outside)]
    assert costs[0] > 3 * costs[1] > 0


def test_opacity_rises_from_nothing_to_all() -> None:
    values = losses.opacity(torch.linspace(0, 1, 101))
    assert values[10] == 0
    assert values[60] == 1
    assert (values.diff() >= 0).all()


def test_lips_count_more_than_cheeks() -> None:
    weight = losses.landmark_weights()
    assert float(weight.mean()) == pytest.approx(1)
    assert weight[61] > 2 * weight[50]


@pytest.fixture(scope="module")
def portraits(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces") / "female" / "512"
    folder.mkdir(parents=True)
    for path in sorted((test_data / "images" / "faker_CC0" / "female" / "512").glob("*.jpg"))[:10]:
        shutil.copy(path, folder / path.name)
    return folder.parent.parent


def test_a_few_steps_give_a_translator_with_a_card(portraits: Path, tmp_path: Path) -> None:
    config = load_config(
        "translator", None,
        [f"data.folders=[{portraits}]", f"data.cache={tmp_path / 'cache'}"], smoke=True,
    )  # fmt: skip
    result = train(config, tmp_path / "out")
    assert result.state == "done"
    assert result.model is not None
    translator = load_translator(result.model)
    facts = translator.model.card.training
    assert facts["split"]["train"] == 6
    assert facts["split"]["test"] == 3
    assert "CC0" in translator.model.card.training_data
    assert np.isfinite(list(result.metrics.values())).all()
    clean, coverage = translator.clean(np.full((2, 256, 256, 3), 128, np.uint8))
    assert clean.shape == (2, 256, 256, 3)
    assert coverage.shape == (2, 256, 256)


def test_settings_that_do_not_fit_and_missing_portraits_are_said(tmp_path: Path) -> None:
    with pytest.raises(EiferError, match=r"0 portraits .* at least 10"):
        build(load_config("translator", None, [f"data.folders=[{tmp_path}]"]))
    with pytest.raises(EiferError, match=r"model\.down"):
        build(load_config("translator", None, ["model.down=[1]"]))
