"""The directly trained translator: its network, its losses, and a training of a few steps."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from torch_shim import torch_or_skip

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.video.remove_blend import alpha_of
from eifer.models.cards import ModelCard
from eifer.models.training.config import load_config
from eifer.models.translator import load_translator

torch = torch_or_skip()

from torch.nn import functional  # noqa: E402

from eifer.models.training.direct import losses  # noqa: E402
from eifer.models.training.direct.composing import composed, opacity, spread  # noqa: E402
from eifer.models.training.direct.critic import Critic, judged  # noqa: E402
from eifer.models.training.direct.network import Exported, Translator  # noqa: E402
from eifer.models.training.direct.start import take_weights  # noqa: E402
from eifer.models.training.direct.task import build  # noqa: E402
from eifer.models.training.export import export_onnx  # noqa: E402
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


def test_what_stayed_and_what_is_tinted_costs_in_the_composed_picture() -> None:
    weights = losses.Weights()
    target = torch.zeros(1, 1, 64, 64)
    target[..., 20:40, 20:40] = 1
    clean = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert losses.composed_loss(clean, clean, target, weights) == 0
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(1)) * 0.1 * target
    tint = noise.abs().mean() / target.mean() * target
    noisy, tinted = (
        float(losses.composed_loss(clean + one, clean, target, weights)) for one in (noise, tint)
    )
    # As far off on the mean, but to one side.
    assert tinted > 1.4 * noisy > 0


def test_the_composed_picture_is_what_the_run_time_composes() -> None:
    coverage = functional.avg_pool2d(torch.rand(1, 1, 256, 256), 9, 1, 4) * 2.4 - 0.7
    coverage = coverage.clamp(0, 1)
    wanted = alpha_of(coverage[0, 0].numpy())
    assert wanted.min() < 0.1
    assert wanted.max() > 0.9
    rim = slice(3, -3)  # padded otherwise, where nothing comes to lie
    found = opacity(coverage, 3)[0, 0].numpy()
    np.testing.assert_allclose(found[rim, rim], wanted[rim, rim], atol=1e-6)
    image, made = torch.rand(2, 1, 3, 256, 256)
    mixed = composed(image, made, torch.ones(1, 1, 256, 256))
    assert torch.allclose(mixed, made, atol=1e-6)


def test_free_colours_are_spread_over_what_is_covered() -> None:
    image = torch.zeros(1, 3, 64, 64)
    image[:, 0, :, :32] = 0.8
    image[:, 1, :, 32:] = 0.6
    free = torch.ones(1, 1, 64, 64)
    free[..., 16:48, 8:24] = 0
    covered = image.clone()
    covered[:, 2:, 16:48, 8:24] = 1.0  # a blue electrode on red
    around = spread(covered, free)
    assert torch.allclose(around * free, image * free, atol=1e-5)
    assert float(around[:, 2].max()) < 1e-5
    assert float(around[0, 0, 20:44, 10:22].min()) > 0.6
    assert torch.isfinite(spread(image, torch.zeros(1, 1, 64, 64))).all()


def test_a_critic_tells_blurred_from_true_and_pulls_towards_the_true() -> None:
    torch.manual_seed(0)
    critic = Critic((8, 16))
    true = torch.rand(2, 3, 32, 32)
    made = functional.avg_pool2d(true, 3, 1, 1).requires_grad_()
    alpha = torch.ones(2, 1, 32, 32)
    learner = torch.optim.Adam(critic.parameters(), 1e-2)
    first = None
    for _ in range(40):
        _, own = judged(critic, true, made, alpha)
        first = float(own.detach()) if first is None else first
        learner.zero_grad()
        own.backward()
        learner.step()
    assert float(own.detach()) < 0.8 * float(first or 0)
    assert made.grad is None  # the critic's own loss moves no picture
    learner.zero_grad()
    pleased, _ = judged(critic, true, made, alpha)
    pleased.backward()
    assert all(p.grad is None for p in critic.parameters())
    better = (made - 0.02 * made.grad.sign()).detach()
    assert float(judged(critic, true, better, alpha)[0]) < float(pleased.detach())


def test_a_training_starts_from_an_exported_translator(tmp_path: Path) -> None:
    sizes = {"widths": (8, 12, 16), "down": (0, 1, 1), "up": (1, 1)}
    torch.manual_seed(1)
    earlier = Translator(**sizes)
    with torch.no_grad():  # the exporter keeps one of several equal vectors, such as zeros
        for value in earlier.parameters():
            value.add_(0.01 * torch.randn_like(value))
    path = tmp_path / "earlier.onnx"
    card = ModelCard("earlier", "translator", (), (), "", image_size=256)
    export_onnx(
        Exported(earlier), (torch.rand(1, 3, 256, 256),), card, path, input_names=["image"],
        output_names=["clean", "coverage"], half=True,
    )  # fmt: skip
    torch.manual_seed(2)
    network = Translator(**sizes, second=(8, 12), second_blocks=(1, 1))
    take_weights(network, path)
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        (before, _), (after, _) = earlier(image), network(image)
    # The second look begins with hardly a change.
    assert float((before - after).abs().mean()) < 0.05
    other = Translator((8, 12, 20), (0, 1, 1), (1, 1))
    with pytest.raises(EiferError, match="of another network"):
        take_weights(other, path)
    with pytest.raises(EiferError, match="does not exist"):
        take_weights(network, tmp_path / "none.onnx")


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
    with pytest.raises(EiferError, match=r"model\.second"):
        build(load_config("translator", None, ["model.second=[8]"]))
